import numpy as np
import pytest

from fr_poison.adversaries import history
from fr_poison.data.splits import split_per_person
from fr_poison.types import InputError

SHARES = {'clean': 0.5, 'old': 0.3, 'new': 0.2}


def _counts(dealt, rows=slice(None)):
  return [int((dealt[rows] == index).sum()) for index in range(3)]


@pytest.mark.parametrize(
  ('count', 'expected'),
  [
    (10, [5, 3, 2]),
    (100, [50, 30, 20]),
    (7, [4, 2, 1]),  # 3.5, 2.1, 1.4: the half is the largest remainder
    (5, [3, 1, 1]),  # 2.5, 1.5, 1: a tie, the oldest first
    (1, [1, 0, 0]),  # .5, .3, .2
    (3, [1, 1, 1]),  # 1.5, .9, .6
  ],
)
def test_shares_become_counts_that_add_up(count, expected):
  labels = np.zeros(count, np.int32)
  for seed in (None, 0):
    dealt = history.deal(SHARES, labels, [0], seed=seed)
    assert _counts(dealt) == expected


def test_rounding_of_the_shares_themselves_costs_no_picture():
  # .29 * 100 is 28.999999999999996.
  shares = {'clean': 0.29, 'old': 0.71, 'new': 0.0}
  dealt = history.deal(shares, np.zeros(100, np.int32), [0])
  assert _counts(dealt) == [29, 71, 0]
  # 1.0000008 is near enough to 1, but one picture too many of two million.
  shares = {'clean': 0.5, 'old': 0.5000008, 'new': 0.0}
  dealt = history.deal(shares, np.zeros(2_000_000, np.int32), [0])
  assert sum(_counts(dealt)) == 2_000_000


def test_the_largest_remainder_is_rounded_up_the_oldest_at_a_tie():
  # .2, 2.4 and 7.4, of which float64 makes the last remainder the largest.
  shares = {'clean': 0.02, 'old': 0.24, 'new': 0.74}
  dealt = history.deal(shares, np.zeros(10, np.int32), [0])
  assert _counts(dealt) == [0, 3, 7]


def test_the_first_pictures_are_the_oldest_unless_drawn():
  # Two people's pictures lie mixed.
  labels = np.array([3, 8] * 10, np.int32)
  dealt = history.deal(SHARES, labels, [8])
  assert (dealt[::2] == -1).all()
  np.testing.assert_array_equal(dealt[1::2], [0] * 5 + [1] * 3 + [2] * 2)
  drawn = [history.deal(SHARES, labels, [8], seed=seed) for seed in (0, 0, 1)]
  np.testing.assert_array_equal(drawn[0], drawn[1])
  assert (drawn[0] != drawn[2]).any() and (drawn[0] != dealt).any()
  both = history.deal(SHARES, labels, [3, 8], seed=0)
  assert (both[::2] != both[1::2]).any()


@pytest.mark.parametrize('seed', [None, 4])
def test_a_persons_pictures_do_not_depend_on_other_people(seed):
  labels = np.array([0] * 6 + [1] * 10 + [2] * 3, np.int32)
  together = history.deal(SHARES, labels, [0, 1, 2], seed=seed)
  alone = history.deal(SHARES, labels[6:16], [1], seed=seed)
  np.testing.assert_array_equal(together[6:16], alone)
  assert _counts(together, labels == 0) == [3, 2, 1]  # 3, 1.8, 1.2


def test_a_split_of_the_same_seed_tests_pictures_of_all_versions():
  # The draws of the 30% for testing and of the 30% that come first are two.
  labels = np.repeat(np.arange(20), 10).astype(np.int32)
  shares = {'clean': 0.3, 'new': 0.7}
  dealt = history.deal(shares, labels, range(20), seed=0)
  test = split_per_person(labels, 0.3, seed=0).test
  assert 0.1 < (dealt[test] == 0).mean() < 0.5


@pytest.mark.parametrize('tail', [(), (2, 2, 3)])
def test_collect_takes_each_row_from_its_version(tail):
  labels = np.array([0] * 4 + [1] * 10, np.int32)
  per_row = lambda values: np.broadcast_to(
    np.uint8(values).reshape(14, *[1] * len(tail)), (14, *tail)
  )
  rows = per_row(range(14)).copy()
  versions = {'clean': rows, 'new': rows + 200, 'old': rows + 100}
  collected = history.collect(versions, SHARES, labels, [1])
  expected = [*range(9), 109, 110, 111, 212, 213]
  np.testing.assert_array_equal(collected, per_row(expected))
  assert collected.dtype == np.uint8
  np.testing.assert_array_equal(versions['clean'], per_row(range(14)))


def test_nobody_need_have_clean_pictures_and_no_version_be_used():
  labels = np.zeros(4, np.int32)
  versions = {name: np.full(4, i) for i, name in enumerate(SHARES)}
  collected = history.collect(versions, {'new': 1.0}, labels, [0])
  np.testing.assert_array_equal(collected, [2, 2, 2, 2])
  collected = history.collect(versions, {'new': 1.0}, labels, [])
  np.testing.assert_array_equal(collected, [0, 0, 0, 0])


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'shares': {'clean': 0.5, 'old': 0.4}}, 'shares: they add up to 0.9'),
    ({'shares': {}}, 'shares: they add up to 0'),
    ({'shares': {'clean': 1.5, 'old': -0.5}}, 'shares.clean: 1.5'),
    ({'shares': {'clean': float('nan')}}, 'shares.clean: nan'),
    ({'shares': {'clean': 0.5, 'newer': 0.5}}, "shares: 'newer' is unknown"),
    ({'versions': {'old': np.zeros(4)}}, "versions: 'clean' is missing"),
    (
      {'versions': {'clean': np.zeros(4), 'old': np.zeros((4, 1))}},
      r"'old' float64 \[4, 1\]",
    ),
    (
      {'versions': {'clean': np.zeros(4), 'old': np.zeros(4, np.uint8)}},
      r"'old' uint8 \[4\]",
    ),
    ({'labels': np.zeros(3, np.int32)}, 'labels: 3 given for 4'),
    ({'protected': [0, 6]}, 'protected: label 6 has no pictures'),
    ({'seed': -1}, 'seed: -1; a whole number'),
  ],
)
def test_what_cannot_be_collected_is_refused(changes, message):
  arguments = {
    'versions': {'clean': np.zeros(4), 'old': np.ones(4)},
    'shares': {'clean': 0.5, 'old': 0.5},
    'labels': np.zeros(4, np.int32),
    'protected': [0],
  }
  with pytest.raises(InputError, match=message):
    history.collect(**arguments | changes)
