import numpy as np
import pytest
from scipy import optimize
from sklearn import metrics as reference

from fr_poison.types import InputError
from fr_poison.verification import rates


def _pairs(genuine, impostors):
  is_genuine = np.arange(len(genuine) + len(impostors)) < len(genuine)
  return np.array([*genuine, *impostors]), is_genuine


@pytest.mark.parametrize(
  'genuine, impostors, expected',
  [
    # Accepting above 5 accepts one impostor of 4 and rejects 3 of 9 8 6 3.
    ([9, 8, 6, 3], [7, 5, 2, 1], 1 / 4),
    # From above 7 to above 6, half of the impostors are accepted and 1/3, then
    # 2/3 of the genuine pairs.
    ([9, 6, 3], [7, 2], 1 / 2),
    # From above 1 to all ones, from (0, 1/3) to (1/2, 1) on the curve: at 4/7
    # of the way 2/7 are accepted falsely and 2/3 - 4/7 * 2/3 = 2/7 rejected.
    ([2, 1, 1], [1, 0], 2 / 7),
    ([1, 1], [1, 1, 1], 1 / 2),
    ([3, 2], [1, 0], 0),
    ([1, 0], [3, 2], 1),
  ],
)
def test_eer_by_hand(genuine, impostors, expected):
  assert rates.eer(*_pairs(genuine, impostors)) == pytest.approx(expected)


@pytest.mark.parametrize('seed', range(4))
def test_eer_is_where_scikit_learns_curve_crosses(seed):
  rng = np.random.default_rng(seed)
  scores, is_genuine = _pairs(rng.normal(1, 1, 70), rng.normal(0, 1, 90))
  fpr, tpr, _ = reference.roc_curve(is_genuine, scores)
  expected = optimize.brentq(lambda x: 1 - x - np.interp(x, fpr, tpr), 0, 1)
  assert rates.eer(scores, is_genuine) == pytest.approx(expected, abs=1e-9)


def test_tar_at_far_by_hand():
  # Ten impostors: at a FAR of .1 the 9 may pass, and 9.5 and 8.5 do; at .35
  # the 8 and the 7, too; at .4 the 6, and so 5.5.
  scores, is_genuine = _pairs([9.5, 8.5, 5.5, -1], np.arange(10))
  found = rates.tar_at_far(scores, is_genuine, (0.1, 0.35, 0.4, 0.099))
  assert found == {0.1: 0.5, 0.35: 0.5, 0.4: 0.75, 0.099: None}


def test_tar_needs_as_many_impostors_as_its_far_says():
  # One impostor of a million may pass at 1e-6, none of 999,999.
  scores, is_genuine = _pairs([10**6 - 1.5, -1], np.arange(10**6))
  enough = rates.tar_at_far(scores, is_genuine)
  assert list(enough) == [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6]
  assert set(enough.values()) == {0.5}
  few = rates.tar_at_far(scores[:-1], is_genuine[:-1])
  assert few == enough | {1e-6: None}


def test_accuracy_by_hand():
  # Folds of (genuine, impostor): (5, 1), (4, 2), (1.5, 3).
  scores, is_genuine = _pairs([5, 4, 1.5], [1, 2, 3])
  # Without the first: above 3.5 three of four pairs are right. Without the
  # second: three above 1.25 or above 4, so above 4. Without the third: above
  # 3 all are.
  found = rates.accuracy(scores, is_genuine, [0, 1, 2, 0, 1, 2])
  np.testing.assert_array_equal(found.thresholds, [3.5, 4, 3])
  # (5, 1) both; 4 is not above 4; 1.5 is not above 3.
  np.testing.assert_array_equal(found.folds, [1, 1 / 2, 1 / 2])
  # Deviations 1/3, -1/6, -1/6: sqrt((1/9 + 1/36 + 1/36) / 2 / 3) = 1/6.
  assert found.mean == pytest.approx(2 / 3)
  assert found.standard_error == pytest.approx(1 / 6)


def test_a_threshold_may_accept_or_reject_all():
  # Outside the first fold: impostors above all genuine pairs.
  scores, is_genuine = _pairs([1, 2, 2], [3, 4])
  found = rates.accuracy(scores, is_genuine, [0, 1, 1, 0, 1])
  assert found.thresholds[0] == -np.inf  # two of three are genuine
  assert found.folds[0] == 1 / 2


@pytest.mark.parametrize(
  'call, message',
  [
    (lambda: rates.eer([1, 2], [True, True]), 'scores: no negative'),
    (lambda: rates.tar_at_far([1], [True]), 'scores: no negative'),
    (
      lambda: rates.tar_at_far([1, 2], [True, False], [2]),
      r'rate: 2 is outside \[0, 1\]',
    ),
    (
      lambda: rates.accuracy([1, 2], [True, False], [0, 0]),
      'folds: 1, at least 2 needed',
    ),
    (
      lambda: rates.accuracy([1, 2], [True, False], [0, 1]),
      'scores: no positive',
    ),
    (
      lambda: rates.accuracy([1, np.inf], [True, False], [0, 1]),
      'scores: NaN or infinite at 1',
    ),
  ],
)
def test_what_has_no_rate_is_refused(call, message):
  with pytest.raises(InputError, match=f'^{message}'):
    call()
