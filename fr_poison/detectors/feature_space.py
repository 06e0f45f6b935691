"""The paper's detector: a classifier of clean and cloaked on learnt features.

Either a linear one on the features of a network as it is, or the whole network
trained to separate the two. The network is the trunk of AlexNet or VGG16,
which ImageNet taught and which knows no cloak's surrogate, or any face network.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from fr_poison import checks, extractors, keys, training, weights
from fr_poison.detectors import base, trunks
from fr_poison.extractors import Extractor
from fr_poison.recognizers import end_to_end
from fr_poison.types import InputError

NAME = 'feature_space'


@dataclasses.dataclass(frozen=True)
class FeatureSpace(base.Described, base.OnNetwork):
  """Logistic regression on frozen features; scores are log-odds.

  A network that works on pictures as they are (input_size 0) judges those of
  the training set's size only.

  Attributes:
    C: inverse strength of the penalty on the weights.
    batch_size: pictures embedded at a time.
  """

  C: checks.Positive = 1.0
  batch_size: checks.Count = 20

  def describe(self, images, extractor):
    """Embeds them."""
    return extractors.embed(extractor, images, self.batch_size)

  def judge(self, model, extractor, size):
    """Makes the detector of these log-odds."""
    name, settings = extractor.spec.name, {'C': self.C}
    return _detector(extractor, name, model, size, settings, self.batch_size)


@dataclasses.dataclass(frozen=True)
class FineTuned(base.OnNetwork):
  """The whole network and two classes, trained end to end; log-odds.

  AlexNet and VGG16 learn from square pictures.

  Attributes:
    training: fields of a `training.Recipe`, with a softmax head.
    start_head: as in `end_to_end.Fitter`; 'linear' starts at the weights of
      `FeatureSpace`.
    batch_size: pictures judged at a time.
  """

  training: dict[str, Any]
  start_head: str = 'linear'
  batch_size: checks.Count = 20

  def __post_init__(self):
    """Checks the training, too."""
    super().__post_init__()
    checks.known('start_head', self.start_head, ('random', 'linear'))
    head = self._training().head['name']
    if head != 'softmax':
      raise InputError(f'training.head: softmax expected, not {head}')

  def _training(self):
    try:
      return training.Recipe(**self.training)
    except InputError as error:
      raise InputError(f'training.{error}') from error
    except TypeError as error:
      raise InputError(f'training: {error}') from error

  def _fit(self, clean, cloaked, extractor, folder):
    recipe, images = self._training(), np.concatenate([clean, *cloaked])
    labels = np.repeat([0, 1], [len(clean), len(images) - len(clean)])
    if extractor.spec.name in trunks.NAMES:
      extractor = trunks.standardized(extractor, images)
    fitter = end_to_end.Fitter(extractor, recipe, start_head=self.start_head)
    network, head, *_ = fitter.fit(images, labels)
    kernel, bias = (np.asarray(head[x], np.float64) for x in ('kernel', 'bias'))
    zeros = np.zeros(len(kernel))
    model = base.LogOdds(
      zeros, zeros + 1, kernel[:, 1] - kernel[:, 0], bias[1] - bias[0]
    )
    name = f'{extractor.spec.name}_fine_tuned'
    settings = dataclasses.asdict(recipe) | {'start_head': self.start_head}
    size = clean.shape[1:3]
    return _detector(network, name, model, size, settings, self.batch_size)


def _detector(extractor, features, model, size, settings, batch_size):
  """Log-odds of a network's embeddings, under the name `features`."""
  size = size if extractor.spec.input_size == 0 else None
  settings = settings | {
    'detector': NAME,
    'features': features,
    'network': keys.of_networks([extractor]),
    'size': size,
  }
  arrays = model._asdict() | weights.flatten({'network': extractor.params})
  return base.Detector(
    lambda images: model(extractors.embed(extractor, images, batch_size)),
    NAME,
    features,
    base.digest(settings, arrays),
    size,
    network=_as_network(extractor, model),
    is_log_odds=True,
  )


def _as_network(extractor, model) -> Extractor:
  """One output, the log-odds, for cloaks that do not want to be seen."""
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
  return extractor._replace(
    embed_fn=embed_fn, params=params, spec=spec, sha256=digest
  )
