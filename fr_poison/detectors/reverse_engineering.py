"""What was added to a picture is estimated, judged by its size, taken away.

Two ways to know it, both as in reverse engineering of deceptions (Gong et al.,
ICLR 2022, there with a denoiser that is aligned with the attacked network's
predictions). A network that saw what public tools do says it at once
(`residual`). *Consistency*, here, learns nothing: a cloak makes a network's
embedding depend on details that blur, JPEG or a mirror take away, so the
smallest change is looked for after which the embedding no longer does; the
search is an attack turned around.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float

from fr_poison import checks
from fr_poison.attacks import constraints, loop, transforms
from fr_poison.attacks.gradient import gradient_attack
from fr_poison.attacks.networks import embed
from fr_poison.attacks.objectives import Objective, mirror, normalize
from fr_poison.data.batches import map_batches
from fr_poison.detectors import base, fitting
from fr_poison.extractors import Extractor
from fr_poison.types import Array, EmbedFn, InputError, UInt8Images

NAME = 'reverse_engineering'
VIEWS = (
  {'name': 'blur', 'kernel_size': 5, 'sigma': 1.0},
  {'name': 'jpeg', 'quality': 75},
  {'name': 'mirror'},
)
_VIEWS = {
  'blur': transforms.blur,
  'jpeg': transforms.jpeg,
  'mirror': lambda: lambda rngs, images: mirror(images),
  'resize': transforms.resize,
}


Change = Float[Array, 'N H W 3']  # in [0, 1] pixel units


def detector(
  estimate: Callable[[UInt8Images], Change], features: str, digest: str
) -> base.Detector:
  """Scores by the root mean square of a change, and takes it away.

  Args:
    estimate: gives what was added to pictures.
    features: what it looks at.
    digest: see `base.digest`.
  """

  def score(images):
    change = np.asarray(estimate(images), np.float64)
    return np.sqrt((change**2).mean((1, 2, 3)))

  def purify(images):
    purified = np.rint(images - 255 * np.asarray(estimate(images)))
    return np.clip(purified, 0, 255).astype(np.uint8)

  return base.Detector(score, NAME, features, digest, purify_fn=purify)


@dataclasses.dataclass(frozen=True)
class Consistency(base.OnNetwork):
  """Finds the small change after which all views embed alike.

  Per picture x the x' is looked for that minimises the mean over views of
  `|f(view(x')) - f(x')|^2`, f normalised, plus penalty_weight times the mean of
  (x' - x)^2; the estimate is x - x'. Grey pictures stay grey.

  Attributes:
    views: each the name and the settings of one: 'blur', 'jpeg' or 'resize'
      of `attacks.transforms`, or 'mirror'.
    penalty_weight: price of the change, which is in [0, 1] pixel units.
    num_steps: of Adam.
    learning_rate: of Adam, in [0, 1] pixel units.
    batch_size: pictures at a time.
  """

  views: tuple[Mapping, ...] = VIEWS
  penalty_weight: checks.Positive = 1000.0
  num_steps: checks.Count = 20
  learning_rate: checks.Positive = 0.5 / 255
  batch_size: checks.Count = 16
  learns_from_cloaks = False

  def __post_init__(self):
    """Checks the views, too."""
    super().__post_init__()
    if not self._views():
      raise InputError('views: at least one expected')

  def _views(self):
    return [_view(**view) for view in self.views]

  def estimator(self, extractor: Extractor) -> Callable[[UInt8Images], Change]:
    """Makes the function that estimates what was added; see `detector`."""

    def measure(state, adv_images, images):
      del state
      square = jnp.mean((adv_images - images) ** 2, (1, 2, 3))
      return self.penalty_weight * square, {}

    attack = gradient_attack(
      inconsistency(extractor.embed_fn, self._views()),
      constraints.unbounded()._replace(measure=measure),
      optax.adam(self.learning_rate),
      num_steps=self.num_steps,
    )
    # Not rounded: most of a small change is less than one grey level.
    search = attack._replace(
      finish=lambda params, state: (state.best_images, {})
    )

    def change(images):
      given = [extractor.params], jax.random.key(0), images
      return images - loop.run(search, *given)[0]

    return lambda images: map_batches(change, images, self.batch_size)

  def _fit(self, clean, cloaked, extractor, folder):
    name = extractor.spec.name
    settings = dataclasses.asdict(self) | {'detector': NAME, 'features': name}
    del settings['batch_size']  # changes nothing
    digest = base.digest(settings, fitting.flat(extractor.params))
    return detector(self.estimator(extractor), name, digest)


def inconsistency(embed_fn: EmbedFn, views: Sequence[Callable]) -> Objective:
  """Measures how far views embed from the picture; to be shrunk.

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


def _view(name, **settings):
  checks.known('views', name, _VIEWS)
  try:
    return _VIEWS[name](**settings)
  except TypeError as error:
    raise InputError(f'views: {name}: {error}') from error
