"""All that is worth measuring on an accelerator, in a bounded time.

What is measured is written at once, so that a run that is cut off loses only
what it was at. Sections come in order, each with a share of the time and what
the ones before it left; what does not fit is skipped, and a line says so.
"""

import faulthandler
import os
import pathlib
import sys
import time
from collections.abc import Iterator

import jax

from benchmarks import accelerator_page, accelerator_plan
from fr_poison import files
from fr_poison.report import record_file
from fr_poison.strict_json import dumps

# The rest is for the last measurement, which is not interrupted before.
_PLANNED = 0.9


def prepare() -> None:
  """Shares the accelerator's memory with PyTorch; before JAX looks for it."""
  os.environ.setdefault('XLA_PYTHON_CLIENT_PREALLOCATE', 'false')
  os.environ.setdefault('XLA_PYTHON_CLIENT_MEM_FRACTION', '.9')


def lines(
  output: pathlib.Path,
  time_limit: int,
  planned: dict[str, accelerator_plan.Section] | None = None,
) -> Iterator[str]:
  """Measures, and yields a line for each measurement.

  Writes accelerator.json and accelerator.md after each.

  Args:
    output: the folder for both.
    time_limit: seconds, after which the process ends wherever it is.
    planned: None is all, in little where there is only a CPU.
  """
  if planned is None:
    is_cpu = jax.default_backend() == 'cpu'
    sizes = accelerator_plan.LITTLE if is_cpu else accelerator_plan.FULL
    planned = accelerator_plan.sections(sizes)
  found = record_file.environment() | {
    'device_kind': jax.local_devices()[0].device_kind,
    'time_limit': time_limit,
    'titles': {name: section.title for name, section in planned.items()},
    'rows': {name: [] for name in planned},
    'notes': [],
  }
  # Whatever the process is at: a compiler listens to no signal of Python's.
  faulthandler.dump_traceback_later(time_limit, exit=True, file=sys.__stderr__)
  try:
    with files.output(output):
      for line in _measured(planned, found, _PLANNED * time_limit):
        _write(output, found)
        yield line
  finally:
    faulthandler.cancel_dump_traceback_later()
  yield from accelerator_page.targets(found['rows'])


def _measured(planned, found, seconds):
  start, share = time.monotonic(), 0.0
  for name, section in planned.items():
    share += section.share
    for what, measure in section.measurements:
      label = ' '.join([name, *map(str, what.values())])
      if time.monotonic() - start >= share * seconds:
        found['notes'].append(f'{label}: skipped, the time is used up')
        yield found['notes'][-1]
        continue
      try:
        row = what | measure()
        dumps(row)  # refuses NaN
      # Whatever went wrong, the others may go well.
      except Exception as error:
        reason = ' '.join(str(error).split())[:200]
        found['notes'].append(f'{label}: {type(error).__name__}: {reason}')
        yield found['notes'][-1]
      else:
        found['rows'][name].append(row)
        yield f'{name} {accelerator_page.row(row)}'


def _write(folder, found):
  text = dumps(found) + '\n'
  record_file.write_text(folder / 'accelerator.json', text)
  page = accelerator_page.page(found)
  record_file.write_text(folder / 'accelerator.md', page)
