"""What is measured on an accelerator, in which order and how much of it."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from benchmarks import golden, lowkey_step, throughput, torch_lowkey
from fr_poison.types import InputError

_DTYPES = ('bfloat16', 'float32')
_NEAREST = (1, 10, 100)
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
  return {
    'golden': Section(
      'Embeddings at `highest` precision, largest differences',
      0.1,
      [
        ({'network': name}, partial(golden.errors, name, sizes.num_golden))
        for name in sizes.golden
      ],
    ),
    'embedding': Section(
      'Embedding, pictures from the host', 0.06, _embedding(sizes)
    ),
    'search': Section(
      'Exact search, gallery in the memory of the host', 0.08, _search(sizes)
    ),
    'training': Section(
      'Adversarial training, a pmapped step with its batch from the host',
      0.1,
      _training(sizes),
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


def _embedding(sizes):
  dtype, batch_size = 'bfloat16', 2 * sizes.batch_size
  how = dtype, batch_size, sizes.num_embedded, sizes.repeats
  return [
    (
      {'network': name, 'dtype': dtype},
      partial(throughput.embedding, name, *how),
    )
    for name in sizes.embedded
  ]


def _search(sizes):
  find = partial(throughput.searching, *sizes.gallery)
  return [({'nearest': k}, partial(find, k, sizes.repeats)) for k in _NEAREST]


def _training(sizes):
  what = {'network': sizes.trained, 'dtype': 'bfloat16'}
  how = sizes.batch_size, 1 + sizes.repeats
  return [(what, partial(throughput.adversarial_step, *what.values(), *how))]


def _steps(sizes, attacked):
  def measure(name, dtype):
    attacked[name, dtype] = found = lowkey_step.measure(
      *(name, dtype, sizes.batch_size, sizes.num_steps, sizes.repeats)
    )
    return found.row

  return [
    ({'network': name, 'dtype': dtype}, partial(measure, name, dtype))
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
      partial(measure, name, dtype, mode == 'compiled'),
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
