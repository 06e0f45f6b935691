"""Reads pickles of plain numpy arrays, and nothing else that a pickle may do.

A pickle is a program. This reader runs it with three names only, those that
rebuild an array; any other import is refused before it happens.
"""

import io
import pickle
import pickletools
from typing import Any

import numpy as np

from fr_poison.extractors.convert import guard

# numpy's own function, which reserves what the file asks for, is asked for
# nothing: shape and numbers come after it.
_EMPTY = lambda *_: np.zeros(0).__reduce__()[0](np.ndarray, (0,), b'b')
_ALLOWED = {
  ('numpy', 'dtype'): np.dtype,
  ('numpy', 'ndarray'): None,  # the kind of array, an argument only
  # Its home before numpy 2 and since.
  ('numpy.core.multiarray', '_reconstruct'): _EMPTY,
  ('numpy._core.multiarray', '_reconstruct'): _EMPTY,
}
# These reserve memory, too.
_REFUSED = {'BYTEARRAY8', 'NEXT_BUFFER', 'READONLY_BUFFER'}
_PLACES = {'LONG_BINPUT', 'PUT'}


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
  with guard.reading(name):
    for opcode, arg, _ in pickletools.genops(data):
      is_place = opcode.name in _PLACES
      if opcode.name in _REFUSED or (is_place and arg > len(data)):
        raise pickle.UnpicklingError(f'{opcode.name} is not allowed in weights')
    tree = _ArrayUnpickler(io.BytesIO(data)).load()
    return dict(_leaves(tree, (), set()))


def _leaves(tree: Any, path: tuple[str, ...], seen: set[int]):
  if isinstance(tree, dict) and id(tree) not in seen:
    seen.add(id(tree))  # It may contain itself, or one part everywhere.
    for key, value in tree.items():
      yield from _leaves(value, (*path, str(key)), seen)
  elif isinstance(tree, np.ndarray) and tree.dtype.kind in 'fiu':
    yield '/'.join(path), tree
  else:
    raise ValueError(f'{"/".join(path)} is no numeric array')
