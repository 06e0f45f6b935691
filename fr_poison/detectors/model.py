"""A network that a detector trained, and its file."""

import json
import os
import pathlib
from typing import Any, NamedTuple

import jax
import numpy as np
import safetensors
import safetensors.numpy
from flax import traverse_util

from fr_poison import weights
from fr_poison.detectors import base
from fr_poison.files import write_atomic
from fr_poison.types import InputError, Params


class Model(NamedTuple):
  """A trained network and everything that it was trained with."""

  params: Params
  settings: dict[str, Any]  # plain data


def save(path: str | os.PathLike, model: Model, key: str = '') -> None:
  """Writes a safetensors file that says what it should hold.

  Args:
    path: of the file.
    model: to be written.
    key: what it was trained on and how, for `load`.

  Raises:
    InputError: it cannot be written; what was there is still there.
  """
  arrays = weights.flatten(jax.device_get(model.params))
  about = {
    'key': key,
    'settings': json.dumps(model.settings),
    'digest': base.digest(model.settings, arrays),
  }
  arrays = {name: np.ascontiguousarray(a) for name, a in arrays.items()}
  write_atomic(path, safetensors.numpy.save(arrays, about))


def load(path: str | os.PathLike, key: str = '') -> Model:
  """What `save` wrote with this key, bit for bit.

  Raises:
    InputError: it cannot be read, is no such file, was altered, or has
      another key.
  """
  try:
    data = pathlib.Path(path).read_bytes()
    arrays = safetensors.numpy.load(data)
    with safetensors.safe_open(path, 'np') as file:
      about = file.metadata() or {}
    settings, digest = json.loads(about['settings']), about['digest']
    params = traverse_util.unflatten_dict(arrays, sep='/')
  except OSError as error:
    raise InputError(f'{path}: {error.strerror or error}') from error
  except Exception as error:  # Damaged files raise nearly everything.
    raise InputError(f'{path}: not a trained detector ({error})') from error
  if about.get('key') != key:
    raise InputError(
      f'{path}: of another training; delete it to train it again'
    )
  if base.digest(settings, arrays) != digest:
    raise InputError(
      f'{path}: was altered since it was saved; delete it to train it again'
    )
  return Model(params, settings)
