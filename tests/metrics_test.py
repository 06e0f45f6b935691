import numpy as np
import pytest

from fr_poison import intervals, metrics
from fr_poison.types import InputError


def test_no_pictures_is_an_error_not_a_nan():
  with pytest.raises(InputError, match='no pictures'):
    metrics.rate([], [])


def test_a_rate_is_of_pictures_and_its_interval_of_people():
  # User 0 has 9 pictures, 6 of them wrong, user 1 one picture, right.
  errors, users = [1.0] * 6 + [0.0] * 4, [4] * 9 + [7]
  people, wrong, totals = metrics.per_person(errors, users)
  assert [x.tolist() for x in (people, wrong, totals)] == [
    [4, 7],
    [6, 0],
    [9, 1],
  ]
  rate = metrics.rate(errors, users)
  expected = intervals.interval([6, 0], [9, 1])
  assert rate == (0.6, expected.low, expected.high, 10, expected.icc)


def test_distortions_of_uint8_pictures():
  a = np.full((1, 2, 2, 3), 250, np.uint8)
  b = a.copy()
  assert metrics.psnr(a, b) is None and metrics.linf(a, b) == 0
  b[0, 0, 0, 0] = 255  # no wrap-around: the difference is 5, not 251
  assert metrics.linf(a, b) == pytest.approx(5 / 255)
  # MSE 25 / 12; 10 log10(255^2 * 12 / 25)
  expected = 10 * np.log10(255**2 * 12 / 25)
  assert metrics.psnr(a, b) == pytest.approx(expected)
