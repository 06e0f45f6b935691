"""How well scores tell cloaked pictures from clean ones.

A picture is flagged when its score is above a threshold, so pictures of equal
scores are flagged together. Everywhere: scores [N], finite; is_cloaked [N],
bool, both kinds among them unless said otherwise; users [N], whose picture it
is. InputError where they are not that.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fr_poison import metrics, roc
from fr_poison.types import Array, InputError, Labels


class PrecisionRecall(NamedTuple):
  """What flags at one threshold are worth; None where there is no share."""

  precision: metrics.Rate | None  # cloaked share of the flagged; None: no flag
  recall: metrics.Rate | None  # flagged share of the cloaked; None: none is


def average_precision(scores: Array, is_cloaked: Array) -> float:
  """Averages the precision, weighted with the recall each threshold adds.

  As scikit-learn's: no interpolation, pictures of equal scores together.
  """
  _, clean, cloaked = roc.counts(scores, is_cloaked)
  clean, cloaked = clean[::-1], cloaked[::-1]
  precision = np.cumsum(cloaked) / np.cumsum(clean + cloaked)
  return float(precision @ cloaked / cloaked.sum())


def precision_recall(
  scores: Array, is_cloaked: Array, users: Labels, threshold: float
) -> PrecisionRecall:
  """Rates the flags of one threshold; all may be clean, or none flagged."""
  scores, is_cloaked = roc.checked(scores, is_cloaked)
  flagged, users = scores > threshold, np.asarray(users)
  share = lambda hits, of: (
    metrics.rate(hits[of], users[of]) if any(of) else None
  )
  return PrecisionRecall(
    precision=share(is_cloaked, flagged), recall=share(flagged, is_cloaked)
  )


def tpr_at_fpr(
  scores: Array, is_cloaked: Array, users: Labels, rate: float
) -> metrics.Rate:
  """Gives `roc.tpr_at_fpr` its 95% interval.

  As `metrics.rate`, but every draw of people finds its own threshold, which
  few clean pictures leave as uncertain as the rate.
  """
  found = lambda *given: roc.tpr_at_fpr(roc.curve(*given), rate)
  value, count = found(scores, is_cloaked), int(np.sum(is_cloaked))
  ends = (
    metrics.wilson_interval(value * count, count),
    people_interval(found, scores, is_cloaked, users),
  )
  low, high = min(e[0] for e in ends), max(e[1] for e in ends)
  return metrics.Rate(value, low, high, count)


def people_interval(
  statistic: Callable[[Array, Array], float],
  scores: Array,
  is_cloaked: Array,
  users: Labels,
  *,
  num_samples: int = 200,
  seed: int = 0,
) -> tuple[float, float]:
  """Redraws whole people for the 95% percentile interval of a statistic.

  Of scores and is_cloaked, with both kinds of every person. It is a point where
  all people give the same: it does not know of their number.
  """
  scores, is_cloaked = roc.checked(scores, is_cloaked)
  rows = [np.flatnonzero(users == user) for user in np.unique(users)]
  rng = np.random.default_rng(seed)
  draws = rng.integers(0, len(rows), (num_samples, len(rows)))
  chosen = (np.concatenate([rows[i] for i in draw]) for draw in draws)
  values = [statistic(scores[r], is_cloaked[r]) for r in chosen]
  low, high = np.quantile(values, [0.025, 0.975])
  return float(low), float(high)


def auc_interval(
  scores: Array,
  is_cloaked: Array,
  users: Labels,
  *,
  num_samples: int = 2000,
  seed: int = 0,
) -> tuple[float, float]:
  """Finds the 95% interval of the AUC: few pictures, and few people.

  As `metrics.rate`: from the lower of two lower ends to the higher of the
  higher ones. One interval takes pictures for independent (Newcombe, 2006,
  method 5: Hanley and McNeil's variance at the ends, solved like Wilson's, so
  that an area of 1 is no proof); the other redraws whole people, clean and
  cloaked pictures of a person together. Draws without either kind tell nothing
  and are left out.
  """
  area = roc.auc(scores, is_cloaked)
  num_cloaked = int(np.sum(is_cloaked))
  counts = num_cloaked, len(is_cloaked) - num_cloaked
  areas = _redrawn(scores, is_cloaked, users, num_samples, seed)
  low, high = np.quantile(areas, [0.025, 0.975])
  return (
    float(min(low, _lower_end(area, *counts))),
    float(max(high, 1 - _lower_end(1 - area, *counts))),
  )


def _redrawn(scores, is_cloaked, users, num_samples, seed):
  """AUCs of whole people drawn with replacement."""
  scores, is_cloaked = roc.checked(scores, is_cloaked)
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
