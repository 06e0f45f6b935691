"""How well a detector separates cloaked pictures from clean ones.

A picture is flagged when its score is above a threshold, so pictures of equal
scores are flagged together. Everywhere: scores [N], finite; is_cloaked [N],
bool, both kinds among them; users [N], whose picture it is.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import special

from fr_poison import keys, metrics, roc
from fr_poison.detectors import Detector
from fr_poison.evaluation.protocol import Memory
from fr_poison.types import Flags, InputError, Labels, UInt8Images

_RATES = (0.01, 0.001)  # of false positives
_ENDS = (0.025, 0.975)  # of a 95% interval
_Z95 = float(special.ndtri(_ENDS[1]))


def measure(
  detector: Detector,
  threshold: float,
  clean: UInt8Images,
  cloaked: UInt8Images,
  users: Labels,
  memory: Memory,
) -> dict[str, Any]:
  """Scores clean and cloaked pictures, and returns the fields of a record.

  `precision` and `recall` are those of the threshold; `argmax_precision` and
  `argmax_recall` of what a classifier takes for likelier, as in the paper, and
  null for a detector that is none.

  Args:
    detector: trained on other people.
    threshold: what its score has to be above for a flag.
    clean: pictures without a cloak.
    cloaked: the same pictures.
    users: whose they are.
    memory: of scores; the clean pictures of several measurements are scored
      once a detector.
  """
  start = time.monotonic()
  scores = np.concatenate(
    [_scores(detector, images, memory) for images in (clean, cloaked)]
  )
  is_cloaked, users = np.repeat([False, True], len(users)), np.tile(users, 2)
  given = scores, is_cloaked, users
  curve, ap = roc.corners(roc.curve(scores, is_cloaked)), average_precision
  rates = {str(rate): tpr_at_fpr(*given, rate) for rate in _RATES}
  return {
    'detector': detector.name,
    'features': detector.features,
    'digest': detector.digest,
    'auc': roc.auc(scores, is_cloaked),
    'auc_ci': auc_interval(*given),
    'average_precision': ap(scores, is_cloaked),
    'average_precision_ci': people_interval(ap, *given),
    'tpr_at_fpr': {name: rate.value for name, rate in rates.items()},
    'tpr_at_fpr_ci': {n: [rate.low, rate.high] for n, rate in rates.items()},
    'roc': {
      name: np.round(x, 4).tolist()
      for name, x in zip(('fpr', 'tpr'), curve, strict=True)
    },
    'threshold': threshold,
    **_decided('', *given, threshold),
    **_decided('argmax_', *given, 0.0 if detector.is_log_odds else None),
    'num_people': len(np.unique(users)),
    'num_images': len(scores),
    'wall_seconds': time.monotonic() - start,
  }


def false_positives(
  detector: Detector,
  threshold: float,
  innocent: Mapping[str, UInt8Images],
  users: Labels,
  memory: Memory,
) -> dict[str, Any]:
  """Gives the shares of pictures flagged that nobody cloaked, as fields.

  Args:
    detector: trained on other people.
    threshold: see `measure`.
    innocent: uint8 [N, H, W, 3] each, by what was done to them.
    users: [N], whose they are.
    memory: see `measure`.
  """
  rates = {
    name: metrics.rate(_scores(detector, images, memory) > threshold, users)
    for name, images in innocent.items()
  }
  return {
    'false_positive_rates': {n: rate.value for n, rate in rates.items()},
    'false_positive_rates_ci': {
      n: [rate.low, rate.high] for n, rate in rates.items()
    },
  }


def share(name: str, hits: metrics.Shares, users: Labels) -> dict[str, Any]:
  """Gives a rate and its interval as fields; None where there is no picture."""
  rate = metrics.rate(hits, users) if len(hits) else None
  return {
    name: rate and rate.value,
    f'{name}_ci': rate and [rate.low, rate.high],
  }


def _scores(detector, images, memory):
  key = detector.digest, keys.of_array(images)
  return memory.recall(key, lambda: detector.score(images))


def _decided(prefix, scores, is_cloaked, users, cut):
  """Precision and recall of flags above `cut`; None where there is none."""
  names = prefix + 'precision', prefix + 'recall'
  if cut is None:
    return dict.fromkeys(x for name in names for x in (name, f'{name}_ci'))
  flagged = scores > cut
  return {
    **share(names[0], is_cloaked[flagged], users[flagged]),
    **share(names[1], flagged[is_cloaked], users[is_cloaked]),
  }


def average_precision(scores: roc.Scores, is_cloaked: Flags) -> float:
  """Averages the precision, weighted with the recall each threshold adds.

  As scikit-learn's: no interpolation, pictures of equal scores together.
  """
  _, clean, cloaked = roc.counts(scores, is_cloaked)
  clean, cloaked = clean[::-1], cloaked[::-1]
  precision = np.cumsum(cloaked) / np.cumsum(clean + cloaked)
  return float(precision @ cloaked / cloaked.sum())


def tpr_at_fpr(
  scores: roc.Scores, is_cloaked: Flags, users: Labels, rate: float
) -> metrics.Rate:
  """Gives `roc.tpr_at_fpr` its 95% interval.

  That of `metrics.rate`, for one threshold; as few clean pictures leave the
  threshold as uncertain as the rate, it reaches as far as draws of people do
  that find a threshold each, where these reach further.
  """
  scores, is_cloaked = roc.checked(scores, is_cloaked)
  points = roc.curve(scores, is_cloaked)
  cut = points.thresholds[points.fpr <= rate][-1]
  own = metrics.rate(scores[is_cloaked] > cut, np.asarray(users)[is_cloaked])
  found = lambda *given: roc.tpr_at_fpr(roc.curve(*given), rate)
  low, high = people_interval(found, scores, is_cloaked, users)
  return own._replace(low=min(own.low, low), high=max(own.high, high))


def people_interval(
  statistic: Callable[[roc.Scores, Flags], float],
  scores: roc.Scores,
  is_cloaked: Flags,
  users: Labels,
) -> tuple[float, float]:
  """Redraws whole people for the 95% percentile interval of a statistic.

  Of scores and is_cloaked, with both kinds of every person. It is a point where
  all people give the same: it does not know of their number.
  """
  rows = [np.flatnonzero(users == user) for user in np.unique(users)]
  draws = np.random.default_rng(0).integers(0, len(rows), (200, len(rows)))
  chosen = (np.concatenate([rows[i] for i in draw]) for draw in draws)
  values = [statistic(scores[r], is_cloaked[r]) for r in chosen]
  low, high = np.quantile(values, _ENDS)
  return float(low), float(high)


def auc_interval(
  scores: roc.Scores, is_cloaked: Flags, users: Labels
) -> tuple[float, float]:
  """Finds the 95% interval of the AUC: few pictures, and few people.

  From the lower of two lower ends to the higher of the higher ones. One
  interval takes pictures for independent (Newcombe, 2006, method 5: Hanley and
  McNeil's variance at the ends, solved like Wilson's, so that an area of 1 is
  no proof); the other redraws whole people.

  Raises:
    InputError: another number of users.
  """
  area = roc.auc(scores, is_cloaked)
  num_cloaked = int(np.sum(is_cloaked))
  counts = num_cloaked, len(is_cloaked) - num_cloaked
  low, high = np.quantile(redrawn_areas(scores, is_cloaked, users), _ENDS)
  return (
    float(min(low, _lower_end(area, *counts))),
    float(max(high, 1 - _lower_end(1 - area, *counts))),
  )


def redrawn_areas(
  scores: roc.Scores,
  is_cloaked: Flags,
  users: Labels,
  num_samples: int = 2000,
  seed: int = 0,
) -> Float[np.ndarray, ' _']:
  """Computes AUCs of whole people drawn with replacement.

  Clean and cloaked pictures of a person come together. Draws without either
  kind say nothing and are left out.
  """
  scores, is_cloaked = roc.checked(scores, is_cloaked)
  people, index = np.unique(users, return_inverse=True)
  if index.shape != scores.shape:
    raise InputError(f'users: {len(index)} for {len(scores)} pictures')
  wins = np.zeros((len(people), len(people)))  # of a row over a column
  for person in range(len(people)):
    clean = np.sort(scores[~is_cloaked & (index == person)])
    sides = [
      clean.searchsorted(scores[is_cloaked], s) for s in ('left', 'right')
    ]
    wins[:, person] = np.bincount(
      index[is_cloaked], sum(sides) / 2, len(people)
    )
  count = lambda which: np.bincount(index[which], minlength=len(people))
  rng = np.random.default_rng(seed)
  draws = rng.integers(0, len(people), (num_samples, len(people)))
  times = np.stack([np.bincount(d, minlength=len(people)) for d in draws])
  pairs = (times @ count(is_cloaked)) * (times @ count(~is_cloaked))
  return np.sum((times @ wins) * times, 1)[pairs > 0] / pairs[pairs > 0]


def _lower_end(area, num_cloaked, num_clean):
  """The smallest AUC from which `area` is _Z95 deviations up, by bisection."""
  both = num_cloaked * num_clean
  others = (num_cloaked + num_clean) / 2 - 1
  low, high = 0.0, area
  for _ in range(60):
    t = (low + high) / 2
    spread = 1 + others * ((1 - t) / (2 - t) + t / (1 + t))
    reached = _Z95 * np.sqrt(t * (1 - t) * spread / both)
    low, high = (t, high) if area - t > reached else (low, t)
  return low
