"""Reads pickled trees of numpy arrays, as Flax once saved its variables."""

import io
import pathlib
import re

import numpy as np

from fr_poison import files
from fr_poison.extractors.convert import limits
from fr_poison.extractors.convert.data_pickle import Holder, leaves
from fr_poison.extractors.convert.data_pickle import read as read_pickle

# What an array consists of; numpy's functions of these names are not called.
_FOUND = {
  ('numpy', 'dtype'): Holder,
  ('numpy', 'ndarray'): 'the kind of array',
  # Its home before numpy 2 and since.
  ('numpy.core.multiarray', '_reconstruct'): Holder,
  ('numpy._core.multiarray', '_reconstruct'): Holder,
}


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
  """Reads the arrays by path: {'Conv_0.kernel': array}; others are left out.

  Raises:
    ValueError: an import of anything but numpy's arrays, or an array that is
      not of numbers, or of more than the file holds.
  """
  data = files.read(path, max_bytes=files.LARGE)
  file = io.BytesIO(data)  # which reads no more than there is
  tree = read_pickle(file, lambda *names: _FOUND.get(names), size=len(data))
  return {name: _array(name, part) for name, part in leaves(tree, Holder)}


def _array(name, holder):
  _, shape, dtype, by_columns, data = holder.state
  kind, order = dtype.args[0], dtype.state[1]
  if type(kind) is not str or not re.fullmatch('[fiu][1248]', kind):
    raise ValueError(f'{name} is no numeric array')
  if type(order) is not str or type(data) is not bytes:
    raise ValueError(f'{name}: a damaged array')
  dtype = np.dtype(kind).newbyteorder(order)
  if len(data) != limits.count(name, shape) * dtype.itemsize:
    raise ValueError(f'{name}: {shape} is more than it holds, or less')
  order = 'F' if by_columns else 'C'
  return np.frombuffer(data, dtype).reshape(shape, order=order)
