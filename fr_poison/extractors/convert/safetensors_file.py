"""Reads safetensors files, with the package of that name."""

import json
import os
import pathlib

import ml_dtypes
import numpy as np
import safetensors

from fr_poison.extractors.convert import guard

_DTYPES = {
  **{f'F{8 * size}': np.dtype(f'<f{size}') for size in (2, 4, 8)},
  **{f'I{8 * size}': np.dtype(f'<i{size}') for size in (1, 2, 4, 8)},
  'BF16': np.dtype(ml_dtypes.bfloat16),
  'U8': np.dtype('u1'),
  'BOOL': np.dtype('?'),
}


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """Reads the arrays of a safetensors file by name, in their number formats.

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
  result = {}
  for name, value in pairs:
    if name in result:
      raise ValueError(f'{name} appears twice')
    result[name] = value
  return result
