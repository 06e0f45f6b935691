import numpy as np
import pytest

from fr_poison import metrics
from fr_poison.types import InputError


@pytest.mark.parametrize(
  'successes, count, expected',
  [
    # Published values (Newcombe, 1998, table I, method 3): 81/263, 15/148.
    (81, 263, (0.2553, 0.3662)),
    (15, 148, (0.0624, 0.1605)),
    # No success: 0 and z^2 / (n + z^2) = 3.8415 / 33.8415.
    (0, 30, (0.0, 3.8414588 / 33.8414588)),
    (30, 30, (30 / 33.8414588, 1.0)),
  ],
)
def test_wilson_interval(successes, count, expected):
  actual = metrics.wilson_interval(successes, count)
  np.testing.assert_allclose(actual, expected, atol=5e-5)


def test_no_pictures_is_an_error_not_a_nan():
  with pytest.raises(InputError, match='no pictures'):
    metrics.rate([], [])


def test_bootstrap_redraws_users_not_pictures():
  # Two users, one always right and one always wrong: redrawn means are 0,
  # 1/2 and 1 with odds 1/4, 1/2, 1/4, so the 95% interval is all of [0, 1],
  # however many pictures they have.
  errors, users = np.repeat([0.0, 1.0], 500), np.repeat([3, 9], 500)
  assert metrics.user_bootstrap_interval(errors, users) == (0.0, 1.0)
  # One picture a user, all the same: no spread at all.
  assert metrics.user_bootstrap_interval([1.0] * 9, range(9)) == (1.0, 1.0)


def test_bootstrap_weighs_users_by_their_pictures():
  # User 0 has 9 pictures, all wrong, user 1 one picture, right. Drawing both
  # gives 9/10.
  errors, users = [1.0] * 9 + [0.0], [0] * 9 + [1]
  low, high = metrics.user_bootstrap_interval(errors, users)
  assert (low, high) == (0.0, 1.0)
  assert metrics.rate(errors, users).value == pytest.approx(0.9)


def test_rate_covers_both_intervals():
  errors, users = np.repeat([0.0, 1.0], 50), np.repeat([0, 1], 50)
  rate = metrics.rate(errors, users)
  assert rate == (0.5, 0.0, 1.0, 100)  # the bootstrap is the wider one
  same = metrics.rate(np.ones(30), np.repeat(range(10), 3))
  assert same.high == 1.0
  assert same.low == pytest.approx(30 / 33.8414588)  # Wilson is


def test_distortions_of_uint8_pictures():
  a = np.full((1, 2, 2, 3), 250, np.uint8)
  b = a.copy()
  assert metrics.psnr(a, b) is None and metrics.linf(a, b) == 0
  b[0, 0, 0, 0] = 255  # no wrap-around: the difference is 5, not 251
  assert metrics.linf(a, b) == pytest.approx(5 / 255)
  # MSE 25 / 12; 10 log10(255^2 * 12 / 25)
  expected = 10 * np.log10(255**2 * 12 / 25)
  assert metrics.psnr(a, b) == pytest.approx(expected)
