"""Feature squeezing: a picture that a filter moves far is suspicious.

What a cloak adds is fine and weak, so filters that hardly change a clean
picture take it away, and the embedding moves back. The score is the largest
of several filters' distances (the joint detector of Xu, Evans and Qi, "Feature
squeezing", NDSS 2018). They compare class probabilities by L1; a face network
has embeddings, and what counts of these is the direction. Nothing is learnt:
only the threshold is chosen on clean pictures.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from fr_poison import checks, extractors, weights
from fr_poison.data import squeeze
from fr_poison.detectors import base
from fr_poison.detectors.base import Detector
from fr_poison.extractors import Extractor
from fr_poison.types import InputError

NAME = 'squeezing'
# Theirs for colour pictures, and what every picture on the web went through.
SQUEEZERS = (*squeeze.XU_JOINT, {'name': 'jpeg', 'quality': 75})


@checks.checked
def make(
  extractor: Extractor,
  squeezers: Sequence[Mapping] = SQUEEZERS,
  *,
  batch_size: checks.Count = 20,
) -> Detector:
  """The largest distance between a picture and its squeezed selves.

  Scores are Euclidean distances of embeddings of length 1, in [0, 2].

  Args:
    extractor: the network whose embeddings are compared.
    squeezers: each the name and the settings of one, as in `SQUEEZERS`.
    batch_size: pictures embedded at a time.

  Raises:
    InputError: no squeezer, or one that `data.squeeze` does not know.
  """
  filters = [squeeze.make(**settings) for settings in squeezers]
  if not filters:
    raise InputError('squeezers: none given')

  def score(images):
    directions = lambda x: _unit(extractors.embed(extractor, x, batch_size))
    own = directions(images)
    moved = [own - directions(filter_(images)) for filter_ in filters]
    return np.max(np.sqrt(np.sum(np.square(moved), -1)), 0)

  settings = {
    'detector': NAME,
    'features': extractor.spec.name,
    'input_size': extractor.input_size,
    'squeezers': list(squeezers),
  }
  return base.make(
    score,
    name=NAME,
    features=extractor.spec.name,
    digest=base.digest(settings, weights.flatten(extractor.params)),
  )


def _unit(embeddings):
  exact = np.asarray(embeddings, np.float64)
  lengths = np.sqrt(np.sum(exact**2, -1, keepdims=True))
  return exact / np.maximum(lengths, 1e-12)
