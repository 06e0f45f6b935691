"""From scores to decisions: thresholds, chosen on clean pictures alone."""

import numpy as np

from fr_poison import checks
from fr_poison.types import Array, InputError


@checks.checked
def choose(
  scores_of_clean: Array, false_positive_rate: checks.ShareBelowOne
) -> float:
  """Chooses the smallest threshold that flags no larger share of clean ones.

  A picture is flagged when its score is above the threshold, not at it, so
  those of equal scores are flagged all or none. With fewer than
  1 / false_positive_rate pictures none is: the threshold is the highest score.

  Args:
    scores_of_clean: [N], of people that the detector never saw.
    false_positive_rate: in [0, 1).

  Raises:
    InputError: no scores, scores that are not finite, or a rate out of range.
  """
  scores = np.sort(np.asarray(scores_of_clean, np.float64))[::-1]
  if scores.ndim != 1 or not len(scores) or not np.isfinite(scores).all():
    raise InputError(
      'scores_of_clean: expected [N] finite numbers, N at least 1'
    )
  # .29 * 100 is 28.999999999999996, but 29 / 100 is .29.
  shares = np.arange(len(scores)) / len(scores)
  return float(scores[np.flatnonzero(shares <= false_positive_rate)[-1]])
