"""Reads pickles of plain numpy arrays, and nothing else that they may do."""

import io
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from fr_poison.extractors.convert import data_pickle, guard
from fr_poison.extractors.convert.data_pickle import Holder

# What an array consists of; numpy's functions of these names are not called.
_FOUND = {
  ('numpy', 'dtype'): Holder,
  ('numpy', 'ndarray'): 'the kind of array',
  # Its home before numpy 2 and since.
  ('numpy.core.multiarray', '_reconstruct'): Holder,
  ('numpy._core.multiarray', '_reconstruct'): Holder,
}


def read(data: bytes, name: str) -> dict[str, np.ndarray]:
  """Reads a pickled tree of dicts, by path: {'Conv_0/kernel': array}.

  Args:
    data: the whole file.
    name: what to call it in errors.

  Raises:
    InputError: not a pickle, truncated, importing anything but numpy's arrays,
      or with other contents than numeric arrays.
  """
  with guard.reading(name):
    tree = data_pickle.read(io.BytesIO(data), lambda *names: _FOUND.get(names))
    return dict(_leaves(tree, (), set()))


def _leaves(tree: Any, path, seen) -> Iterator[tuple[str, np.ndarray]]:
  name = '/'.join(path)
  if isinstance(tree, Holder):
    yield name, _array(tree.state, name)
  elif isinstance(tree, dict) and id(tree) not in seen:
    seen.add(id(tree))  # It may contain itself, or one part everywhere.
    for key, value in tree.items():
      yield from _leaves(value, (*path, str(key)), seen)
  else:
    raise ValueError(f'{name} is no numeric array')


def _array(state, name):
  _, shape, dtype, by_columns, data = state
  dtype = np.dtype(dtype.args[0]).newbyteorder(dtype.state[1])
  if dtype.kind not in 'fiu':
    raise ValueError(f'{name} is no numeric array')
  if len(data) != math.prod(shape) * dtype.itemsize:
    raise ValueError(f'{name}: {shape} is more than it holds, or less')
  order = 'F' if by_columns else 'C'
  return np.frombuffer(data, dtype).reshape(shape, order=order)
