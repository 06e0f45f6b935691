"""The trainer with two networks, an accurate one and a robust one.

A network that resists cloaks may recognize clean pictures a little worse than
the best there is. Both combinations of the paper get the robustness without
the loss: they hand out two candidates, or ask the robust network only where
the accurate one is not sure (Radiya-Dixit et al., ICLR 2022).
"""

import numpy as np
from scipy.spatial import distance

from fr_poison import checks, distances
from fr_poison.recognizers.ranking import Ranking, check_embeddings
from fr_poison.types import Embeddings, InputError, Labels


def top2(accurate: Ranking, robust: Ranking) -> Ranking:
  """Hands out the first candidate of each, the accurate recognizer's first.

  That is right where either is. Unlike in other rankings both may be the same
  person, and the scores, each its own recognizer's, do not compare.

  Args:
    accurate: labels and scores [..., k].
    robust: [..., any k], of the same probes.

  Returns:
    [..., 2].

  Raises:
    InputError: not of the same probes.
  """
  pairs = zip(accurate, robust, strict=True)
  firsts = [(np.asarray(a)[..., 0], np.asarray(b)[..., 0]) for a, b in pairs]
  _check_shapes(*firsts[0])
  return Ranking(*(np.stack(first, -1) for first in firsts))


def threshold(
  accurate: Ranking, robust: Ranking, minimum_score: float
) -> Ranking:
  """Asks the robust recognizer where the accurate one's score is too low.

  Scores stay those of the recognizer that was asked.

  Args:
    accurate: labels and scores [..., k].
    robust: the same, of the same probes.
    minimum_score: of the accurate one's first candidate, see `calibrate`;
      a score that equals it is high enough.

  Returns:
    [..., k].

  Raises:
    InputError: not of the same probes or k, minimum_score is NaN.
  """
  if np.isnan(minimum_score):
    raise InputError('minimum_score: nan given, a number expected')
  _check_shapes(accurate.labels, robust.labels)
  sure = np.asarray(accurate.scores)[..., :1] >= minimum_score
  pairs = zip(accurate, robust, strict=True)
  return Ranking(*(np.where(sure, a, b) for a, b in pairs))


@checks.checked
def calibrate(
  embeddings: Embeddings,
  labels: Labels,
  *,
  normalize: bool = False,
  quantile: checks.Between = 0.95,
) -> float:
  """Finds the `minimum_score` for `threshold` with 1-NN, by clean pictures.

  Minus the quantile of the distances from each picture to the nearest other
  one of the same person: of clean probes, about so large a share is left to
  the accurate network. People with a single picture are passed over.

  Args:
    embeddings: the accurate network's, of public people for instance.
    labels: whose they are.
    normalize: as in `nearest_neighbor.fit`.
    quantile: in (0, 1).

  Returns:
    A score of `nearest_neighbor`: minus a Euclidean distance.

  Raises:
    InputError: quantile outside (0, 1), embeddings not [N, D] or not finite,
      another number of labels, nobody with two pictures.
  """
  embeddings, labels = np.asarray(embeddings, np.float64), np.asarray(labels)
  check_embeddings(embeddings)
  if labels.shape != embeddings.shape[:1]:
    raise InputError(
      f'labels: {len(labels)} given for {len(embeddings)} embeddings'
    )
  if normalize:
    embeddings = distances.normalize(embeddings)
  nearest = []
  for label in np.unique(labels):
    own = embeddings[labels == label]
    if len(own) > 1:
      between = distance.cdist(own, own)
      np.fill_diagonal(between, np.inf)
      nearest.append(between.min(1))
  if not nearest:
    raise InputError('labels: nobody has two pictures to compare')
  return -float(np.quantile(np.concatenate(nearest), quantile))


def _check_shapes(accurate, robust):
  if np.shape(accurate) != np.shape(robust):
    raise InputError(
      f'robust: expected {list(np.shape(accurate))} as for accurate, '
      f'got {list(np.shape(robust))}'
    )
