"""The simulation in little: 95% intervals hold the true rate that often."""

import itertools

import interval_simulation as simulation
import numpy as np
import pytest
from scipy import stats

from fr_poison import intervals

# Of every number of people, rate and ICC the ends, and what lies between.
CELLS = [
  simulation.Cell(*values)
  for values in itertools.product(
    (10, 40), (0.01, 0.1, 0.5, 0.9), (0, 0.3, 0.6)
  )
]
NUM_DRAWS = 200


def test_it_holds_the_true_rate_of_people_who_differ():
  found = [simulation.measure(cell, NUM_DRAWS) for cell in CELLS]
  held = np.array([record['coverage'] for record in found])
  # The chance that a cell of .935 is lower: .001; that it is one of 24: .02.
  lowest = stats.binom.ppf(0.001, NUM_DRAWS, 0.935) / NUM_DRAWS
  assert held.min() >= lowest, CELLS[held.argmin()]
  assert held.mean() >= 0.95
  # And no more than that calls for: everything in [0, 1] would hold it, too.
  assert np.mean([record['width'] for record in found]) < 0.24
  # The interval of older records does not pass.
  former = np.array([record['former_coverage'] for record in found])
  assert former.min() < 0.8 and former.mean() < 0.92


@pytest.mark.parametrize('redrawn', [False, True])
def test_seeds_that_differ_are_in_it(redrawn):
  cell = simulation.Cell(40, 0.3, 0.4, 1.0, redrawn)
  rng, rate = np.random.default_rng(0), simulation.true_rate(cell)
  samples = [simulation.draw(cell, rng) for _ in range(100)]
  holds = lambda found: np.mean([low <= rate <= high for low, high, _ in found])
  assert holds(intervals.each(samples)) >= 0.87  # .95 less 3.5 deviations
  flat = [tuple(x.reshape(1, -1) for x in sample) for sample in samples]
  assert holds(intervals.each(flat)) < 0.87
