"""How well scores tell cloaked pictures from clean ones.

A picture is flagged when its score is above a threshold, so pictures of equal
scores are flagged together. Rates at one threshold are shares of pictures:
`metrics.rate` gives them their intervals.
"""

from typing import NamedTuple

import numpy as np

from fr_poison import metrics
from fr_poison.types import Array, InputError, Labels


class Roc(NamedTuple):
  """One point a distinct score and the origin, thresholds falling."""

  fpr: np.ndarray  # flagged share of the clean pictures, from 0 to 1
  tpr: np.ndarray  # flagged share of the cloaked ones, from 0 to 1
  thresholds: np.ndarray  # from the highest score, no flag, to -inf, all


class PrecisionRecall(NamedTuple):
  """What flags at one threshold are worth; None where there is no share."""

  precision: float | None  # cloaked share of the flagged; None: no flag
  recall: float | None  # flagged share of the cloaked; None: none cloaked


def roc(scores: Array, is_cloaked: Array) -> Roc:
  """The receiver operating characteristic, every distinct score a point.

  Args:
    scores: [N], finite.
    is_cloaked: [N] bool, both of them there.

  Raises:
    InputError: they are not that.
  """
  levels, clean, cloaked = _counts(scores, is_cloaked)
  shares = lambda x: np.append(0, np.cumsum(x[::-1])) / x.sum()
  return Roc(shares(clean), shares(cloaked), np.append(levels[::-1], -np.inf))


def auc(scores: Array, is_cloaked: Array) -> float:
  """Chance that a cloaked picture outscores a clean one; ties count one half.

  The area under the ROC curve, as Mann and Whitney count it (1947).

  Args:
    scores: [N], finite.
    is_cloaked: [N] bool, both of them there.

  Raises:
    InputError: they are not that.
  """
  _, clean, cloaked = _counts(scores, is_cloaked)
  outscored = np.cumsum(clean) - clean / 2
  return float(cloaked @ outscored / (cloaked.sum() * clean.sum()))


def average_precision(scores: Array, is_cloaked: Array) -> float:
  """Precision at each threshold, weighted with the recall that it adds.

  As scikit-learn's: no interpolation, pictures of equal scores together.

  Args:
    scores: [N], finite.
    is_cloaked: [N] bool, both of them there.

  Raises:
    InputError: they are not that.
  """
  _, clean, cloaked = _counts(scores, is_cloaked)
  clean, cloaked = clean[::-1], cloaked[::-1]
  precision = np.cumsum(cloaked) / np.cumsum(clean + cloaked)
  return float(precision @ cloaked / cloaked.sum())


def tpr_at_fpr(scores: Array, is_cloaked: Array, rate: float) -> float:
  """The largest flagged share of cloaked pictures at no more false flags.

  Where no threshold has exactly that rate, that of the next lower one: between
  two points of the curve nothing is made up.

  Args:
    scores: [N], finite.
    is_cloaked: [N] bool, both of them there.
    rate: the false positive rate, in [0, 1].

  Raises:
    InputError: they are not that.
  """
  if not 0 <= rate <= 1:
    raise InputError(f'rate: {rate!r} is outside [0, 1]')
  curve = roc(scores, is_cloaked)
  return float(curve.tpr[curve.fpr <= rate][-1])


def precision_recall(
  scores: Array, is_cloaked: Array, threshold: float
) -> PrecisionRecall:
  """Of the pictures flagged; all of them may be clean, or none flagged.

  Args:
    scores: [N], finite.
    is_cloaked: [N] bool.
    threshold: pictures above it are flagged.

  Raises:
    InputError: scores are not that.
  """
  scores, is_cloaked = _checked(scores, is_cloaked)
  flagged = scores > threshold
  hits = np.sum(flagged & is_cloaked)
  share = lambda count: float(hits / count) if count else None
  return PrecisionRecall(share(flagged.sum()), share(is_cloaked.sum()))


