"""What was added to a picture is estimated, judged by its size, taken away.

Two ways to know it. *Consistency*: a cloak makes a network's embedding depend
on details that blur, JPEG or a mirror take away, so the smallest change is
looked for after which the embedding no longer does; nothing is learnt, and the
search is an attack turned around. *Residual*: a network that saw what public
tools do tells it at once (`residual_network`). Both as in reverse engineering
of deceptions (Gong et al., ICLR 2022, there with a denoiser that is aligned
with the attacked network's predictions).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from fr_poison import checks
from fr_poison.attacks import constraints, loop, transforms
from fr_poison.attacks.gradient import gradient_attack
from fr_poison.attacks.networks import embed
from fr_poison.attacks.objectives import Objective, mirror, normalize
from fr_poison.data.batches import map_batches
from fr_poison.detectors import base, fitting, residual_network
from fr_poison.detectors.base import Detector
from fr_poison.detectors.model import Model
from fr_poison.types import Array, EmbedFn, InputError, Params

NAME = 'reverse_engineering'
VIEWS = (
  {'name': 'blur', 'kernel_size': 5, 'sigma': 1.0},
  {'name': 'jpeg', 'quality': 75},
  {'name': 'mirror'},
)


class Estimator(NamedTuple):
  """Tells what was added to pictures; those of equal digests tell alike."""

  estimate: Callable[[np.ndarray], Array]
  # uint8 [N, H, W, 3] -> float32 of the same shape, in [0, 1] pixel units
  features: str  # what it looks at
  digest: str  # SHA-256 of what it learnt and of its settings


def detector(estimator: Estimator) -> Detector:
  """Scores by the root mean square of the estimate, in [0, 1] pixel units."""

  def score(images):
    change = np.asarray(estimator.estimate(images), np.float64)
    return np.sqrt((change**2).mean((1, 2, 3)))

  return base.make(
    score,
    name=NAME,
    features=estimator.features,
    digest=estimator.digest,
  )


def purify(estimator: Estimator, images: np.ndarray) -> np.ndarray:
  """The pictures without what the estimator says was added.

  Args:
    estimator: of `residual` or `consistency`.
    images: uint8 [N, H, W, 3].

  Returns:
    uint8 [N, H, W, 3].

  Raises:
    InputError: images are not that.
  """
  base.check_pictures(images)
  change = 255 * np.asarray(estimator.estimate(images))
  return np.clip(np.rint(images - change), 0, 255).astype(np.uint8)


def residual(model: Model) -> Estimator:
  """The estimator that is a trained network."""
  return Estimator(
    lambda images: residual_network.estimate(model, images),
    'residual network',
    base.digest(
      model.settings | {'detector': NAME}, fitting.flat(model.params)
    ),
  )


@checks.checked
def consistency(
  embed_fn: EmbedFn,
  params: Params,
  *,
  features: str,
  views: Sequence[Mapping] = VIEWS,
  penalty_weight: checks.Positive = 1000.0,
  num_steps: checks.Count = 20,
  learning_rate: checks.Positive = 0.5 / 255,
  batch_size: checks.Count = 16,
) -> Estimator:
  """Finds the small change after which all views embed alike.

  Per picture x the x' is looked for that minimises the mean over views of
  |f(view(x')) - f(x')|^2, f normalised, plus penalty_weight times the mean of
  (x' - x)^2; the estimate is x - x'. Grey pictures stay grey.

  Args:
    embed_fn: f, any network of faces.
    params: its weights.
    features: its name.
    views: each the name and the settings of one: 'blur', 'jpeg' or 'resize'
      of `attacks.transforms`, or 'mirror'.
    penalty_weight: price of the change, which is in [0, 1] pixel units.
    num_steps: of Adam.
    learning_rate: of Adam, in [0, 1] pixel units.
    batch_size: pictures at a time.

  Raises:
    InputError: unknown or no views, or a setting that cannot be meant.
  """
  settings = {
    'views': [dict(view) for view in views],
    'penalty_weight': penalty_weight,
    'num_steps': num_steps,
    'learning_rate': learning_rate,
  }
  search = _search(embed_fn, **settings)

  def estimate(images):
    if not len(images):
      return np.zeros(images.shape, np.float32)
    return map_batches(restored, images, batch_size)

  def restored(images):
    found, _ = loop.run(search, [params], jax.random.key(0), images)
    return images - found

  digest = base.digest(
    settings | {'detector': NAME, 'features': features}, fitting.flat(params)
  )
  return Estimator(estimate, features, digest)


def inconsistency(embed_fn: EmbedFn, views: Sequence[Callable]) -> Objective:
  """How far views of a picture embed from the picture; shrinks.

  Args:
    embed_fn: the network.
    views: (rngs [B], images) -> images.
  """

  def distance(params, reference, images, rngs):
    del reference
    stacked = [images, *(view(rngs, images) for view in views)]
    embeddings = embed(embed_fn, params[0], jnp.concatenate(stacked))
    shape = len(stacked), len(images), embeddings.shape[1]
    unit = normalize(embeddings).reshape(shape)
    return jnp.mean(jnp.sum((unit[1:] - unit[0]) ** 2, -1), 0)

  nothing = lambda params, images, targets: ()
  return Objective(nothing, distance, sign=-1.0)


def _search(embed_fn, views, penalty_weight, num_steps, learning_rate):
  if not views:
    raise InputError('views: at least one expected')

  def measure(state, adv_images, images):
    del state
    square = jnp.mean((adv_images - images) ** 2, (1, 2, 3))
    return penalty_weight * square, {}

  attack = gradient_attack(
    inconsistency(embed_fn, [_view(**view) for view in views]),
    constraints.unbounded()._replace(measure=measure),
    optax.adam(learning_rate),
    num_steps=num_steps,
  )
  # Not rounded: most of a small change is less than one grey level.
  return attack._replace(finish=lambda params, state: (state.best_images, {}))


def _view(name, **settings):
  known = {
    'blur': transforms.blur,
    'jpeg': transforms.jpeg,
    'mirror': lambda: lambda rngs, images: mirror(images),
    'resize': transforms.resize,
  }
  if name not in known:
    raise InputError(f'views: {name!r} is unknown; known: {list(known)}')
  try:
    return known[name](**settings)
  except TypeError as error:
    raise InputError(f'views: {name}: {error}') from error
