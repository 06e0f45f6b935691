"""Reads pickles of plain numpy arrays, and nothing else that a pickle may do.

A pickle is a program. This reader runs it with three names only, those that
rebuild an array; any other import is refused before it happens.
"""

import io
import pickle
from typing import Any

import numpy as np

from fr_poison.types import InputError

_RECONSTRUCT = np.zeros(0).__reduce__()[0]
_ALLOWED = {
  ('numpy', 'dtype'): np.dtype,
  ('numpy', 'ndarray'): np.ndarray,
  # Its home before numpy 2 and since.
  ('numpy.core.multiarray', '_reconstruct'): _RECONSTRUCT,
  ('numpy._core.multiarray', '_reconstruct'): _RECONSTRUCT,
}


class _ArrayUnpickler(pickle.Unpickler):
  def find_class(self, module, name):
    if (module, name) not in _ALLOWED:
      raise pickle.UnpicklingError(f'{module}.{name} is not allowed in weights')
    return _ALLOWED[module, name]


def read(data: bytes, name: str) -> dict[str, np.ndarray]:
  """The arrays of a pickled tree of dicts, by path: {'Conv_0/kernel': array}.

  Args:
    data: the whole file.
    name: what to call it in errors.

  Raises:
    InputError: not a pickle, truncated, importing anything but numpy's arrays,
      or with other contents than numeric arrays.
  """
  try:
    tree = _ArrayUnpickler(io.BytesIO(data)).load()
  except Exception as error:  # Damaged pickles raise nearly everything.
    raise InputError(f'{name}: {error}') from error
  return dict(_leaves(tree, (), name))


def _leaves(tree: Any, path: tuple[str, ...], name: str):
  if isinstance(tree, dict):
    for key, value in tree.items():
      yield from _leaves(value, (*path, str(key)), name)
  elif isinstance(tree, np.ndarray) and tree.dtype.kind in 'fiu':
    yield '/'.join(path), tree
  else:
    raise InputError(f'{name}: {"/".join(path)} is no numeric array')
