"""LowKey (Cherepanova et al., ICLR 2021), as its authors released it.

Pushes the embeddings of the picture, plain and blurred, away from where they
were, and pays for it in LPIPS. The blurred view is what makes the cloak
survive the smoothing of later processing.
"""

from collections.abc import Sequence

import optax

from fr_poison import checks
from fr_poison.attacks import (
  base,
  constraints,
  gradient,
  objectives,
  optimizers,
  perceptual,
)
from fr_poison.types import EmbedFn, InputError, Params

# The authors average squared differences over their networks' 512 dimensions.
# A unit embedding moves by at most 4 whatever its dimension, so this factor is
# kept for others: LPIPS then weighs what it weighs in the paper.
_GAIN = 1 / 512


@base.by_value
def lowkey(
  embed_fns: Sequence[EmbedFn],
  *,
  epsilon: checks.Epsilon | None = None,
  num_steps: checks.Count = 50,
  learning_rate: checks.Positive | None = 0.0025,
  lpips_weight: checks.NotNegative = 0.05,
  start_noise: checks.NotNegative = 0.005,
  mirrored: bool = True,
  ensemble: str = 'intended',
  lpips_params: Params | None = None,
  luminance_only: bool | None = None,
) -> base.Attack:
  """Climbs the displacement of picture and blur by signs, minus LPIPS (eq. 2).

  The last iterate comes back, clipped to [0, 1] once, at the end; the original
  only if the iterate's embeddings are no farther away, whatever LPIPS says.

  Args:
    embed_fns: the ensemble. The authors use face.evoLVe's IR-152 and
      ResNet-152, each trained with ArcFace and with CosFace.
    epsilon: optional L-infinity budget; theirs has none, so that pixels move
      by up to num_steps * learning_rate + start_noise = .13.
    num_steps: updates.
    learning_rate: None is 2.5 epsilon / num_steps, and needs an epsilon.
    lpips_weight: price of one unit of LPIPS; 0 goes without the network.
    start_noise: half-width of the uniform start; at most epsilon.
    mirrored: embeddings are the normalised sums over picture and mirror image.
    ensemble: 'intended', or 'as_released': the authors' program loads both
      checkpoints of an architecture into one object, so the last one is used
      for all. Here the entries with the same embed_fn then share the last
      one's params.
    lpips_params: other weights than `perceptual.load_lpips()`.
    luminance_only: see `gradient_attack`; False for the authors' behaviour on
      grey pictures.
  """
  checks.known('ensemble', ensemble, ('intended', 'as_released'))
  if learning_rate is None and epsilon is None:
    raise InputError('learning_rate: None needs an epsilon to follow')
  views = (perceptual.gaussian_blur, lambda images: images)
  objective = objectives.displacement(embed_fns, views, mirrored=mirrored)
  if ensemble == 'as_released':
    objective = _aliased(objective, embed_fns)
  constraint = constraints.unbounded()
  if epsilon is not None:
    constraint = constraints.linf_ball(epsilon)
    start_noise = min(start_noise, epsilon)
  if lpips_weight > 0:
    constraint = constraints.lpips_penalty(
      constraint,
      weight=lpips_weight,
      gain=_GAIN,
      params=perceptual.load_lpips() if lpips_params is None else lpips_params,
    )
  return gradient.gradient_attack(
    objective,
    constraint,
    optax.sign_sgd(optimizers.default_rate(learning_rate, epsilon, num_steps)),
    num_steps=num_steps,
    start_noise=start_noise,
    rank=lambda terms: terms['feature_distance'],
    keep=('last',),
    luminance_only=luminance_only,
  )


def _aliased(objective, embed_fns):
  """Each network with the params of the last one of its architecture."""
  last = {embed_fn: i for i, embed_fn in enumerate(embed_fns)}
  alias = lambda params: [
    params[last[f]] for f, _ in zip(embed_fns, params, strict=True)
  ]
  return objective._replace(
    reference=lambda params, *args: objective.reference(alias(params), *args),
    distance=lambda params, *args: objective.distance(alias(params), *args),
  )
