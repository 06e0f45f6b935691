"""State dicts <-> Flax variables, by one table of names a network.

A table rewrites our name of an array to the authors', and says how their
framework turns kernels. Nothing is guessed: what a table does not name, or
names in another shape, is refused.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from flax import traverse_util

from fr_poison import weights
from fr_poison.types import Params

# PyTorch's counters, which no network of ours has.
_COUNTERS = r'(.*\.)?num_batches_tracked'
_COLLECTION = re.compile('^(params|batch_stats)/')


class Table(NamedTuple):
  """How a network's authors name and turn the arrays of our module.

  `rules` are (pattern, replacement) of `re.sub`, one after another, applied to
  'stage1_block1/conv1/kernel'. The axes are those of Flax's arrays in the order
  in which the authors' have them; others than `kernels` stay as they are.
  """

  rules: tuple[tuple[str, str | Callable], ...]
  kernels: str = '.*'  # pattern of the authors' keys
  conv: tuple[int, ...] = (0, 1, 2, 3)  # of [h, w, in, out]
  depthwise: tuple[int, ...] = (0, 1, 2, 3)  # of [h, w, C, 1]
  dense: tuple[int, ...] = (0, 1)  # of [in, out]

  def key(self, name: str) -> str:
    """Gives the authors' key of our 'params/stage1_block1/conv1/kernel'."""
    name = _COLLECTION.sub('', name)
    for pattern, replacement in self.rules:
      name = re.sub(pattern, replacement, name)
    return name

  def to_theirs(self, key: str, array: np.ndarray) -> np.ndarray:
    """Turns our array as the authors have it."""
    axes = self._axes(key, array.ndim)
    more = (1,) * (len(axes) - array.ndim)  # a depthwise kernel's last axis
    return array.reshape(*array.shape, *more).transpose(axes)

  def to_ours(self, key: str, array: np.ndarray, shape: tuple) -> np.ndarray:
    """Turns the authors' array as our module has it, which is of `shape`."""
    axes = self._axes(key, len(shape))
    return array.transpose(np.argsort(axes)).reshape(shape)

  def _axes(self, key, rank):
    if rank == 1 or not re.fullmatch(self.kernels, key):
      return tuple(range(rank))
    return {2: self.dense, 3: self.depthwise, 4: self.conv}[rank]


def torch_table(*rules: tuple[str, str | Callable]) -> Table:
  """Makes the table of a PyTorch module: `rules` name its layers.

  Blocks are counted from 0 in them, as PyTorch does, and layers end in '/'.
  """
  count_from_0 = (r'(?<=_block)\d+', lambda match: str(int(match[0]) - 1))
  parts = (
    ('/(kernel|scale|slope)$', '.weight'),
    ('/mean$', '.running_mean'),
    ('/var$', '.running_var'),
    ('/', '.'),
  )
  rules = (count_from_0, *rules, *parts)
  return Table(rules, '.*weight', (3, 2, 0, 1), (2, 3, 0, 1), (1, 0))


def to_flax(
  table: Table,
  arrays: Mapping[str, np.ndarray],
  expected: Mapping[str, tuple],
  *,
  ignored: str = '',
  prefixes: Sequence[str] = (),
  source: str = 'state_dict',
) -> Params:
  """Turns a state dict into the variables of a Flax module.

  Args:
    table: the network's.
    arrays: by the authors' keys; any floating-point format.
    expected: shapes by our flat names, collection first
      (`weights.expected_shapes(module, size, None)`).
    ignored: pattern of keys that may be there and are not used.
    prefixes: what all keys may begin with; the first that fits is stripped,
      once, from all of them.
    source: what to call the arrays in errors.

  Returns:
    {'params': ..., 'batch_stats': ...}, float32.

  Raises:
    InputError: arrays that are missing, unexpected, misshaped, of no floating
      point, or not finite.
  """
  keys = {name: table.key(name) for name in expected}
  arrays = _stripped(arrays, ignored, prefixes)
  shapes = {
    key: table.to_theirs(key, np.broadcast_to(0.0, expected[name])).shape
    for name, key in keys.items()
  }
  arrays = {
    key: np.asarray(array)
    for key, array in arrays.items()
    if key in shapes or not re.fullmatch(f'{_COUNTERS}|{ignored}', key)
  }
  weights.check_arrays(arrays, shapes, source)
  flat = {
    name: table.to_ours(key, arrays[key].astype(np.float32), expected[name])
    for name, key in keys.items()
  }
  return traverse_util.unflatten_dict(flat, sep='/')


def to_state_dict(table: Table, variables: Params) -> dict[str, np.ndarray]:
  """Turns the variables into a state dict, as `to_flax` takes it."""
  flat = {name: np.asarray(a) for name, a in weights.flatten(variables).items()}
  keys = {name: table.key(name) for name in flat}
  return {key: table.to_theirs(key, flat[name]) for name, key in keys.items()}


def _stripped(arrays, ignored, prefixes):
  """Drops the first prefix that all keys but ignored ones begin with."""
  for prefix in prefixes:
    inside = [key for key in arrays if key.startswith(prefix)]
    outside = arrays.keys() - set(inside)
    if inside and all(re.fullmatch(ignored, key) for key in outside):
      return {key.removeprefix(prefix): arrays[key] for key in inside}
  return arrays
