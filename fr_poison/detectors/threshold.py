"""From scores to decisions: thresholds, chosen on clean pictures alone.

A picture is flagged when its score is above the threshold, not at it. The
threshold belongs to one detector, and its file says to which.
"""

import json
import math
import os
import pathlib

import numpy as np

from fr_poison import checks, strict_json
from fr_poison.detectors.base import Detector
from fr_poison.files import write_atomic
from fr_poison.types import Array, InputError


@checks.checked
def choose(
  scores_of_clean: Array, false_positive_rate: checks.ShareBelowOne
) -> float:
  """The smallest threshold that flags no larger share of clean pictures.

  Clean pictures of equal scores are flagged all or none. With fewer than
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
  flagged = np.flatnonzero(shares <= false_positive_rate)[-1]
  return float(scores[flagged])


@checks.checked
def save(
  path: str | os.PathLike,
  detector: Detector,
  threshold: checks.Number,
  *,
  false_positive_rate: checks.ShareBelowOne,
  num_clean: checks.Count,
) -> None:
  """Writes a threshold and whose it is, as JSON; never half a file.

  Args:
    path: of the file.
    detector: whose scores it cuts.
    threshold: of `choose`.
    false_positive_rate: what it was chosen for.
    num_clean: on how many clean pictures.

  Raises:
    InputError: a number out of range, or it cannot be written.
  """
  content = {
    **_identity(detector),
    'threshold': float(threshold),
    'false_positive_rate': float(false_positive_rate),
    'num_clean': int(num_clean),
  }
  text = json.dumps(strict_json.sealed(content), indent=2) + '\n'
  write_atomic(path, text.encode())


def load(path: str | os.PathLike, detector: Detector) -> float:
  """The threshold of a file that `save` wrote for this very detector.

  Raises:
    InputError: the file is unreadable, altered, or another detector's.
  """
  try:
    content = strict_json.loads(pathlib.Path(path).read_bytes())
    owner = {name: content[name] for name in _identity(detector)}
    threshold = content['threshold']
  except (OSError, LookupError, RecursionError, TypeError, ValueError) as error:
    raise InputError(f'{path}: not a threshold file ({error})') from error
  if owner != _identity(detector):
    raise InputError(
      f'{path}: the threshold of {_described(owner)}, not of '
      f'{_described(_identity(detector))}'
    )
  _check_finite(threshold, str(path))
  return float(threshold)


def _identity(detector):
  return {
    'detector': detector.name,
    'features': detector.features,
    'digest': detector.digest,
  }


def _described(owner):
  digest = str(owner['digest'])[:12]
  told = f'{owner["detector"]} on {owner["features"]} ({digest}...)'
  return ' '.join(told.split())  # a file may say anything


def _check_finite(threshold, field):
  number = isinstance(threshold, int | float | np.number)
  if not number or isinstance(threshold, bool) or not math.isfinite(threshold):
    raise InputError(f'{field}: threshold {threshold!r} is no finite number')
