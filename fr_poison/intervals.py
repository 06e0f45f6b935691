"""95% intervals of rates whose pictures belong to people who differ.

Of a person's pictures a recognizer gets most wrong or hardly any: the
correlation of two pictures of one person (ICC) is near .6, and few people are
few observations, whatever their number of pictures. Wilson's interval over
pictures and a bootstrap over people then hold the true rate in as few as 65 of
100 cases; `interval` does in 94 or more (docs/intervals.md).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int, Real
from scipy import special

from fr_poison.types import Array, InputError

_SPAN = 30.0  # log odds; beyond it a rate is 0 or 1 to 13 digits
_STEPS = 25  # of a bisection, of a golden section
# Odds of the ICC: none, and up to an ICC of .998.
_ODDS = np.append(0, np.exp(np.linspace(-7, 6.2, 12)))
_ZOOM = (1.2, 0.3, 0.075)  # how far to look around the best, in their logarithm
_GOLDEN = (3 - 5**0.5) / 2


Cells = Real[Array, ' people'] | Real[Array, 'seeds people']


class Interval(NamedTuple):
  """Ends of a 95% interval, in [0, 1], and how alike a person's pictures are.

  `icc` in [0, 1] is the correlation of two pictures of one person, as likeliest
  for beta-binomial people; None where it can be anything. The variance of a
  rate of n pictures each is 1 + (n - 1) icc times that of independent ones.
  """

  low: float
  high: float
  icc: float | None


def interval(
  wrong: Cells, totals: Cells, people: Cells | None = None
) -> Interval:
  """Finds the 95% interval of a rate over people, and over seeds.

  It holds the rates whose beta-binomial likelihood, at the likeliest ICC for
  each, is within t^2 / 2 of the best: t is the 97.5% quantile of Student's
  distribution with a degree of freedom less than there are people. And it
  reaches no less far than the logit interval with the variance between people
  (Cochran, 1977, of a ratio; Dean and Pagano, 2015), for people whose rates
  follow no beta distribution. What seeds add to the variance (of sums over
  seeds, less that of single cells: Cameron, Gelbach and Miller, 2011) has a t
  of its own; both distances from the rate, in log odds, are added in squares
  (Zou and Donner, 2008).

  Where nobody was wrong, the ICC can be anything, and the upper end is exact
  for any of them: Clopper and Pearson's one-sided 95% bound of no person in so
  many. As a rate is the mean of numbers of at most 1, no fewer people have some
  wrong. No upper end is lower, because errors are no reason to be surer; lower
  ends are their mirror images. Of a single person nothing follows for others:
  their interval is Wilson's, of their own pictures.

  Chosen in a simulation (docs/intervals.md; 10 to 60 people, rates of .01 to
  .9, ICCs of 0 to .6, beta-binomial) as the narrowest that holds the rate in
  93.5% or more of every cell and near it where people follow another
  distribution: 94.4% at least, 97.7% on average, mean width .193. The former
  interval: 64.8%, 91.0%, .139. With the same bound, Wilson's with a design
  effect and t (Dean and Pagano) falls to 92.3% (.190), the logit interval alone
  to 93.1% (.196), Korn and Graubard's (1998) holds 94.1% (.205). The likelihood
  alone holds 93.5% (.178), but 83% of people of two kinds; a beta-binomial
  posterior 93.8% (.163), but 91% at an ICC of .95. A bootstrap was not tried:
  this has no seed.

  Args:
    wrong: a number a person, or of seeds and people, of pictures that were
      wrong; fractions where a picture was tested several times.
    totals: of the same shape, pictures; where there are none, the person is
      not in that seed.
    people: of the same shape, who each column is; None: the same person under
      every seed.

  Returns:
    Its ends, in [0, 1]; sum(wrong) / sum(totals) lies between them.

  Raises:
    InputError: no pictures, or more wrong than there are.
  """
  return each([(wrong, totals, people)])[0]


def each(
  samples: Sequence[tuple[Cells, Cells, Cells | None]],
) -> list[Interval]:
  """Finds the intervals of many samples at once, faster than one by one.

  Args:
    samples: wrong, totals and people of each, see `interval`.

  Raises:
    InputError: as `interval`.
  """
  cells = [_cells(*sample) for sample in samples]
  found = [_without_likelihood(own) for own in cells]
  left = [i for i, ends in enumerate(found) if ends is None]
  if left:
    tails = _stack([_tails(cells[i]) for i in left])
    degrees = np.array([cells[i].people.max() for i in left])
    drops = special.stdtrit(degrees, 0.975) ** 2
    for i, ends, odds in zip(left, *_ends(tails, drops), strict=True):
      found[i] = _finish(cells[i], ends, float(odds))
  return found


def _finish(cells, ends, odds):
  """Reaches further where people's spread, seeds or the bound call for it."""
  centre, bound = special.logit(cells.rate), _bound(cells)
  of_people, of_seeds = _distances(cells)
  reach = np.maximum([centre - ends[0], ends[1] - centre], of_people)
  reach = np.hypot(reach, of_seeds)
  low, high = special.expit([centre - reach[0], centre + reach[1]])
  # Of one picture each nothing is known of it.
  icc = odds / (1 + odds) if cells.totals.max() > 1 else None
  return Interval(float(min(low, 1 - bound)), float(max(high, bound)), icc)


