import numpy as np
import pytest

from fr_poison import evaluation, intervals
from fr_poison.types import InputError


def test_by_hand():
  # The halves of 4 people: the network that is best on one of them is measured
  # on the other. Network 0 is right about everybody of one half, 1 of another.
  order = np.random.default_rng(0).permutation(4)
  first, second = np.sort(order[:2]), np.sort(order[2:])
  wrong = np.zeros((3, 4))
  wrong[0, second] = 4, 2
  wrong[1, first] = 1, 3
  wrong[2] = 2
  found = evaluation.best_network(wrong, np.full(4, 5))
  for half, network, people, rate in zip(
    found.halves, (0, 1), (second, first), (6 / 10, 4 / 10), strict=True
  ):
    assert half.network == network and half.rate == rate
    np.testing.assert_array_equal(half.people, people)
  assert found.halves[0].interval == intervals.interval([4, 2], [5, 5])
  # Chosen on all people it would be .2 by either.
  assert found.rate == 10 / 20
  assert found.interval == intervals.interval([4, 2, 1, 3], [5] * 4)


def test_a_choice_among_equals_gains_nothing():
  # 20 networks of rate .5: the best of all people is far lower by luck.
  rng = np.random.default_rng(3)
  wrong = rng.binomial(1, 0.5, (20, 40))
  assert wrong.mean(1).min() < 0.4
  rates = [
    evaluation.best_network(wrong, np.ones(40), s).rate for s in range(8)
  ]
  assert np.mean(rates) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize(
  'wrong, totals, message',
  [
    ([1, 2], [2, 2], r'wrong: \[2\]'),
    ([[1]], [[2]], r'wrong: \[1, 1\]'),
    ([[0, 0], [1, 0]], [[2, 2], [2, 0]], 'network 1 has no pictures'),
    ([[3, 0]], [2, 2], 'wrong: numbers from 0'),
  ],
)
def test_no_choice(wrong, totals, message):
  with pytest.raises(InputError, match=message):
    evaluation.best_network(wrong, totals)
