"""Reads safetensors files, with the package of that name."""

import json
import os
import pathlib

import ml_dtypes
import numpy as np
import safetensors

from fr_poison.extractors.convert import guard

_DTYPES = {
  'F64': np.dtype('<f8'),
  'F32': np.dtype('<f4'),
  'F16': np.dtype('<f2'),
  'BF16': np.dtype(ml_dtypes.bfloat16),
  'I64': np.dtype('<i8'),
  'I32': np.dtype('<i4'),
  'I16': np.dtype('<i2'),
  'I8': np.dtype('i1'),
  'U8': np.dtype('u1'),
  'BOOL': np.dtype('?'),
}


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """The arrays of a safetensors file by name, in their number formats.

  Raises:
    InputError: damaged, a header longer than the file, a name that appears
      twice, or an unknown number format.
  """
  with guard.reading(path):
    data = pathlib.Path(path).read_bytes()
    parts = safetensors.deserialize(data)  # checks all sizes first
    header = data[8 : 8 + int.from_bytes(data[:8], 'little')]
    # The package takes the last of two entries of one name, silently.
    json.loads(header, object_pairs_hook=_without_duplicates)
    arrays = {}
    for name, part in parts:
      if part['dtype'] not in _DTYPES:
        raise ValueError(f'{name}: unknown number format {part["dtype"]}')
      array = np.frombuffer(part['data'], _DTYPES[part['dtype']])
      arrays[name] = array.reshape(part['shape'])
    return arrays


def _without_duplicates(pairs):
  result = dict(pairs)
  if len(result) != len(pairs):
    names = [name for name, _ in pairs]
    name = next(name for name in names if names.count(name) > 1)
    raise ValueError(f'{name} appears twice')
  return result
