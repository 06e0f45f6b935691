"""Weights that ship: safetensors files beside a manifest of their hashes."""

import hashlib
import json
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors.numpy
from flax import traverse_util

from fr_poison import files
from fr_poison.types import InputError, Params

PRETRAINED = pathlib.Path(__file__).parent / 'pretrained'
_SHOWN = 6  # of a list of arrays, in an error


def manifest(folder: pathlib.Path = PRETRAINED) -> dict[str, dict]:
  """Reads, by network: file, sha256, source, licence, credit.

  Raises:
    InputError: the manifest is missing or is not JSON.
  """
  path = folder / 'manifest.json'
  text = files.read_text(path)
  try:
    return json.loads(text)
  except (ValueError, RecursionError) as error:
    raise InputError(f'{path}: weight manifest unreadable ({error})') from error


def load(
  name: str, expected: dict[str, tuple], folder: pathlib.Path = PRETRAINED
) -> tuple[Params, str]:
  """Loads the parameters of a shipped network, float32, and their SHA-256.

  Args:
    name: the network's name in the manifest.
    expected: what the network needs, by flat name.
    folder: where manifest and files are.

  Raises:
    InputError: the file is missing, altered, or for another network.
  """
  try:
    entry = manifest(folder)[name]
    path, wanted = folder / entry['file'], str(entry['sha256'])
  except (KeyError, TypeError) as error:
    raise InputError(
      f'{folder / "manifest.json"}: damaged, it does not say what the weights '
      f'of {name} are; reinstall fr_poison'
    ) from error
  if not path.exists():
    raise InputError(f'{path}: weight file is missing; reinstall fr_poison')
  data = files.read(path)
  found = hashlib.sha256(data).hexdigest()
  if found != wanted:
    raise InputError(
      f'{path}: weight file was altered (SHA-256 {found[:12]}..., '
      f'expected {wanted[:12]}...); reinstall fr_poison'
    )
  arrays = safetensors.numpy.load(data)
  check_arrays(arrays, expected, str(path))
  flat = {key: np.asarray(a, np.float32) for key, a in arrays.items()}
  return {'params': traverse_util.unflatten_dict(flat, sep='/')}, found


def check_arrays(
  arrays: dict[str, np.ndarray], expected: dict[str, tuple], name: str
) -> None:
  """Refuses other arrays than expected, and numbers that are none.

  A `jax.ShapeDtypeStruct` in the place of an array has no numbers to look at.

  Raises:
    InputError: lists what is missing, unexpected, misshaped, no floating point
      or not finite.
  """
  about = lambda key: f'{key} {list(arrays[key].shape)}'
  missing = sorted(expected.keys() - arrays.keys())
  unexpected = sorted(arrays.keys() - expected.keys())
  problems = {
    'missing': [f'{key} {list(expected[key])}' for key in missing],
    'unexpected': [f'{about(key)} {arrays[key].dtype}' for key in unexpected],
    **{'misshaped': [], 'not floating point': [], 'NaN or infinite': []},
  }
  for key in sorted(arrays.keys() & expected.keys()):
    array, shape = arrays[key], expected[key]
    if tuple(array.shape) != shape:
      problems['misshaped'].append(f'{about(key)}, expected {list(shape)}')
    elif not jnp.issubdtype(array.dtype, jnp.floating):
      problems['not floating point'].append(f'{about(key)} {array.dtype}')
    elif not _is_finite(array):
      problems['NaN or infinite'].append(about(key))
  if any(problems.values()):
    listed = [
      f'{what}: {_some(texts)}'
      for what, texts in problems.items()
      if texts or what in ('missing', 'unexpected')
    ]
    raise InputError(
      f'{name}: not the weights of this network; {"; ".join(listed)}'
    )


def _is_finite(array):
  if isinstance(array, jax.ShapeDtypeStruct):
    return True
  with np.errstate(over='ignore'):  # what becomes infinite is refused as that
    return np.isfinite(np.asarray(array, np.float32)).all()


def _some(texts):
  more = f', and {len(texts) - _SHOWN} more' * (len(texts) > _SHOWN)
  return ', '.join(texts[:_SHOWN]) + more or 'nothing'


def expected_shapes(
  module, input_size: int, collection: str | None = 'params'
) -> dict[str, tuple]:
  """Gives {'block1/conv1/kernel': shape} of a Flax module, without computing.

  Args:
    module: takes pictures [B, input_size, input_size, 3].
    input_size: see there.
    collection: of variables; None is all, their names being the first part.
  """
  images = jax.ShapeDtypeStruct((1, input_size, input_size, 3), jnp.float32)
  tree = jax.eval_shape(module.init, jax.random.key(0), images)
  leaves = flatten(tree[collection] if collection else tree)
  return {name: tuple(leaf.shape) for name, leaf in leaves.items()}


def flatten(tree: Params) -> dict[str, Any]:
  """Gives a nested dict's leaves by their path, 'block1/conv1/kernel'."""
  return traverse_util.flatten_dict(tree, sep='/')


def digest(flat: dict[str, Any]) -> str:
  """Computes the SHA-256 of named arrays, whatever their order."""
  result = hashlib.sha256()
  for name in sorted(flat):
    array = np.ascontiguousarray(flat[name])
    result.update(f'{name} {array.dtype} {array.shape} '.encode())
    result.update(array.tobytes())
  return result.hexdigest()
