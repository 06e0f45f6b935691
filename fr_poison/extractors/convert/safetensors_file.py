"""Reads safetensors, of which nothing is copied, and nothing is left over.

Eight bytes say how long the header is; it is JSON, of each array its number
format, its shape and where it lies behind the header.
"""

import json
import os

import ml_dtypes
import numpy as np

from fr_poison import files
from fr_poison.extractors.convert import limits

_ABOUT = '__metadata__'
_DTYPES = {
  **{f'F{8 * size}': np.dtype(f'<f{size}') for size in (2, 4, 8)},
  **{f'I{8 * size}': np.dtype(f'<i{size}') for size in (1, 2, 4, 8)},
  **{f'U{8 * size}': np.dtype(f'<u{size}') for size in (1, 2, 4, 8)},
  'BF16': np.dtype(ml_dtypes.bfloat16),
  'BOOL': np.dtype('?'),
}
# Python keeps a header as thirty times as much. That many bytes say 10,000
# arrays, or as many as there are for each few kilobytes of weights.
_MAX_HEADER, _BYTES_A_BYTE = 1 << 20, 32


def read(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict]:
  """Reads the arrays by name, as read-only views, and what is said of them.

  Raises:
    ValueError: truncated, longer than it says, arrays that overlap, two of one
      name, or a number format that is unknown.
    InputError: as `files.read`.
  """
  data = files.read(path, max_bytes=files.LARGE)
  length = int.from_bytes(data[:8], 'little')
  if length > min(len(data) - 8, _MAX_HEADER + len(data) // _BYTES_A_BYTE):
    raise ValueError(f'damaged, a header of {length} bytes')
  start = 8 + length
  header = json.loads(data[8:start], object_pairs_hook=_without_duplicates)
  about = header.pop(_ABOUT, {})
  if not isinstance(about, dict):
    raise ValueError(f'damaged, its {_ABOUT} are no fields')
  arrays, names, end = {}, limits.Names(), 0
  for name, begin, stop, dtype, shape in sorted(
    map(_part, header.items()), key=lambda part: part[1:3]
  ):
    names.add(name)
    count = limits.count(name, shape)
    if begin != end or stop - begin != count * dtype.itemsize:
      raise ValueError(f'damaged, {name} is not where its neighbours end')
    if stop > len(data) - start:
      raise ValueError(f'damaged, {name} ends behind the file')
    array = np.frombuffer(data, dtype, count, start + begin)
    arrays[name], end = array.reshape(shape), stop
  if end != len(data) - start:
    raise ValueError(f'damaged, {len(data) - start - end} bytes left over')
  return arrays, about


def _part(item):
  name, said = item
  dtype, shape, where = (said[x] for x in ('dtype', 'shape', 'data_offsets'))
  if not isinstance(dtype, str) or dtype not in _DTYPES:
    shown = limits.shown(dtype)
    raise ValueError(f'{name[:100]}: unknown number format {shown}')
  limits.count(name[:100], where)
  begin, stop = where
  return name, begin, stop, _DTYPES[dtype], shape


def _without_duplicates(pairs):
  """The last of two fields of one name would be taken, silently."""
  result = dict(pairs)
  if len(result) < len(pairs):
    seen = set()
    for name, _ in pairs:
      if name in seen:
        raise ValueError(f'{name[:100]} appears twice')
      seen.add(name)
  return result
