"""All that is worth measuring on an accelerator, in a bounded time.

What is measured is written at once, so that a run that is cut off loses only
what it was at. Sections come in order, each with a share of the time and what
the ones before it left; what does not fit is skipped, and a line says so.
"""

import faulthandler
import functools
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax

from benchmarks import (
  accelerator_page,
  golden,
  lowkey_step,
  throughput,
  torch_lowkey,
)
from fr_poison import files
from fr_poison.report import record_file
from fr_poison.strict_json import dumps
from fr_poison.types import InputError

# The rest is for the last measurement, which is not interrupted before.
_PLANNED = 0.9
_DTYPES = ('bfloat16', 'float32')
Row = dict[str, Any]


class Sizes(NamedTuple):
  """How much is measured, and of which networks."""

  golden: tuple[str, ...]
  num_golden: int
  networks: tuple[str, ...]  # of the LowKey step
  batch_size: int
  num_steps: int  # between two looks at the clock
  largest: str  # of which the largest batch is sought
  trained: str
  embedded: tuple[str, ...]
  num_embedded: int
  gallery: tuple[int, int, int]  # faces, columns, probes
  repeats: int


FULL = Sizes(
  golden=(
    *('mobileface', 'dlib_resnet', 'faceres', 'faceres_deep'),
    *('faceplugin', 'mobilefacenet_tf'),
  ),
  num_golden=16,
  networks=('arcface_r18', 'mobileface', 'arcface_r100', 'arcface_r50'),
  batch_size=128,
  num_steps=10,
  largest='arcface_r100',
  trained='arcface_r18',
  embedded=('mobileface', 'arcface_r50'),
  num_embedded=8192,
  gallery=(1_000_000, 512, 1000),
  repeats=3,
)
# Its numbers mean nothing.
LITTLE = Sizes(
  golden=('mobileface',),
  num_golden=2,
  networks=('mobileface',),
  batch_size=8,
  num_steps=1,
  largest='mobileface',
  trained='mobileface',
  embedded=('mobileface',),
  num_embedded=8,
  gallery=(2000, 16, 5),
  repeats=1,
)


class Section(NamedTuple):
  """Measurements that share a table.

  Each is what is measured, the first columns of its row, and how: a function
  that gives the others.
  """

  title: str
  share: float  # of the time
  measurements: list[tuple[Row, Callable[[], Row]]]


def sections(sizes: Sizes) -> dict[str, Section]:
  """Plans what is measured, by name: what is short comes first."""
  attacked = {}  # by network and dtype, for the sections after it
  repeats = sizes.repeats
  return {
    'golden': Section(
      'Embeddings at `highest` precision, largest differences',
      0.1,
      [
        (
          {'network': name},
          functools.partial(golden.errors, name, sizes.num_golden),
        )
        for name in sizes.golden
      ],
    ),
    'embedding': Section(
      'Embedding, pictures from the host',
      0.06,
      [
        (
          {'network': name, 'dtype': 'bfloat16'},
          functools.partial(
            throughput.embedding,
            *(name, 'bfloat16', 2 * sizes.batch_size),
            *(sizes.num_embedded, repeats),
          ),
        )
        for name in sizes.embedded
      ],
    ),
    'search': Section(
      'Exact search, gallery in the memory of the host',
      0.08,
      [
        (
          {'nearest': k},
          functools.partial(throughput.searching, *sizes.gallery, k, repeats),
        )
        for k in (1, 10, 100)
      ],
    ),
    'training': Section(
      'Adversarial training, a pmapped step with its batch from the host',
      0.1,
      [
        (
          {'network': sizes.trained, 'dtype': 'bfloat16'},
          functools.partial(
            throughput.adversarial_step,
            *(sizes.trained, 'bfloat16', sizes.batch_size, 1 + repeats),
          ),
        )
      ],
    ),
    'lowkey': Section(
      'A step of plain LowKey on one device', 0.31, _steps(sizes, attacked)
    ),
    'torch': Section(
      'The same by PyTorch on the same device', 0.17, _peers(sizes, attacked)
    ),
    'batches': Section(
      'The same by JAX, the largest batch that fits',
      0.18,
      _batches(sizes, attacked),
    ),
  }


def _steps(sizes, attacked):
  def measure(name, dtype):
    attacked[name, dtype] = found = lowkey_step.measure(
      *(name, dtype, sizes.batch_size, sizes.num_steps, sizes.repeats)
    )
    return found.row

  return [
    ({'network': name, 'dtype': dtype}, functools.partial(measure, name, dtype))
    for name in sizes.networks
    for dtype in _DTYPES
  ]


def _known(attacked, name, dtype):
  if (name, dtype) not in attacked:
    raise InputError('the step of JAX was not measured')
  return attacked[name, dtype]


def _peers(sizes, attacked):
  def measure(name, dtype, compiled):
    return torch_lowkey.measure(
      _known(attacked, name, dtype),
      *(dtype, sizes.num_steps, sizes.repeats),
      compiled=compiled,
    )

  # A compiler takes long: on a CPU longer than all the rest.
  modes = ('eager', 'compiled') if sizes == FULL else ('eager',)
  return [
    (
      {'network': name, 'dtype': dtype, 'mode': mode},
      functools.partial(measure, name, dtype, mode == 'compiled'),
    )
    for mode in modes
    for name in sizes.networks
    for dtype in _DTYPES
  ]


def _batches(sizes, attacked):
  name, dtype = sizes.largest, 'bfloat16'
  options = sizes.num_steps, sizes.repeats
  again = {}

  def plain():
    known = _known(attacked, name, dtype).row
    return lowkey_step.largest(name, dtype, known, *options, remat=False).row

  def remat():
    again['row'] = lowkey_step.measure(
      name, dtype, sizes.batch_size, *options, remat=True
    ).row
    return again['row']

  def largest():
    if not again:
      raise InputError('remat was not measured')
    return lowkey_step.largest(
      name, dtype, again['row'], *options, remat=True
    ).row

  return [
    ({'network': name, 'dtype': dtype, 'remat': is_remat}, measure)
    for is_remat, measure in ((False, plain), (True, remat), (True, largest))
  ]


def prepare() -> None:
  """Shares the accelerator's memory with PyTorch; before JAX looks for it."""
  os.environ.setdefault('XLA_PYTHON_CLIENT_PREALLOCATE', 'false')
  os.environ.setdefault('XLA_PYTHON_CLIENT_MEM_FRACTION', '.9')


def lines(
  output: pathlib.Path,
  time_limit: int,
  planned: dict[str, Section] | None = None,
) -> Iterator[str]:
  """Measures, and yields a line for each measurement.

  Writes accelerator.json and accelerator.md after each.

  Args:
    output: the folder for both.
    time_limit: seconds, after which the process ends wherever it is.
    planned: None is `FULL`, or `LITTLE` where there is only a CPU.
  """
  if planned is None:
    is_cpu = jax.default_backend() == 'cpu'
    planned = sections(LITTLE if is_cpu else FULL)
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