def auc_interval(
  scores: Array,
  is_cloaked: Array,
  users: Labels,
  *,
  num_samples: int = 2000,
  seed: int = 0,
) -> tuple[float, float]:
  """95% interval of the AUC that covers few pictures and few people.

  As `metrics.rate`: from the lower of two lower ends to the higher of the
  higher ones. One interval takes pictures for independent (Newcombe, 2006,
  method 5: Hanley and McNeil's variance at the ends, solved like Wilson's, so
  that an area of 1 is no proof); the other redraws whole people, clean and
  cloaked pictures of a person together. Draws without either kind tell nothing
  and are left out.

  Args:
    scores: [N], finite.
    is_cloaked: [N] bool, both of them there.
    users: [N], whose picture it is.
    num_samples: bootstrap draws.
    seed: of the draws.

  Raises:
    InputError: they are not that.
  """
  area = auc(scores, is_cloaked)
  num_cloaked = int(np.sum(is_cloaked))
  counts = num_cloaked, len(is_cloaked) - num_cloaked
  areas = _redrawn(scores, is_cloaked, users, num_samples, seed)
  low, high = np.quantile(areas, [0.025, 0.975])
  return (
    float(min(low, _lower_end(area, *counts))),
    float(max(high, 1 - _lower_end(1 - area, *counts))),
  )


def _checked(scores, is_cloaked):
  scores, is_cloaked = np.asarray(scores, np.float64), np.asarray(is_cloaked)
  if scores.ndim != 1 or scores.shape != is_cloaked.shape:
    raise InputError(
      f'scores: {list(scores.shape)} for {list(is_cloaked.shape)} pictures'
    )
  if not np.isfinite(scores).all():
    raise InputError(
      f'scores: NaN or infinite at {np.argmin(np.isfinite(scores))}'
    )
  return scores, is_cloaked.astype(bool)


def _counts(scores, is_cloaked):
  """Distinct scores, rising, and how many clean and cloaked have each."""
  scores, is_cloaked = _checked(scores, is_cloaked)
  if is_cloaked.all() or not is_cloaked.any():
    missing = 'clean' if is_cloaked.any() else 'cloaked'
    raise InputError(f'is_cloaked: no {missing} picture to compare with')
  levels, index = np.unique(scores, return_inverse=True)
  count = lambda which: np.bincount(index[which], minlength=len(levels))
  return levels, count(~is_cloaked), count(is_cloaked)


def _redrawn(scores, is_cloaked, users, num_samples, seed):
  """AUCs of whole people drawn with replacement."""
  scores, is_cloaked = _checked(scores, is_cloaked)
  people, index = np.unique(users, return_inverse=True)
  if index.shape != scores.shape:
    raise InputError(f'users: {len(index)} for {len(scores)} pictures')
  own = index[is_cloaked]
  wins = np.zeros((len(people), len(people)))  # of a row over a column
  for person in range(len(people)):
    clean = np.sort(scores[~is_cloaked & (index == person)])
    sides = [
      clean.searchsorted(scores[is_cloaked], s) for s in ('left', 'right')
    ]
    wins[:, person] = np.bincount(own, sum(sides) / 2, len(people))
  count = lambda which: np.bincount(index[which], minlength=len(people))
  rng = np.random.default_rng(seed)
  draws = rng.integers(0, len(people), (num_samples, len(people)))
  times = np.stack([np.bincount(d, minlength=len(people)) for d in draws])
  pairs = (times @ count(is_cloaked)) * (times @ count(~is_cloaked))
  return np.sum((times @ wins) * times, 1)[pairs > 0] / pairs[pairs > 0]


def _lower_end(area, num_cloaked, num_clean):
  """The smallest AUC from which `area` is Z95 deviations up, by bisection."""
  both = num_cloaked * num_clean
  others = (num_cloaked + num_clean) / 2 - 1
  low, high = 0.0, area
  for _ in range(60):
    t = (low + high) / 2
    spread = 1 + others * ((1 - t) / (2 - t) + t / (1 + t))
    reached = metrics.Z95 * np.sqrt(t * (1 - t) * spread / both)
    low, high = (t, high) if area - t > reached else (low, t)
  return low
