r"""Counts how often 95% intervals hold the true rate, in a simulation.

  python experiments/interval_coverage.py

People's own rates are drawn from a beta distribution (in some cells another),
5 to 15 pictures each from a binomial one. Every cell of a number of people, a
rate and an ICC (how alike the pictures of one person are) gets a record. It has
the shares of intervals that hold the rate, lie below it and lie above it, and
their mean width; and those of the interval that records had up to version
0.2.0. Some cells are of 5 seeds, which shift everybody's log odds together.
With fewer --num_draws it is faster. Writes records.jsonl and table.md into
--workdir; docs/interval_coverage is what it wrote.
"""

import json
import pathlib
import time

import cli
import progress
from absl import flags
from interval_simulation import CELLS, SEED_CELLS, measure, table

from fr_poison import files
from fr_poison.report import record_file
from fr_poison.text import show

_WORKDIR = flags.DEFINE_string(
  'workdir', 'results/interval_coverage', 'The folder to write into.'
)
_NUM_DRAWS = flags.DEFINE_integer(
  'num_draws', 500, 'So many simulated studies of every cell.', lower_bound=1
)


def main(argv):
  """Measures every cell, writes the files and prints the table."""
  del argv
  start, workdir = time.monotonic(), pathlib.Path(_WORKDIR.value)
  shown = progress.over('intervals', 'cell')
  cells = CELLS + SEED_CELLS
  records = [
    measure(cell, _NUM_DRAWS.value) for cell in shown(cells, len(cells))
  ]
  environment = record_file.environment()
  shared = {'versions': environment['versions']}
  records[0]['device'] = environment['device']
  records[0]['run_seconds'] = round(time.monotonic() - start, 1)
  lines = (json.dumps(r | shared, sort_keys=True) for r in records)
  with files.output(workdir):
    record_file.write_text(workdir / 'records.jsonl', '\n'.join(lines) + '\n')
    record_file.write_text(workdir / 'table.md', table(records))
  show(table(records))


if __name__ == '__main__':
  cli.run(main)
