"""Rates and their intervals: the protection rate above all.

The pictures of one person are not independent, and neither are two tests of
the same picture. So rates are taken over *distinct* pictures (a picture that
is tested several times counts once, with the share of tests it failed), and
an interval covers both sources of chance: few pictures, and few people.
"""

from typing import NamedTuple

import numpy as np

from fr_poison.types import Array, InputError

Z95 = 1.959963984540054  # 97.5% quantile of the normal distribution


class Rate(NamedTuple):
  """A share in [0, 1] of `count` distinct pictures, with its 95% interval."""

  value: float
  low: float
  high: float
  count: int


def wilson_interval(successes: float, count: int) -> tuple[float, float]:
  """Gives Wilson's score interval of a binomial share (Wilson, 1927).

  Raises:
    InputError: count below 1.
  """
  if count < 1:
    raise InputError('interval: no pictures to take a rate of')
  p, zz = successes / count, Z95**2 / count
  centre = (p + zz / 2) / (1 + zz)
  half = Z95 / (1 + zz) * np.sqrt(p * (1 - p) / count + zz / (4 * count))
  return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def user_bootstrap_interval(errors: Array, users: Array) -> tuple[float, float]:
  """Redraws whole users for the 95% percentile interval of the mean.

  Args:
    errors: [N] in [0, 1], one per picture.
    users: [N], whose picture it is.
  """
  users, index = np.unique(users, return_inverse=True)
  sums = np.bincount(index, errors, len(users))
  counts = np.bincount(index, minlength=len(users))
  draws = np.random.default_rng(0).integers(0, len(users), (2000, len(users)))
  means = sums[draws].sum(1) / counts[draws].sum(1)
  low, high = np.quantile(means, [0.025, 0.975])
  return float(low), float(high)


def rate(errors: Array, users: Array) -> Rate:
  """Averages per-picture errors; the interval covers both chances.

  The interval runs from the lower of the two lower ends (Wilson over
  pictures, bootstrap over users) to the higher of the two upper ends: Wilson
  alone takes one person's pictures for independent, the bootstrap alone
  collapses to a point when every user gave the same result.

  Args:
    errors: [N] in [0, 1], one per distinct picture.
    users: [N], whose picture it is.

  Raises:
    InputError: no pictures.
  """
  errors = np.asarray(errors, np.float64)
  ends = (
    wilson_interval(errors.sum(), len(errors)),
    user_bootstrap_interval(errors, np.asarray(users)),
  )
  low, high = min(e[0] for e in ends), max(e[1] for e in ends)
  return Rate(float(errors.mean()), low, high, len(errors))


def psnr(a: Array, b: Array) -> float | None:
  """Measures the PSNR in dB of uint8 pictures; None if they agree."""
  error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
  return None if error == 0 else float(10 * np.log10(255**2 / error))


def linf(a: Array, b: Array) -> float:
  """Measures the largest change of a pixel of uint8 pictures, in [0, 1]."""
  return float(np.abs(a.astype(np.int32) - b.astype(np.int32)).max() / 255)
