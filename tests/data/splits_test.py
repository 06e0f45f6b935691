"""Held-out pictures: every person, no overlap, no effect on each other."""

import numpy as np
import pytest

from fr_poison.data.splits import split_per_person
from fr_poison.types import InputError

LABELS = np.array([0] * 10 + [1] * 2 + [2] * 100)


def test_shares():
  split = split_per_person(LABELS, test_fraction=0.29)
  # 2.9, .58 and 29: rounded down, at least 1.
  assert np.bincount(LABELS[split.test]).tolist() == [2, 1, 29]
  both = np.concatenate(split)
  assert sorted(both) == list(range(len(LABELS)))


def test_one_picture_is_left_to_train():
  split = split_per_person(LABELS, test_fraction=0.999)
  assert np.bincount(LABELS[split.train]).tolist() == [1, 1, 1]


def test_seed():
  a, b = (split_per_person(LABELS, seed=3) for _ in range(2))
  np.testing.assert_array_equal(a.test, b.test)
  c = split_per_person(LABELS, seed=4)
  assert a.test.tolist() != c.test.tolist()


def test_people_differ():
  labels = np.repeat([0, 1], 50)
  test = split_per_person(labels).test
  assert test[test < 50].tolist() != (test[test >= 50] - 50).tolist()


def test_does_not_depend_on_who_else_is_there():
  everybody = split_per_person(LABELS).test
  alone = np.flatnonzero(LABELS == 2)
  test = alone[split_per_person(LABELS[alone]).test]
  np.testing.assert_array_equal(test, everybody[LABELS[everybody] == 2])


@pytest.mark.parametrize(
  'kwargs, message',
  [
    ({'labels': np.array([0, 0, 1])}, 'label 1: 1 picture'),
    (
      {'labels': np.array([0, 0, 1]), 'names': ('ann', 'bob')},
      'bob: 1 picture',
    ),
    ({'labels': LABELS, 'test_fraction': 0}, 'test_fraction: '),
    ({'labels': LABELS, 'test_fraction': 1.0}, 'test_fraction: '),
    ({'labels': LABELS, 'seed': -1}, 'seed: '),
  ],
)
def test_refuses(kwargs, message):
  with pytest.raises(InputError, match=f'^{message}'):
    split_per_person(**kwargs)
