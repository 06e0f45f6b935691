"""The network that suits a trainer best, and what it then leaves."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Real

from fr_poison import checks, intervals
from fr_poison.types import Array, InputError


class Half(NamedTuple):
  """A network that was chosen on the other half of the people.

  Attributes:
    people: columns of those it is measured on.
    network: row of the network with the lowest rate on everybody else.
    rate: its rate on these people, in [0, 1].
    interval: 95%, of that rate.
  """

  people: Int[np.ndarray, ' _']
  network: int
  rate: float
  interval: intervals.Interval


class Best(NamedTuple):
  """Both halves, and all people by what was chosen without them."""

  halves: tuple[Half, Half]
  rate: float
  interval: intervals.Interval


def best_network(
  wrong: Real[Array, 'networks people'],
  totals: Real[Array, 'networks people'] | Real[Array, ' people'],
  seed: int = 0,
) -> Best:
  """Chooses the best network on half of the people, and measures it on others.

  The lowest of several rates of the same people is too low: it is chosen for
  its luck with them as well. Here nobody has a say in their own network
  (cross-fitting, with two folds).

  Args:
    wrong: a person's pictures that a network gets wrong; fractions where a
      picture was tested several times.
    totals: pictures; where there are none, the network was not tested on that
      person.
    seed: of the halves.

  Raises:
    InputError: fewer than 2 people, wrong numbers, or a network without a
      picture in a half.
  """
  wrong = np.asarray(wrong, float)
  if wrong.ndim != 2 or wrong.shape[1] < 2:
    raise InputError(
      f'wrong: {list(wrong.shape)}; [networks, people] expected, 2 people or '
      'more'
    )
  totals = np.broadcast_to(totals, wrong.shape)
  order = np.random.default_rng(checks.whole('seed', seed, 0)).permutation(
    wrong.shape[1]
  )
  first, second = (np.sort(half) for half in np.array_split(order, 2))
  halves = (
    _half(wrong, totals, first, second),
    _half(wrong, totals, second, first),
  )
  cells = [
    np.concatenate([x[half.network, half.people] for half in halves])
    for x in (wrong, totals)
  ]
  rate = float(cells[0].sum() / cells[1].sum())
  return Best(halves, rate, intervals.interval(*cells))


def _half(wrong, totals, chosen_on, people):
  counts = totals[:, chosen_on].sum(1)
  if not counts.all():
    raise InputError(
      f'totals: network {np.argmin(counts)} has no pictures of half the people'
    )
  network = int(np.argmin(wrong[:, chosen_on].sum(1) / counts))
  own = wrong[network, people], totals[network, people]
  interval = intervals.interval(*own)
  return Half(people, network, float(own[0].sum() / own[1].sum()), interval)
