"""How well scores part positives from negatives: the curve, and what is on it.

A score above a threshold is accepted, so equal scores are accepted together.
Everywhere scores are finite, and both kinds are among `is_positive`; an
InputError where they are not that.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from fr_poison import checks
from fr_poison.types import Array, Flags, InputError

Scores = Real[Array, ' N']


class Curve(NamedTuple):
  """One point a distinct score and the origin, thresholds falling."""

  fpr: Float[np.ndarray, ' P']  # accepted share of the negatives, from 0 to 1
  tpr: Float[np.ndarray, ' P']  # accepted share of the positives, from 0 to 1
  # From the highest score, none accepted, to -inf, all.
  thresholds: Float[np.ndarray, ' P']


def curve(scores: Scores, is_positive: Flags) -> Curve:
  """Draws the receiver operating characteristic, a point a distinct score."""
  levels, negatives, positives = counts(scores, is_positive)
  shares = lambda x: np.append(0, np.cumsum(x[::-1])) / x.sum()
  return Curve(
    shares(negatives), shares(positives), np.append(levels[::-1], -np.inf)
  )


def corners(
  points: Curve,
) -> tuple[Float[np.ndarray, ' Q'], Float[np.ndarray, ' Q']]:
  """Keeps the curve's turning points, (fpr, tpr): the same line."""
  steps = np.diff(points.fpr), np.diff(points.tpr)
  turns = steps[0][:-1] * steps[1][1:] != steps[0][1:] * steps[1][:-1]
  keep = np.concatenate([[True], turns, [True]])
  return points.fpr[keep], points.tpr[keep]


def auc(scores: Scores, is_positive: Flags) -> float:
  """Gives the chance that a positive outscores a negative; ties count half.

  The area under the ROC curve, as Mann and Whitney count it (1947).
  """
  _, negatives, positives = counts(scores, is_positive)
  outscored = np.cumsum(negatives) - negatives / 2
  return float(positives @ outscored / (positives.sum() * negatives.sum()))


def tpr_at_fpr(points: Curve, rate: float) -> float:
  """Finds the largest accepted share of positives at no more false accepts.

  Where no threshold has exactly that rate in [0, 1], that of the next lower
  one: between two points of the curve nothing is made up.
  """
  checks.number('rate', rate, 0, 1)
  return float(points.tpr[points.fpr <= rate][-1])


def checked(
  scores: Scores, is_positive: Flags
) -> tuple[Float[np.ndarray, ' N'], Bool[np.ndarray, ' N']]:
  """Checks shapes and scores; returns float64 and bool, of any kinds."""
  scores, is_positive = np.asarray(scores, np.float64), np.asarray(is_positive)
  if scores.ndim != 1 or scores.shape != is_positive.shape:
    raise InputError(
      f'scores: {list(scores.shape)} for {list(is_positive.shape)} labels'
    )
  if not np.isfinite(scores).all():
    raise InputError(
      f'scores: NaN or infinite at {np.argmin(np.isfinite(scores))}'
    )
  return scores, is_positive.astype(bool)


def counts(
  scores: Scores, is_positive: Flags
) -> tuple[
  Float[np.ndarray, ' L'], Int[np.ndarray, ' L'], Int[np.ndarray, ' L']
]:
  """Counts negatives and positives by distinct score, rising."""
  scores, is_positive = checked(scores, is_positive)
  if is_positive.all() or not is_positive.any():
    missing = 'negative' if is_positive.any() else 'positive'
    raise InputError(f'scores: no {missing} to compare with')
  levels, index = np.unique(scores, return_inverse=True)
  count = lambda which: np.bincount(index[which], minlength=len(levels))
  return levels, count(~is_positive), count(is_positive)
