import itertools

import numpy as np
import pytest
from scipy import optimize, stats

from fr_poison import intervals
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
def test_wilson_s(successes, count, expected):
  actual = intervals.wilson(successes, count)
  np.testing.assert_allclose(actual, expected, atol=5e-5)


def test_one_person_s_is_of_their_pictures():
  assert intervals.interval([15], [148])[:2] == intervals.wilson(15, 148)
  assert (
    intervals.interval([[7], [8]], [[100], [48]])[0]
    == (intervals.wilson(15, 148)[0])
  )


@pytest.mark.parametrize('pictures', [1, 500])
def test_nobody_wrong_says_something_of_people_not_of_pictures(pictures):
  # 20 of 20 people right at a rate of wrong ones of p: (1 - p)^20 = 1 / 20.
  totals = np.full(20, pictures)
  low, high, icc = intervals.interval(0 * totals, totals)
  assert low == 0 and (1 - high) ** 20 == pytest.approx(1 / 20)
  assert icc is None
  assert intervals.interval(totals, totals) == (1 - high, 1, None)
  # One error does not make anybody surer.
  wrong = np.eye(20)[0] / 10
  assert intervals.interval(wrong, totals).high >= high


def _expected(wrong, totals, drop):
  """The further ends: of a likelihood's drop, of the logit interval."""
  rate, reach = wrong.sum() / totals.sum(), stats.t.ppf(0.975, len(wrong) - 1)
  fallen = lambda p: drop(p) - reach**2 / 2
  low, high = (
    optimize.brentq(fallen, *ends) for ends in ((1e-4, rate), (rate, 1 - 1e-4))
  )
  # Cochran's variance of a ratio, and by the delta method that of its log odds.
  spread = np.sum((wrong - rate * totals) ** 2) / (1 - 1 / len(wrong))
  error = reach * np.sqrt(spread) / totals.sum() / (rate * (1 - rate))
  logit = np.log(rate / (1 - rate))
  ends = 1 / (1 + np.exp(-(logit + error * np.array([-1, 1]))))
  return min(low, ends[0]), max(high, ends[1])


def test_with_one_picture_each_the_likelihood_is_the_binomial_one():
  # Nobody has a spread of their own, and the ICC says nothing.
  wrong, rate = (np.arange(25) < 3).astype(int), 3 / 25
  drop = lambda p: 3 * np.log(rate / p) + 22 * np.log((1 - rate) / (1 - p))
  found = intervals.interval(wrong, np.ones(25))
  assert found.icc is None
  expected = _expected(wrong, np.ones(25), drop)
  np.testing.assert_allclose(found[:2], expected, rtol=1e-3)
  assert drop(found.low) == pytest.approx(stats.t.ppf(0.975, 24) ** 2 / 2, 1e-3)


def test_the_likelihood_is_the_beta_binomial_s():
  wrong, totals = np.array([0, 3, 5, 9, 0, 1]), np.array([7, 8, 5, 9, 6, 11])
  found = intervals.interval(wrong, totals)

  def best(p):
    iccs = np.linspace(0.005, 0.995, 200)
    a, b = p * (1 / iccs - 1), (1 - p) * (1 / iccs - 1)
    values = stats.betabinom.logpmf(wrong[:, None], totals[:, None], a, b)
    return values.sum(0).max(), iccs[values.sum(0).argmax()]

  top, icc = max(best(p) for p in np.linspace(0.02, 0.98, 193))
  assert found.icc == pytest.approx(icc, abs=0.03)
  expected = _expected(wrong, totals, lambda p: top - best(p)[0])
  np.testing.assert_allclose(found[:2], expected, atol=2e-3)


def test_it_is_wider_the_more_people_differ():
  totals = np.full(20, 10)
  alike, apart = np.full(20, 3), 10 * (np.arange(20) < 6)
  widths = []
  for wrong, icc in ((alike, 0), (apart, 1)):
    found = intervals.interval(wrong, totals)
    assert found.low < 0.3 < found.high
    assert found.icc == pytest.approx(icc, abs=0.01)
    widths.append(found.high - found.low)
  assert widths[1] > 2.5 * widths[0]


def test_it_has_a_mirror_image_and_keeps_no_order():
  rng = np.random.default_rng(4)
  totals = rng.integers(5, 16, 12)
  wrong = totals * rng.beta(0.5, 1, 12)  # fractions
  low, high, icc = intervals.interval(wrong, totals)
  mirrored = intervals.interval(totals - wrong, totals)
  np.testing.assert_allclose(mirrored, (1 - high, 1 - low, icc), atol=1e-4)
  order = rng.permutation(12)
  again = intervals.interval(wrong[order], totals[order])
  np.testing.assert_allclose(again, (low, high, icc), atol=1e-6)


def test_seeds_without_an_effect_are_one_sample():
  rng = np.random.default_rng(1)
  totals = np.tile(rng.integers(5, 16, 30), (4, 1))
  wrong = np.round(totals * rng.beta(0.5, 1, 30))
  once = intervals.interval(wrong.sum(0), totals.sum(0))
  assert intervals.interval(wrong, totals) == once
  # Who is not under a seed has no pictures there; labels say who is who.
  people = np.array([[3, 5, 9], [9, 7, 3]])
  wrong, totals = np.array([[1, 2, 0], [1, 5, 4]]), np.full((2, 3), 6)
  names = [3, 5, 7, 9]
  spread = np.zeros((2, 2, 4))
  for seed, column in itertools.product(range(2), range(3)):
    where = seed, names.index(people[seed, column])
    spread[0][where] = wrong[seed, column]
    spread[1][where] = 6
  found = intervals.interval(wrong, totals, people)
  assert found == intervals.interval(*spread)


def test_many_at_once_are_one_by_one():
  rng = np.random.default_rng(2)
  samples = [
    (rng.binomial(8, rng.beta(0.5, 2, n)), np.full(n, 8), None)
    for n in (5, 9, 30)
  ]
  samples.append(([0, 0], [3, 3], None))
  found = intervals.each(samples)
  for one, sample in zip(found, samples, strict=True):
    np.testing.assert_allclose(
      np.array(one, float), np.array(intervals.interval(*sample), float)
    )


@pytest.mark.parametrize(
  'wrong, totals, message',
  [
    ([], [], 'no pictures'),
    ([0, 0], [0, 0], 'no pictures'),
    ([1, 2], [1, 1], 'wrong: numbers from 0 to totals'),
    ([np.nan], [1], 'wrong: numbers from 0 to totals'),
    ([1], [1, 2], r'wrong: \[1\] for totals of \[2\]'),
  ],
)
def test_no_counts(wrong, totals, message):
  with pytest.raises(InputError, match=message):
    intervals.interval(wrong, totals)
