import numpy as np
import pytest

from fr_poison.types import InputError
from fr_poison.verification import pairs

# Person 1 has two pictures, person 4 three, person 7 two, person 9 one.
LABELS = np.array([4, 1, 7, 4, 9, 1, 4, 7])


def _as_sets(drawn):
  return [set(p) for p in zip(drawn.first, drawn.second, strict=True)]


def test_all_pairs_that_there_are():
  # Genuine: 3 of person 4, 1 of person 1, 1 of person 7; as many impostors.
  drawn = pairs.draw(LABELS, num_folds=1)
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
    drawn = pairs.draw(LABELS, 4, num_folds=1, seed=seed)
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
  drawn = pairs.draw(labels, 500, seed=3)
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
  again = pairs.draw(labels, 500, seed=3)
  np.testing.assert_array_equal(drawn, again)
  assert not np.array_equal(drawn.first, pairs.draw(labels, 500).first)


def test_many_pictures_need_no_matrix():
  # A matrix of them all would have 4e10 entries.
  labels = np.arange(200_000) // 100
  drawn = pairs.draw(labels)
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
    pairs.draw(LABELS, **values)


def _given(first, second):
  """As from a protocol's file."""
  first, second = np.array(first), np.array(second)
  return pairs.Pairs(first, second, first == second, 0 * first)


def test_scores_by_hand():
  embeddings = np.array([[3, 4], [4, 3], [0, 0], [-6, -8]], np.float32)
  given = _given([0, 0, 0, 3], [1, 2, 3, 0])
  # (3, 4) and (4, 3): (12 + 12) / 25, and sqrt(2) apart. The last is twice
  # as long as the first and opposite: 15 apart.
  found = pairs.score(embeddings, given)
  np.testing.assert_allclose(found, [24 / 25, 0, -1, -1])
  found = pairs.score(embeddings, given, pairs.minus_distance)
  np.testing.assert_allclose(found, [-np.sqrt(2), -5, -15, -15])


def test_blocks_do_not_change_scores(monkeypatch):
  rng = np.random.default_rng(0)
  embeddings = rng.normal(size=(9, 5))
  given = _given(*rng.integers(0, 9, (2, 20)))
  whole = pairs.score(embeddings, given)
  monkeypatch.setattr(pairs, '_BLOCK', 6)
  np.testing.assert_array_equal(pairs.score(embeddings, given), whole)
