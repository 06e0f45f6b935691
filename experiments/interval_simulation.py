"""People of whom a recognizer gets some pictures wrong, and their intervals."""

import itertools
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

from fr_poison import intervals

PEOPLE = (10, 20, 40, 60)
RATES = (0.01, 0.05, 0.1, 0.3, 0.5, 0.9)
ICCS = (0.0, 0.2, 0.4, 0.6)
NUM_SEEDS = 5
_NUM_REDRAWN = 1000  # of the former interval's bootstrap


class Cell(NamedTuple):
  """What is drawn.

  `icc` is that of a beta distribution of people's rates, or another one's name.
  `spread` is the deviation that seeds add to log odds; None: there is one seed.
  `redrawn`: of other people under every seed.
  """

  num_people: int
  rate: float
  icc: float | str
  spread: float | None = None
  redrawn: bool = False


# Where people are not as the interval takes them to be.
NORMAL = 'normal log odds'  # of deviation 2
TWO_KINDS = 'two kinds'  # some nearly always wrong, .95, the others rarely
CELLS = [
  Cell(*values)
  for values in itertools.product(PEOPLE, RATES, (*ICCS, NORMAL, TWO_KINDS))
]
SEED_CELLS = [
  Cell(40, *values)
  for values in itertools.product(
    (0.05, 0.3), (0.4,), (0.0, 0.5, 1.0), (False, True)
  )
]


def draw(cell: Cell, rng: np.random.Generator) -> tuple:
  """Draws wrong, totals and people, as `intervals.interval` takes them."""
  num_seeds = 1 if cell.spread is None else NUM_SEEDS
  own = num_seeds if cell.redrawn else 1, cell.num_people
  people = np.broadcast_to(
    np.arange(np.prod(own)).reshape(own), (num_seeds, cell.num_people)
  )
  chances = special.logit(_chances(cell, own, rng))
  shifts = (cell.spread or 0) * rng.standard_normal((num_seeds, 1))
  totals = np.broadcast_to(rng.integers(5, 16, own), people.shape)
  return rng.binomial(totals, special.expit(chances + shifts)), totals, people


def _chances(cell, shape, rng):
  if cell.icc == NORMAL:
    return special.expit(_centre(cell.rate) + 2 * rng.standard_normal(shape))
  if cell.icc == TWO_KINDS:
    share = 0.8 * cell.rate
    others = (cell.rate - 0.95 * share) / (1 - share)
    return np.where(rng.random(shape) < share, 0.95, others)
  if not cell.icc:
    return np.full(shape, cell.rate)
  both = np.array([cell.rate, 1 - cell.rate]) * (1 / cell.icc - 1)
  return np.clip(rng.beta(*both, shape), 1e-12, 1 - 1e-12)


def _centre(rate):
  """The mean of log odds that gives normal ones of deviation 2 this rate."""
  odds, weights = np.polynomial.hermite_e.hermegauss(60)
  mean = lambda x: special.expit(x + 2 * odds) @ weights / weights.sum()
  return optimize.brentq(lambda x: mean(x) - rate, -20, 20)


def true_rate(cell: Cell) -> float:
  """Gives the rate over all people and seeds there could be."""
  if not cell.spread:
    return cell.rate
  people = _chances(cell, (100_000, 1), np.random.default_rng(0))
  shifts, weights = np.polynomial.hermite_e.hermegauss(20)
  rates = special.expit(special.logit(people) + cell.spread * shifts)
  return float(rates.mean(0) @ weights / weights.sum())


def former(wrong: np.ndarray, totals: np.ndarray) -> np.ndarray:
  """Finds the interval of version 0.2.0, [D, 2] of [D, people].

  The union of Wilson's over pictures and a bootstrap over people.
  """
  both = zip(wrong.sum(1), totals.sum(1), strict=True)
  own = np.array([intervals.wilson(*counts) for counts in both])
  count = totals.shape[1]
  times = np.random.default_rng(0).multinomial(
    count, np.full(count, 1 / count), _NUM_REDRAWN
  )
  redrawn = (wrong @ times.T) / (totals @ times.T)
  low, high = np.quantile(redrawn, [0.025, 0.975], axis=1)
  return np.stack([np.minimum(own[:, 0], low), np.maximum(own[:, 1], high)], 1)


def measure(cell: Cell, num_draws: int) -> dict:
  """Returns a cell's record; the same at every call."""
  fields = cell._asdict()
  rng = np.random.default_rng(list(repr(cell).encode()))
  samples, rate = [draw(cell, rng) for _ in range(num_draws)], true_rate(cell)
  found = np.array([own[:2] for own in intervals.each(samples)])
  record = fields | {'rate': rate, 'num_draws': num_draws}
  record |= _shares('', found, rate)
  if cell.spread is None:
    counts = (
      np.concatenate(own) for own in list(zip(*samples, strict=True))[:2]
    )
    record |= _shares('former_', former(*counts), rate)
  return record


def _shares(prefix, ends, rate):
  low, high = ends.T
  return {
    f'{prefix}coverage': float(np.mean((low <= rate) & (rate <= high))),
    f'{prefix}below': float(np.mean(high < rate)),
    f'{prefix}above': float(np.mean(low > rate)),
    f'{prefix}width': float(np.mean(high - low)),
  }


def table(records: list[dict]) -> str:
  """Writes a row each number of people and ICC, and one each cell of seeds."""
  single = [r for r in records if r['spread'] is None]
  head = ['people', 'ICC', *(f'rate {rate:g}' for rate in RATES), 'width']
  rows = []
  for people, icc in itertools.product(PEOPLE, (*ICCS, NORMAL, TWO_KINDS)):
    own = [r for r in single if (r['num_people'], r['icc']) == (people, icc)]
    cells = [_beside(r['coverage'], r['former_coverage'], 1) for r in own]
    widths = (np.mean([r[f'{x}width'] for r in own]) for x in ('', 'former_'))
    rows.append([people, icc, *cells, _beside(*widths, 0)])
  seeds = [
    [
      'other people' if r['redrawn'] else 'the same people',
      *(f'{r[name]:.2g}' for name in ('spread', 'icc', 'rate')),
      *(f'{100 * r[name]:.1f}' for name in ('coverage', 'width')),
    ]
    for r in records
    if r['spread'] is not None
  ]
  under = ['under each seed', 'spread', 'ICC', 'rate', 'coverage', 'width']
  return f'{_markdown(head, rows)}\n\n{_markdown(under, seeds)}\n'


def _beside(share, former_share, digits):
  return f'{100 * share:.{digits}f} ({100 * former_share:.{digits}f})'


def _markdown(head, rows):
  lines = [head, ['---'] + ['---:'] * (len(head) - 1), *rows]
  return '\n'.join(f'| {" | ".join(map(str, line))} |' for line in lines)
