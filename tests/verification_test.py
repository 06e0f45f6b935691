import numpy as np
import pytest
from scipy import optimize
from sklearn import metrics as reference

from fr_poison import verification
from fr_poison.types import InputError

# Person 1 has two pictures, person 4 three, person 7 two, person 9 one.
LABELS = np.array([4, 1, 7, 4, 9, 1, 4, 7])


def _as_sets(drawn):
  return [set(p) for p in zip(drawn.first, drawn.second, strict=True)]


def test_all_pairs_that_there_are():
  # Genuine: 3 of person 4, 1 of person 1, 1 of person 7; as many impostors.
  drawn = verification.draw(LABELS, num_folds=1)
  assert len(drawn.first) == 10 and np.sum(drawn.is_genuine) == 5
  same = LABELS[drawn.first] == LABELS[drawn.second]
  np.testing.assert_array_equal(same, drawn.is_genuine)
  found = _as_sets(drawn)
  assert all(len(pair) == 2 for pair in found)
  assert len({frozenset(pair) for pair in found}) == 10
  assert found[:5] == [{1, 5}, {0, 3}, {0, 6}, {3, 6}, {2, 7}]


def test_every_pair_is_as_likely_as_any_other():
  counts = {True: {}, False: {}}
  for seed in range(400):
    drawn = verification.draw(LABELS, 4, num_folds=1, seed=seed)
    for pair, kind in zip(_as_sets(drawn), drawn.is_genuine, strict=True):
      pair = frozenset(pair)
      counts[kind][pair] = counts[kind].get(pair, 0) + 1
  # 2 of 5 genuine pairs a draw, and of the other 28 - 5 = 23: each 160 and
  # 35 times, with deviations of 10 and 6.
  for kind, total, mean in ((True, 5, 160), (False, 23, 34.8)):
    assert len(counts[kind]) == total
    assert all(abs(n - mean) < 30 for n in counts[kind].values())


def test_nobody_is_in_two_folds_and_folds_are_even():
  labels = np.random.default_rng(0).permutation(np.repeat(np.arange(40), 10))
  drawn = verification.draw(labels, 500, seed=3)
  own = [
    {*labels[drawn.first[drawn.folds == i]]}
    | {*labels[drawn.second[drawn.folds == i]]}
    for i in range(10)
  ]
  assert [len(people) for people in own] == [4] * 10
  assert len(set.union(*own)) == 40
  for kind in (True, False):
    counts = np.bincount(drawn.folds[drawn.is_genuine == kind])
    np.testing.assert_array_equal(counts, [25] * 10)
  again = verification.draw(labels, 500, seed=3)
  np.testing.assert_array_equal(drawn, again)
  assert not np.array_equal(drawn.first, verification.draw(labels, 500).first)


def test_many_pictures_need_no_matrix():
  # A matrix of them all would have 4e10 entries.
  labels = np.arange(200_000) // 100
  drawn = verification.draw(labels)
  assert np.sum(drawn.is_genuine) == 3000 and len(drawn.first) == 6000
  np.testing.assert_array_equal(
    labels[drawn.first] == labels[drawn.second], drawn.is_genuine
  )


@pytest.mark.parametrize(
  'values, message',
  [
    ({'num_folds': 4}, 'labels: fold .* of 4 has no pair of each kind'),
    ({'num_folds': 0}, 'num_folds: 0; a whole number from 1'),
    ({'num_pairs': 1}, 'num_pairs: 1; a whole number from 2'),
  ],
)
def test_what_cannot_be_drawn_is_refused(values, message):
  with pytest.raises(InputError, match=f'^{message}'):
    verification.draw(LABELS, **values)


def _given(first, second):
  """As from a protocol's file."""
  first, second = np.array(first), np.array(second)
  return verification.Pairs(first, second, first == second, 0 * first)


def test_scores_by_hand():
  embeddings = np.array([[3, 4], [4, 3], [0, 0], [-6, -8]], np.float32)
  given = _given([0, 0, 0, 3], [1, 2, 3, 0])
  # (3, 4) and (4, 3): (12 + 12) / 25. The last is opposite to the first.
  found = verification.score(embeddings, given)
  np.testing.assert_allclose(found, [24 / 25, 0, -1, -1])


def test_blocks_do_not_change_scores(monkeypatch):
  rng = np.random.default_rng(0)
  embeddings = rng.normal(size=(9, 5))
  given = _given(*rng.integers(0, 9, (2, 20)))
  whole = verification.score(embeddings, given)
  monkeypatch.setattr(verification, '_BLOCK', 6)
  np.testing.assert_array_equal(verification.score(embeddings, given), whole)


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
  assert verification.eer(*_pairs(genuine, impostors)) == pytest.approx(
    expected
  )


@pytest.mark.parametrize('seed', range(4))
def test_eer_is_where_scikit_learns_curve_crosses(seed):
  rng = np.random.default_rng(seed)
  scores, is_genuine = _pairs(rng.normal(1, 1, 70), rng.normal(0, 1, 90))
  fpr, tpr, _ = reference.roc_curve(is_genuine, scores)
  expected = optimize.brentq(lambda x: 1 - x - np.interp(x, fpr, tpr), 0, 1)
  assert verification.eer(scores, is_genuine) == pytest.approx(
    expected, abs=1e-9
  )


def test_accuracies_by_hand():
  # Folds of (genuine, impostor): (5, 1), (4, 2), (1.5, 3).
  scores, is_genuine = _pairs([5, 4, 1.5], [1, 2, 3])
  # Without the first: above 3.5 three of four pairs are right. Without the
  # second: three above 1.25 or above 4, so above 4. Without the third: above
  # 3 all are. So (5, 1) both; 4 is not above 4; 1.5 is not above 3.
  found = verification.accuracies(scores, is_genuine, [0, 1, 2, 0, 1, 2])
  assert found.tolist() == [1, 1 / 2, 1 / 2]


def test_a_threshold_may_accept_or_reject_all():
  # Outside the first fold impostors are above all genuine pairs, two of three
  # are genuine: all are accepted. Outside the second one of two is: the highest
  # of the best thresholds rejects all.
  scores, is_genuine = _pairs([1, 2, 2], [3, 4])
  found = verification.accuracies(scores, is_genuine, [0, 1, 1, 0, 1])
  assert found.tolist() == [1 / 2, 1 / 3]


@pytest.mark.parametrize(
  'call, message',
  [
    (lambda: verification.eer([1, 2], [True, True]), 'scores: no negative'),
    (
      lambda: verification.accuracies([1, 2], [True, False], [0, 0]),
      'folds: 1, at least 2 needed',
    ),
    (
      lambda: verification.accuracies([1, 2], [True, False], [0, 1]),
      'scores: no positive',
    ),
    (
      lambda: verification.accuracies([1, np.inf], [True, False], [0, 1]),
      'scores: NaN or infinite at 1',
    ),
  ],
)
def test_what_has_no_rate_is_refused(call, message):
  with pytest.raises(InputError, match=f'^{message}'):
    call()
