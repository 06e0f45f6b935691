"""Reads MXNet's `.params` files without MXNet.

What `mx.nd.save` writes since version 1.0: the arrays one after another, each
with its shape and number format in front, and then their names, `arg:` of a
parameter and `aux:` of a running statistic.
"""

import pathlib

import numpy as np

from fr_poison import files
from fr_poison.extractors.convert import limits
from fr_poison.extractors.convert.cursor import Cursor

MAGIC = (0x112).to_bytes(8, 'little')
_ARRAY = 0xF993FAC9
_DTYPES = '<f4', '<f8', '<f2', 'u1', '<i4', 'i1', '<i8'  # by MXNet's number
_MAX_RANK = 32


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
  """Reads the arrays by name, without `arg:` and `aux:`.

  Raises:
    ValueError: truncated, longer than it says, two arrays of one name, or
      arrays that are not dense.
  """
  file = Cursor(files.read(path, max_bytes=files.LARGE), len(MAGIC))
  _, count = file.numbers('Q', 2)  # the first is reserved
  arrays = []
  if count > limits.MOST:
    raise ValueError(f'{count} arrays, more than {limits.MOST}')
  while len(arrays) < count:
    arrays.append(_array(file, len(arrays)))
  if file.number('Q') != count:
    raise ValueError(f'not as many names as arrays, {count}')
  result, names = {}, limits.Names()
  for array in arrays:
    name = file.take(file.number('Q')).decode()
    name = name.removeprefix('arg:').removeprefix('aux:')
    names.add(name)
    result[name] = array
  if rest := len(file.data) - file.at:
    raise ValueError(f'{rest} bytes left over')
  return result


def _array(file, index):
  """Reads the next array; it is the `index`-th, its name comes later."""
  magic, storage, rank = (file.number(kind) for kind in 'IiI')
  if magic != _ARRAY or storage != 0 or rank > _MAX_RANK:
    raise ValueError(f'array {index}: not a dense array of MXNet 1')
  shape = file.numbers('q', rank)
  *_, dtype = file.numbers('i', 3)  # behind the device
  if not 0 <= dtype < len(_DTYPES):
    raise ValueError(f'array {index}: a format that MXNet has not')
  count = limits.count(f'array {index}', shape)
  try:
    return file.array(np.dtype(_DTYPES[dtype]), count).reshape(shape)
  except ValueError as error:
    raise ValueError(f'array {index}: {error}') from error