def wilson(successes: float, count: float) -> tuple[float, float]:
  """Gives Wilson's 95% score interval of independent trials (Wilson, 1927).

  Raises:
    InputError: no trials.
  """
  if not count > 0:
    raise InputError('interval: no pictures to take a rate of')
  p, zz = successes / count, special.ndtri(0.975) ** 2 / count
  centre = (p + zz / 2) / (1 + zz)
  half = np.sqrt(zz * p * (1 - p) + zz**2 / 4) / (1 + zz)
  return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def _stack(tails):
  longest = max(own.shape[1] for own in tails)
  pads = [[(0, 0), (0, longest - own.shape[1])] for own in tails]
  return np.stack([np.pad(*both) for both in zip(tails, pads, strict=True)])


class _Cells(NamedTuple):
  """Those with pictures, flat."""

  wrong: Float64[np.ndarray, ' N']
  totals: Float64[np.ndarray, ' N']
  people: Int[np.ndarray, ' N']  # numbers from 0
  seeds: Int[np.ndarray, ' N']  # the same

  @property
  def rate(self):
    return self.wrong.sum() / self.totals.sum()


def _cells(wrong, totals, people):
  wrong, totals = np.asarray(wrong, float), np.asarray(totals, float)
  if wrong.shape != totals.shape or wrong.ndim not in (1, 2):
    raise InputError(
      f'wrong: {list(wrong.shape)} for totals of {list(totals.shape)}; both '
      '[people] or [seeds, people] expected'
    )
  if not np.all((wrong >= 0) & (wrong <= totals + 1e-9) & (totals < np.inf)):
    raise InputError('wrong: numbers from 0 to totals expected')
  columns = np.arange(wrong.shape[-1]) if people is None else people
  seeds = np.arange(len(wrong))[:, None] if wrong.ndim == 2 else 0
  cells = np.broadcast_arrays(wrong, totals, columns, seeds)
  wrong, totals, people, seeds = (x[totals > 0] for x in cells)
  if not len(totals):
    raise InputError('interval: no pictures to take a rate of')
  number = lambda names: np.unique(names, return_inverse=True)[1]
  return _Cells(wrong, totals, number(people), number(seeds))


def _bound(cells):
  """Below which nobody wrong leaves the rate."""
  return 1 - 0.05 ** (1 / (cells.people.max() + 1))


