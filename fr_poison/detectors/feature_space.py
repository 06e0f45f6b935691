"""The paper's detector: a classifier of clean and cloaked on learnt features.

Either a linear one on the features of a network as it is, or the whole network
trained to tell the two apart. The network is AlexNet's trunk, which was
trained on ImageNet and knows no cloak's surrogate, or any face network.
"""

import dataclasses

import jax.numpy as jnp
import numpy as np

from fr_poison import checks, extractors, weights
from fr_poison.detectors import base, trunk
from fr_poison.detectors.base import Detector, LogOdds
from fr_poison.extractors import Extractor
from fr_poison.recognizers import end_to_end
from fr_poison.training import Recipe
from fr_poison.types import InputError

NAME = 'feature_space'
ALEXNET = trunk.ALEXNET
alexnet = trunk.alexnet


@checks.checked
def fit(
  extractor: Extractor,
  clean: np.ndarray,
  cloaked: np.ndarray,
  *,
  C: checks.Positive = 1.0,
  batch_size: checks.Count = 20,
) -> Detector:
  """Logistic regression on frozen features; scores are log-odds.

  Args:
    extractor: `alexnet()` or a face network. What works on pictures as they
      are (input_size 0) judges those of the training set's size only.
    clean: uint8 [N, H, W, 3].
    cloaked: uint8 [M, H, W, 3].
    C: inverse strength of the penalty on the weights.
    batch_size: pictures embedded at a time.

  Raises:
    InputError: as `base.check_training_set`; pictures too small for the
      network; C out of range.
  """
  model = train(extractor, clean, cloaked, C=C, batch_size=batch_size)
  name = extractor.spec.name
  return _detector(extractor, name, model, clean, {'C': C}, batch_size)


@checks.checked
def train(
  extractor: Extractor,
  clean: np.ndarray,
  cloaked: np.ndarray,
  *,
  C: checks.Positive = 1.0,
  batch_size: checks.Count = 20,
) -> LogOdds:
  """What `fit` learns; arguments and errors as there."""
  _check(extractor, clean, cloaked)
  embed = lambda images: extractors.embed(extractor, images, batch_size)
  return base.fit_log_odds(embed(clean), embed(cloaked), C=C)


def as_network(extractor: Extractor, model: LogOdds) -> Extractor:
  """The detector as a network of one output, its log-odds, with gradients.

  For cloaks that do not want to be seen (`attacks.evading_pgd`).

  Args:
    extractor: as given to `train`.
    model: of `train`.
  """
  kernel = np.asarray(model.weights) / model.scale
  params = {
    'network': extractor.params,
    'kernel': jnp.asarray(kernel[:, None], jnp.float32),
    'bias': jnp.asarray(model.bias - model.mean @ kernel, jnp.float32),
  }

  def embed_fn(params, images):
    features = extractor.embed_fn(params['network'], images)
    product = jnp.matmul(features, params['kernel'], precision='highest')
    return product + params['bias']

  name = f'{NAME} on {extractor.spec.name}'
  spec = extractor.spec._replace(name=name, embedding_size=1)
  digest = weights.digest(weights.flatten(params))
  return Extractor(embed_fn, params, spec, extractor.input_size, digest)


@checks.checked
def fine_tune(
  extractor: Extractor,
  clean: np.ndarray,
  cloaked: np.ndarray,
  recipe: Recipe,
  *,
  start_head: str = 'linear',
  batch_size: checks.Count = 20,
) -> Detector:
  """The whole network and two classes, trained end to end; log-odds.

  Args:
    extractor: the start: `alexnet()`, for square pictures, or a face network.
    clean: uint8 [N, H, W, 3].
    cloaked: uint8 [M, H, W, 3].
    recipe: of the training, with a softmax head.
    start_head: as in `end_to_end.Fitter`; 'linear' starts at `fit`'s weights.
    batch_size: pictures judged at a time.

  Raises:
    InputError: as `fit`; another head, pictures that are not square, a
      network without weights, or a loss that is no longer finite.
  """
  _check(extractor, clean, cloaked)
  if recipe.head['name'] != 'softmax':
    raise InputError(f'head: softmax expected, not {recipe.head["name"]}')
  images = np.concatenate([clean, cloaked])
  labels = np.repeat([0, 1], [len(clean), len(cloaked)])
  if extractor.spec.name == ALEXNET:
    extractor = trunk.standardized(extractor, images, batch_size)
  fitter = end_to_end.Fitter(extractor, recipe, start_head=start_head)
  model = fitter.fit(images, labels)
  name = f'{extractor.spec.name}_fine_tuned'
  settings = dataclasses.asdict(recipe) | {'start_head': start_head}
  head = _as_log_odds(model.head)
  return _detector(model.extractor, name, head, clean, settings, batch_size)


def _as_log_odds(head):
  """A softmax head of two classes: the second one's logit less the first's."""
  kernel, bias = (np.asarray(head[x], np.float64) for x in ('kernel', 'bias'))
  columns = len(kernel)
  difference = kernel[:, 1] - kernel[:, 0]
  return LogOdds(
    np.zeros(columns), np.ones(columns), difference, bias[1] - bias[0]
  )


def _check(extractor, clean, cloaked):
  base.check_training_set(clean, cloaked)
  if extractor.spec.name == ALEXNET:
    trunk.check_size(clean)


def _detector(extractor, features, model, clean, settings, batch_size):
  """Log-odds of a network's embeddings, under the name `features`."""
  as_they_are = extractor.spec.input_size == 0
  size = clean.shape[1:3] if as_they_are else None
  settings = settings | {
    'detector': NAME,
    'features': features,
    'input_size': extractor.input_size,
    'size': size,
  }
  arrays = model._asdict() | weights.flatten({'network': extractor.params})
  return base.make(
    lambda images: base.log_odds(
      model, extractors.embed(extractor, images, batch_size)
    ),
    name=NAME,
    features=features,
    digest=base.digest(settings, arrays),
    size=size,
  )
