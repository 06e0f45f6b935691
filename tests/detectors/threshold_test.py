import numpy as np
import pytest

from fr_poison.detectors import threshold
from fr_poison.types import InputError


@pytest.mark.parametrize(
  'rate, expected',
  [
    (0, 3),  # nothing is above the highest score
    (0.2, 3),  # of four pictures one would be too many
    (0.25, 2),
    (0.5, 2),  # both twos or none: above 1 would be three quarters
    (0.75, 1),
    (0.99, 1),
  ],
)
def test_thresholds_by_hand(rate, expected):
  assert threshold([2, 1, 3, 2], rate) == expected


@pytest.mark.parametrize('rate', [0.0, 0.01, 0.1, 0.29, 0.57, 0.999])
def test_no_lower_threshold_keeps_the_rate(rate):
  rng = np.random.default_rng(0)
  for count, levels in ((100, 1000), (100, 9), (7, 3)):
    scores = rng.integers(0, levels, count)
    chosen = threshold(scores, rate)
    assert np.mean(scores > chosen) <= rate
    assert np.mean(scores > chosen - 1e-9) > rate


def test_a_share_that_is_no_sum_of_halves():
  # int(.29 * 100) is 28, but 29 of 100 are allowed: 70, ..., 98 are flagged
  # above 70 - and so above 71 there are only 28.
  assert threshold(np.arange(100), 0.29) == 70


@pytest.mark.parametrize(
  'scores, rate, message',
  [
    ([], 0.1, 'scores_of_clean: expected'),
    ([1, np.nan], 0.1, 'scores_of_clean: expected'),
    ([[1, 2]], 0.1, 'scores_of_clean: expected'),
    ([1, 2], 1, 'false_positive_rate: 1 is outside'),
    ([1, 2], -0.1, 'false_positive_rate: -0.1 is outside'),
    ([1, 2], np.nan, 'false_positive_rate: nan is outside'),
  ],
)
def test_what_gives_no_threshold_is_refused(scores, rate, message):
  with pytest.raises(InputError, match=f'^{message}'):
    threshold(scores, rate)
