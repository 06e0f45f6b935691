"""How often pairs are told rightly: EER, TAR at FAR, accuracy over folds.

Scores are the higher the more alike two pictures are; a pair is accepted when
its score is above a threshold. `fr_poison.roc` has the curve and its area.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fr_poison import roc
from fr_poison.types import Array, InputError

FARS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


class Accuracy(NamedTuple):
  """Over folds, as LFW's technical report has it (Huang et al., 2007)."""

  mean: float
  standard_error: float  # of that mean
  folds: np.ndarray  # [F], each with the threshold of the others
  thresholds: np.ndarray  # [F]


def eer(scores: Array, is_genuine: Array) -> float:
  """The rate where false accepts and false rejects are as frequent.

  Between two points of the ROC curve: on the straight line between them.

  Args:
    scores: [P], finite.
    is_genuine: [P] bool, both of them there.

  Raises:
    InputError: they are not that.
  """
  points = roc.curve(scores, is_genuine)
  excess = points.fpr - (1 - points.tpr)  # rises from -1 to 1
  after = np.searchsorted(excess, 0)
  ends = [after - 1, after]
  return float(np.interp(0, excess[ends], points.fpr[ends]))


def tar_at_far(
  scores: Array, is_genuine: Array, fars: Sequence[float] = FARS
) -> dict[float, float | None]:
  """The accepted share of genuine pairs at no more than each FAR.

  Args:
    scores: [P], finite.
    is_genuine: [P] bool, both of them there.
    fars: false accept rates, in [0, 1].

  Returns:
    By FAR; None where there are fewer than 1 / FAR impostor pairs, too few to
    see one false accept at that rate.

  Raises:
    InputError: they are not that.
  """
  points = roc.curve(scores, is_genuine)
  least = 1 / np.sum(~np.asarray(is_genuine, bool))
  return {
    far: roc.tpr_at_fpr(points, far) if far >= least else None for far in fars
  }


def accuracy(scores: Array, is_genuine: Array, folds: Array) -> Accuracy:
  """Of each fold with the threshold that is best on all the others.

  Args:
    scores: [P], finite.
    is_genuine: [P] bool.
    folds: [P], LFW's are ten; both kinds of pairs outside each.

  Raises:
    InputError: they are not that, or there is only one fold.
  """
  scores, is_genuine = roc.checked(scores, is_genuine)
  folds = np.asarray(folds)
  numbers = np.unique(folds)
  if len(numbers) < 2:
    raise InputError(f'folds: {len(numbers)}, at least 2 needed')
  thresholds, shares = [], []
  for fold in numbers:
    own = folds == fold
    cut = _best_threshold(scores[~own], is_genuine[~own])
    thresholds.append(cut)
    shares.append(np.mean((scores[own] > cut) == is_genuine[own]))
  error = np.std(shares, ddof=1) / np.sqrt(len(shares))
  return Accuracy(
    float(np.mean(shares)),
    float(error),
    np.array(shares),
    np.array(thresholds),
  )


def _best_threshold(scores, is_genuine):
  """Half-way between two scores; the highest of several that are best."""
  levels, impostors, genuine = roc.counts(scores, is_genuine)
  rejected = np.append(0, np.cumsum(impostors - genuine))
  best = len(levels) - np.argmax(rejected[::-1])
  limits = np.concatenate([[-np.inf], levels, [np.inf]])
  return (limits[best] + limits[best + 1]) / 2
