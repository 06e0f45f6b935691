"""Reads the weights of TF.js graph models (`model.json` and its `.bin`)."""

import json
import math
import pathlib

import numpy as np

from fr_poison.extractors.convert import guard
from fr_poison.types import InputError

_DTYPES = {'float32': '<f4', 'int32': '<i4', 'float16': '<f2', 'uint8': 'u1'}


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
  """The constants of a graph model by node name, float32 or int32.

  The `.bin` holds them one after another in the order of the manifest, raw,
  as float16, or as uint8 with `value = q * scale + min`.

  Raises:
    InputError: a shard is missing, too short or too long, or a number format
      is unknown.
  """
  with guard.reading(path):
    return _read(pathlib.Path(path))


def _read(path):
  try:
    manifest = json.loads(path.read_text())['weightsManifest']
  except (OSError, ValueError, KeyError) as error:
    raise InputError(f'{path}: not a TF.js graph model ({error})') from error
  arrays, seen = {}, set()
  for group in manifest:
    shards = [path.with_name(pathlib.Path(p).name) for p in group['paths']]
    if len({*shards, *seen}) < len(shards) + len(seen):
      raise InputError(f'{path}: two parts are the same file')
    seen.update(shards)
    for shard in shards:
      if not shard.is_file():
        raise InputError(f'{shard}: weight file is missing')
    data, at = b''.join(shard.read_bytes() for shard in shards), 0
    for weight in group['weights']:
      array, at = _read_one(weight, data, at, path)
      arrays[weight['name'].removesuffix(':0')] = array
    if at != len(data):
      raise InputError(f'{path}: {len(data) - at} bytes left over')
  return arrays


def _read_one(weight, data, at, path):
  quantization = weight.get('quantization') or {}
  stored = quantization.get('dtype', weight['dtype'])
  if stored not in _DTYPES:
    raise InputError(f'{path}: {weight["name"]}: unknown format {stored!r}')
  dtype, count = np.dtype(_DTYPES[stored]), math.prod(weight['shape'])
  end = at + count * dtype.itemsize
  if end > len(data):
    raise InputError(f'{path}: {weight["name"]}: weights end too early')
  array = np.frombuffer(data[at:end], dtype).reshape(weight['shape'])
  if 'scale' in quantization:
    array = array * quantization['scale'] + quantization['min']
  if array.dtype.kind in 'fu':
    array = array.astype(np.float32)
  return array, end
