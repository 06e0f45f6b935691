"""LowKey (Cherepanova et al., ICLR 2021), its plain form.

Pushes the embedding of the picture, plain and blurred, away from where it
was. The blurred view is what makes the cloak survive the smoothing of later
processing. Plain: an L-infinity ball takes the place of the LPIPS term.
"""

from collections.abc import Sequence

import optax

from fr_poison.attacks import base, constraints, objectives, perceptual
from fr_poison.types import EmbedFn


def lowkey(
  embed_fns: Sequence[EmbedFn],
  *,
  epsilon: float = 8 / 255,
  num_steps: int = 40,
  learning_rate: float | None = None,
  luminance_only: bool | None = None,
) -> base.Attack:
  """Sign ascent on the displacement of the plain and the blurred picture.

  Args:
    embed_fns: the ensemble, each `(params, images) -> [B, D]`.
    epsilon: L-infinity budget in [0, 1] pixel units.
    num_steps: updates.
    learning_rate: in pixel units; None is 2.5 epsilon / num_steps.
    luminance_only: see `base.gradient_attack`.

  Raises:
    InputError: epsilon outside (0, 1], num_steps below 1.
  """
  views = (perceptual.gaussian_blur, lambda images: images)
  return base.gradient_attack(
    objectives.displacement(embed_fns, views),
    constraints.linf_ball(epsilon),
    optax.sign_sgd(learning_rate or 2.5 * epsilon / max(num_steps, 1)),
    num_steps=num_steps,
    start_noise=min(0.005, epsilon),
    luminance_only=luminance_only,
  )
