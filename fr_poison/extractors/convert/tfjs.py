"""Reads the weights of TF.js graph models (`model.json` and its `.bin`)."""

import json
import math
import pathlib

import numpy as np

from fr_poison import files
from fr_poison.extractors.convert import limits
from fr_poison.extractors.convert.cursor import Cursor

_DTYPES = {'float32': '<f4', 'int32': '<i4', 'float16': '<f2', 'uint8': 'u1'}


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
  """Reads the constants of a graph model by node name, float32 or int32.

  The `.bin` holds them one after another in the order of the manifest, raw,
  as float16, or as uint8 with `value = q * scale + min`.

  Raises:
    ValueError: a shard is missing, too short or too long, a number format is
      unknown, or a scale is no number.
  """
  try:
    text = files.read(path, max_bytes=limits.MAX_TEXT)
    manifest = json.loads(text)['weightsManifest']
  except (ValueError, KeyError) as error:
    raise ValueError(f'not a TF.js graph model ({error})') from error
  shards = [pathlib.Path(name).name for g in manifest for name in g['paths']]
  if len(set(shards)) != len(shards):
    raise ValueError('two parts are the same file')
  arrays, names = {}, limits.Names()
  for group in manifest:
    parts = (pathlib.Path(name).name for name in group['paths'])
    shards = (
      files.read(path.with_name(part), max_bytes=files.LARGE) for part in parts
    )
    file = Cursor(b''.join(shards))
    for weight in group['weights']:
      name = weight['name'].removesuffix(':0')
      names.add(name)
      arrays[name] = _read_one(weight, name, file)
    if rest := len(file.data) - file.at:
      raise ValueError(f'{rest} bytes left over')
  return arrays


def _read_one(weight, name, file):
  quantization = weight.get('quantization') or {}
  stored = quantization.get('dtype', weight['dtype'])
  if not isinstance(stored, str) or stored not in _DTYPES:
    raise ValueError(f'{name}: unknown format {limits.shown(stored)}')
  shape = weight['shape']
  count = limits.count(name, shape)
  try:
    array = file.array(np.dtype(_DTYPES[stored]), count).reshape(shape)
  except ValueError as error:
    raise ValueError(f'{name}: weights end too early') from error
  if 'scale' in quantization:
    scale, low = (_number(name, quantization[x]) for x in ('scale', 'min'))
    array = array.astype(np.float64)
    array *= scale
    array += low
  if array.dtype.kind in 'fu':
    array = array.astype(np.float32)
  return array


def _number(name, value):
  """A list of them would be multiplied with each number of the array."""
  if type(value) not in (int, float) or not math.isfinite(value):
    raise ValueError(f'{name}: {limits.shown(value)} is no scale')
  return float(value)
