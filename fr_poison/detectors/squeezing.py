"""Feature squeezing: a picture that a filter moves far is suspicious.

What a cloak adds is fine and weak, so filters that hardly change a clean
picture take it away, and the embedding moves back. The score is the largest
of several filters' distances (the joint detector of Xu, Evans and Qi, "Feature
squeezing", NDSS 2018). They compare class probabilities by L1; a face network
has embeddings, and what counts of these is the direction. Nothing is learnt:
only the threshold is chosen on clean pictures.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from fr_poison import checks, extractors, keys, weights
from fr_poison.data import squeeze
from fr_poison.detectors import base
from fr_poison.types import InputError

NAME = 'squeezing'
# Theirs for colour pictures, and what every picture on the web went through.
SQUEEZERS = (*squeeze.XU_JOINT, {'name': 'jpeg', 'quality': 75})


@dataclasses.dataclass(frozen=True)
class Squeezing(base.OnNetwork):
  """The largest distance between a picture and its squeezed selves.

  Scores are Euclidean distances of embeddings of length 1, in [0, 2].

  Attributes:
    squeezers: each the name and the settings of one of `data.squeeze`.
    batch_size: pictures embedded at a time.
  """

  squeezers: tuple[Mapping, ...] = SQUEEZERS
  batch_size: checks.Count = 20
  learns_from_cloaks = False

  def __post_init__(self):
    """Checks the filters, too."""
    super().__post_init__()
    if not self._filters():
      raise InputError('squeezers: none given')

  def _filters(self):
    return [squeeze.make(**settings) for settings in self.squeezers]

  def _fit(self, clean, cloaked, extractor, folder):
    filters = self._filters()
    embed = lambda x: extractors.embed(extractor, x, self.batch_size)

    def score(images):
      own = _unit(embed(images))
      moved = [own - _unit(embed(filter_(images))) for filter_ in filters]
      return np.max(np.sqrt(np.sum(np.square(moved), -1)), 0)

    settings = {
      'detector': NAME,
      'network': keys.of_networks([extractor]),
      'squeezers': list(self.squeezers),
    }
    digest = base.digest(settings, weights.flatten(extractor.params))
    return base.Detector(score, NAME, extractor.spec.name, digest)


def _unit(embeddings):
  exact = np.asarray(embeddings, np.float64)
  lengths = np.sqrt(np.sum(exact**2, -1, keepdims=True))
  return exact / np.maximum(lengths, 1e-12)
