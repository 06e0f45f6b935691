"""Rates over people's pictures, and how far two pictures are apart.

Neither the pictures of one person are independent, nor two tests of the same
picture. So rates are taken over *distinct* pictures (a picture that is tested
several times counts once, with the share of tests it failed), and their
intervals over people.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real, UInt8

from fr_poison import intervals
from fr_poison.bands import bands
from fr_poison.types import Array, Flags, Labels

# In [0, 1], one a picture; yes or no is 1 or 0.
Shares = Real[Array, ' N'] | Flags
Pixels = UInt8[Array, '... H W 3']


class Rate(NamedTuple):
  """A share in [0, 1] of `count` distinct pictures, with its 95% interval."""

  value: float
  low: float
  high: float
  count: int
  icc: float | None  # see `intervals.Interval`


class PerPerson(NamedTuple):
  """Pictures that were wrong, and all, a person each."""

  people: Labels  # rising
  wrong: Float[Array, ' N']
  totals: Real[Array, ' N']


def per_person(errors: Shares, users: Labels) -> PerPerson:
  """Sums errors in [0, 1] of distinct pictures by users."""
  people, index = np.unique(users, return_inverse=True)
  return PerPerson(people, np.bincount(index, errors), np.bincount(index))


def rate(errors: Shares | Real[Array, 'S N'], users: Labels) -> Rate:
  """Averages per-picture errors, with `intervals.interval` over people.

  Args:
    errors: in [0, 1], one per distinct picture; or a row a seed, of the same
      pictures and other trainings.
    users: whose picture it is.

  Raises:
    InputError: no pictures.
  """
  errors = np.atleast_2d(errors)
  counts = [per_person(own, users)[1:] for own in errors]
  wrong, totals = (np.stack(own) for own in zip(*counts, strict=True))
  low, high, icc = intervals.interval(wrong, totals)
  return Rate(float(np.mean(errors)), low, high, errors.shape[1], icc)


def psnr(a: Pixels, b: Pixels) -> float | None:
  """Measures the PSNR in dB of pictures; None if they agree."""
  # Whole numbers, so it does not matter what is summed first.
  total = sum(
    np.sum((x.astype(np.float64) - y.astype(np.float64)) ** 2)
    for x, y in _bands(a, b)
  )
  return None if total == 0 else float(10 * np.log10(255**2 / (total / a.size)))


def linf(a: Pixels, b: Pixels) -> float:
  """Measures the largest change of a pixel of pictures, in [0, 1]."""
  largest = [
    np.abs(x.astype(np.int32) - y.astype(np.int32)).max()
    for x, y in _bands(a, b)
  ]
  return float(max(largest) / 255)


def _bands(a, b):
  for rows in bands(len(a), a.size // max(len(a), 1)):
    yield a[rows], b[rows]
