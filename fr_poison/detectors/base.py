"""What every detector is: scores of pictures, under a name that stays true.

A detector learns from public people's pictures, clean ones and ones that a
public tool cloaked, and is judged on other people's. It is given pictures and
never what they are; one picture's score does not depend on the others'.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from fr_poison import checks, weights
from fr_poison.recognizers import linear
from fr_poison.types import Array, InputError, calling


class Detector(NamedTuple):
  """Scores pictures; those of equal digests score alike."""

  score: Callable[[np.ndarray], np.ndarray]
  # uint8 [N, H, W, 3] -> [N] float64, higher where a cloak is likelier
  name: str
  features: str  # what it looks at
  digest: str  # SHA-256 of what it learnt and of its settings


class LogOdds(NamedTuple):
  """(features - mean) / scale @ weights + bias."""

  mean: Array  # [F]
  scale: Array  # [F]
  weights: Array  # [F]
  bias: float


def make(
  score: Callable[[np.ndarray], np.ndarray],
  *,
  name: str,
  features: str,
  digest: str,
  size: tuple[int, int] | None = None,
) -> Detector:
  """A detector that refuses what `score` was not made for.

  Args:
    score: uint8 [N, H, W, 3] -> [N], N at least 1.
    name: of the kind of detector.
    features: what it looks at.
    digest: see `digest`.
    size: (H, W) of the pictures it can judge; None: of any.
  """

  def checked(images):
    check_pictures(images, size=size)
    if not len(images):
      return np.zeros(0)
    with calling('score'):
      scores = score(images)
    if np.shape(scores) != (len(images),):
      raise InputError(
        f'score: gave {list(np.shape(scores))}; one number a picture '
        f'expected, [{len(images)}]'
      )
    return np.asarray(scores, np.float64)

  return Detector(checked, name, features, digest)


def digest(settings: Mapping[str, Any], arrays: Mapping[str, Array]) -> str:
  """SHA-256 of plain settings and of named arrays."""
  text = json.dumps(settings, sort_keys=True, default=dict)
  both = f'{text} {weights.digest(dict(arrays))}'
  return hashlib.sha256(both.encode()).hexdigest()


def check_pictures(
  images: np.ndarray,
  name: str = 'images',
  size: tuple[int, int] | None = None,
) -> None:
  """Refuses what are not stored pictures, or are of another size.

  Args:
    images: expected uint8 [N, H, W, 3].
    name: what to call them in the message.
    size: expected (H, W); None: any.

  Raises:
    InputError: they are not that.
  """
  shape = np.shape(images)
  if len(shape) != 4 or shape[-1] != 3 or images.dtype != np.uint8:
    kind = getattr(images, 'dtype', type(images).__name__)
    raise InputError(
      f'{name}: expected uint8 [N, H, W, 3], got {kind} {list(shape)}'
    )
  if size is not None and shape[1:3] != tuple(size):
    raise InputError(
      f'{name}: pictures of {shape[1]}x{shape[2]}, but the detector was '
      f'trained on {size[0]}x{size[1]}'
    )


def check_training_set(clean: np.ndarray, cloaked: np.ndarray) -> None:
  """Refuses pictures that no detector can learn from.

  Args:
    clean: expected uint8 [N, H, W, 3].
    cloaked: expected uint8 [M, H, W, 3], of the same size; M may differ.

  Raises:
    InputError: not such pictures, none of one class, unequal sizes, or
      cloaked ones that are the clean ones to the last bit.
  """
  for name, images in (('clean', clean), ('cloaked', cloaked)):
    check_pictures(images, name)
    if not len(images):
      raise InputError(f'{name}: no pictures; a detector learns from both')
  if clean.shape[1:] != cloaked.shape[1:]:
    raise InputError(
      f'cloaked: {list(cloaked.shape)}, expected pictures of the size of the '
      f'clean ones, {list(clean.shape)}'
    )
  if np.array_equal(clean, cloaked):
    raise InputError('cloaked: not a pixel differs from the clean pictures')


@checks.checked
def fit_log_odds(
  clean: Array, cloaked: Array, *, C: checks.Positive = 1.0
) -> LogOdds:
  """Logistic regression on features, [N, F] and [M, F].

  Args:
    clean: of clean pictures.
    cloaked: of cloaked ones.
    C: as in `recognizers.linear.fit`.

  Raises:
    InputError: C out of range, or features that are not finite.
  """
  labels = np.repeat([0, 1], [len(clean), len(cloaked)])
  model = linear.fit(np.concatenate([clean, cloaked]), labels, C=C)
  kernel, bias = (np.asarray(x, np.float64) for x in model[2:4])
  return LogOdds(
    model.mean, model.scale, kernel[:, 1] - kernel[:, 0], bias[1] - bias[0]
  )


def log_odds(model: LogOdds, features: Array) -> np.ndarray:
  """Natural logarithm of p(cloaked) / p(clean), [N] float64, of [N, F]."""
  standard = (np.asarray(features, np.float64) - model.mean) / model.scale
  # Not a matrix product, whose last digit depends on the number of rows.
  return (standard * model.weights).sum(1) + model.bias
