import numpy as np
import pytest
from sklearn import metrics as reference

from fr_poison import roc
from fr_poison.types import InputError

# In falling order 5p 4. 3p 3. 1. with p for positive and . for negative.
SCORES = np.array([3, 1, 5, 3, 4])
POSITIVE = np.array([True, False, True, False, False])


def test_curve_by_hand():
  # Above 5: none. Above 4: 5p. Above 3: and 4. Above 1: and both threes, in
  # one step, for they cannot be kept apart. Above -inf: all.
  curve = roc.curve(SCORES, POSITIVE)
  np.testing.assert_array_equal(curve.thresholds, [5, 4, 3, 1, -np.inf])
  np.testing.assert_allclose(curve.tpr, [0, 1 / 2, 1 / 2, 1, 1])
  np.testing.assert_allclose(curve.fpr, [0, 0, 1 / 3, 2 / 3, 1])
  for threshold, tpr in zip(curve.thresholds, curve.tpr, strict=True):
    assert np.mean(SCORES[POSITIVE] > threshold) == tpr


def test_corners_are_where_the_curve_turns():
  # Up by two positives, right by three negatives, up by one, then both at once
  # in the same direction twice: 5 points of the 10 are enough.
  scores = np.array([12, 11, 10, 9, 8, 7, 6, 6, 5, 5])
  positive = np.array([1, 1, 0, 0, 0, 1, 1, 0, 1, 0], bool)
  points = roc.curve(scores, positive)
  fpr, tpr = roc.corners(points)
  np.testing.assert_allclose(fpr, np.array([0, 0, 3, 3, 5]) / 5)
  np.testing.assert_allclose(tpr, np.array([0, 2, 2, 3, 5]) / 5)
  np.testing.assert_allclose(
    np.interp(points.tpr, tpr, fpr)[-3:], points.fpr[-3:]
  )


def test_area_by_hand():
  # Of 2 * 3 pairs, 5p wins three; 3p wins one, ties one, loses one: 4.5 / 6.
  assert roc.auc(SCORES, POSITIVE) == 4.5 / 6


@pytest.mark.parametrize('seed', range(5))
def test_area_and_curve_are_scikit_learns(seed):
  # With many ties, the positives higher.
  rng = np.random.default_rng(seed)
  positive = rng.random(60) < 0.4
  scores = rng.integers(0, 12, 60) + 3 * positive
  ours = roc.curve(scores, positive)
  fpr, tpr, thresholds = reference.roc_curve(
    positive, scores, drop_intermediate=False
  )
  np.testing.assert_allclose(ours.fpr, fpr)
  np.testing.assert_allclose(ours.tpr, tpr)
  # Theirs accept at the threshold, ours above it.
  np.testing.assert_array_equal(ours.thresholds[:-1], thresholds[1:])
  expected = reference.roc_auc_score(positive, scores)
  assert roc.auc(scores, positive) == pytest.approx(expected)


def test_useless_and_perfect_scores():
  positive = np.arange(10) < 4
  for scores, area in ((np.zeros(10), 0.5), (positive, 1.0), (~positive, 0.0)):
    assert roc.auc(scores, positive) == area
  # Of one score nothing is accepted but all.
  assert roc.tpr_at_fpr(roc.curve(np.zeros(10), positive), 0.99) == 0


@pytest.mark.parametrize(
  'rate, expected',
  # Rates that a threshold can have are 0, 1/3, 2/3 and 1.
  [(0, 1 / 2), (0.66, 1 / 2), (2 / 3, 1), (1, 1)],
)
def test_tpr_at_fpr_by_hand(rate, expected):
  found = roc.tpr_at_fpr(roc.curve(SCORES, POSITIVE), rate)
  assert found == pytest.approx(expected)


@pytest.mark.parametrize(
  'scores, positive, message',
  [
    ([1, 2], [True, True], 'scores: no negative to compare with'),
    ([1, 2], [False, False], 'scores: no positive to compare with'),
    ([], [], 'scores: no positive'),
    ([1, np.nan], [True, False], 'scores: NaN or infinite at 1'),
    ([1, 2, 3], [True, False], r'scores: \[3\] for \[2\] labels'),
  ],
)
def test_what_has_no_curve_is_refused(scores, positive, message):
  for function in (roc.curve, roc.auc):
    with pytest.raises(InputError, match=f'^{message}'):
      function(scores, positive)


def test_rates_outside_their_range_are_refused():
  with pytest.raises(InputError, match=r'^rate: 1.5 is outside \[0, 1\]'):
    roc.tpr_at_fpr(roc.curve(SCORES, POSITIVE), 1.5)
