"""Reads the weights of TF.js graph models (`model.json` and its `.bin`)."""

import json
import math
import pathlib

import numpy as np

from fr_poison import files

_DTYPES = {'float32': '<f4', 'int32': '<i4', 'float16': '<f2', 'uint8': 'u1'}


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
  """Reads the constants of a graph model by node name, float32 or int32.

  The `.bin` holds them one after another in the order of the manifest, raw,
  as float16, or as uint8 with `value = q * scale + min`.

  Raises:
    ValueError: a shard is missing, too short or too long, or a number format
      is unknown.
  """
  try:
    manifest = json.loads(files.read_text(path))['weightsManifest']
  except (ValueError, KeyError) as error:
    raise ValueError(f'not a TF.js graph model ({error})') from error
  shards = [pathlib.Path(name).name for g in manifest for name in g['paths']]
  if len(set(shards)) != len(shards):
    raise ValueError('two parts are the same file')
  arrays = {}
  for group in manifest:
    names = (pathlib.Path(name).name for name in group['paths'])
    data = b''.join(
      files.read(path.with_name(name), max_bytes=files.LARGE) for name in names
    )
    at = 0
    for weight in group['weights']:
      array, at = _read_one(weight, data, at)
      arrays[weight['name'].removesuffix(':0')] = array
    if at != len(data):
      raise ValueError(f'{len(data) - at} bytes left over')
  return arrays


def _read_one(weight, data, at):
  quantization = weight.get('quantization') or {}
  stored = quantization.get('dtype', weight['dtype'])
  if stored not in _DTYPES:
    raise ValueError(f'{weight["name"]}: unknown format {stored!r}')
  dtype, count = np.dtype(_DTYPES[stored]), math.prod(weight['shape'])
  end = at + count * dtype.itemsize
  if end > len(data):
    raise ValueError(f'{weight["name"]}: weights end too early')
  array = np.frombuffer(data[at:end], dtype).reshape(weight['shape'])
  if 'scale' in quantization:
    array = array * quantization['scale'] + quantization['min']
  if array.dtype.kind in 'fu':
    array = array.astype(np.float32)
  return array, end