def _without_likelihood(cells):
  """The interval of one person, or of nobody or everybody wrong; or None."""
  if not cells.people.any():
    return Interval(*wilson(cells.wrong.sum(), cells.totals.sum()), None)
  bound = float(_bound(cells))
  ends = {0: (0.0, bound), 1: (1 - bound, 1.0)}.get(cells.rate)
  return ends and Interval(*ends, None)


def _distances(cells):
  """Student's distances, in log odds, of people and of what seeds add."""
  rate, residuals = cells.rate, cells.wrong - cells.rate * cells.totals

  def variance(groups):
    sums = np.bincount(groups, residuals)
    return len(sums) / max(len(sums) - 1, 1) * np.sum(sums**2)

  def distance(variance, degrees):
    error = np.sqrt(max(variance, 0)) / cells.totals.sum()
    return special.stdtrit(degrees, 0.975) * error / (rate * (1 - rate))

  own, num_seeds = cells.people.max(), cells.seeds.max() + 1
  added = 0.0
  if num_seeds > 1:
    single = variance(np.arange(len(residuals)))
    added = distance(variance(cells.seeds) - single, num_seeds - 1)
  return distance(variance(cells.people), own), added


def _tails(cells):
  """How many people have more than 0, 1, ... wrong, right, and in all.

  [3, K]. A person with a fraction counts as that fraction of one: the logarithm
  of the likelihood is linear between whole numbers.
  """
  wrong, totals = (
    np.bincount(cells.people, x)[:, None] for x in (cells.wrong, cells.totals)
  )
  steps = np.arange(np.ceil(totals.max()))
  tail = lambda x: np.clip(x - steps, 0, 1).sum(0)
  return np.stack([tail(wrong), tail(totals - wrong), tail(totals)])


def _log_likelihood(tails, logits, odds):
  """Beta-binomial, of log odds [D, R] and ICC odds [D, R, G], but a constant.

  As Polya's urn: after k wrong of i the next is wrong with a chance of
  (rate + k odds) / (1 + i odds), odds being ICC / (1 - ICC).
  """
  added = np.arange(tails.shape[-1]) * odds[..., None]
  wrong, right = special.expit([logits, -logits])[..., None, None]
  weigh = lambda x, row: np.einsum('drgk,dk->drg', x, tails[:, row])
  return (
    weigh(np.log(wrong + added), 0)
    + weigh(np.log(right + added), 1)
    - weigh(np.log1p(added), 2)
  )


def _profile(tails, logits):
  """The highest log-likelihood over all ICCs and its odds, both [D, R]."""
  odds = np.broadcast_to(_ODDS, (*logits.shape, len(_ODDS)))
  for step in (*_ZOOM, None):
    values = _log_likelihood(tails, logits, odds)
    best = np.take_along_axis(odds, values.argmax(-1)[..., None], -1)
    if step:
      odds = best * np.exp(step * np.linspace(-1, 1, 9))
  return values.max(-1), best[..., 0]


def _best(tails):
  """The likeliest rates' log odds [D], by golden section."""
  ends = np.tile([-_SPAN, _SPAN], (len(tails), 1))
  for _ in range(_STEPS):
    inner = ends + (ends[:, ::-1] - ends) * _GOLDEN
    first, second = _profile(tails, inner)[0].T
    outer = (first < second)[:, None] == [True, False]
    ends = np.where(outer, inner, ends)
  return ends.mean(1)


def _ends(tails, drops):
  """Log odds [D, 2] where profiles are drops / 2 below the best, by bisection.

  And the odds of the ICC at the best.
  """
  best = _best(tails)[:, None]
  top, odds = _profile(tails, best)
  least = top - drops[:, None] / 2
  inside, outside = best + [0, 0], np.tile([-_SPAN, _SPAN], best.shape)
  for _ in range(_STEPS):
    middle = (inside + outside) / 2
    holds = _profile(tails, middle)[0] >= least
    inside = np.where(holds, middle, inside)
    outside = np.where(holds, outside, middle)
  return outside, odds[:, 0]
