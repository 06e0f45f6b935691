"""What a file of weights may say and take, whichever format it is of."""

import math
import reprlib
from collections.abc import Sequence
from typing import Any

from fr_poison import files

MAX_TEXT = 16 << 20  # of JSON or XML beside the weights
MOST = 1 << 15  # arrays, operators, entries: what costs more than it says
MAX_NAME = 1000  # letters
_MAX_NAMES = 1 << 22  # letters of all names; 10,000 arrays have a million
_MAX_RANK = 32
_repr = reprlib.Repr()
_repr.maxlevel = 2


def shown(value: Any) -> str:
  """Writes a few letters of a value of any type and depth, for a message."""
  return _repr.repr(value)


def count(name: str, shape: Sequence[int]) -> int:
  """Multiplies the sizes of a shape, once they are known to be sizes.

  Args:
    name: of the array, for a message.
    shape: anything that a file may say.

  Raises:
    ValueError: it is no list of at most 32 integers that are 0 or more.
  """
  if not isinstance(shape, list | tuple) or len(shape) > _MAX_RANK:
    raise ValueError(f'{name}: {shown(shape)} is no shape')
  if not all(type(size) is int and 0 <= size <= files.LARGE for size in shape):
    raise ValueError(f'{name}: {shown(shape)}, a size that no weights have')
  return math.prod(shape)


class Names:
  """The names of a file's arrays: each once, and not much text in all."""

  def __init__(self):
    """Starts without any."""
    self._seen, self._left = set(), _MAX_NAMES

  def add(self, name: str) -> None:
    """Notes one.

    ValueError: it is no text, too long, there already, or one too many.
    """
    if not isinstance(name, str):
      raise ValueError(f'{shown(name)} is no name')
    if len(name) > MAX_NAME:
      raise ValueError(f'{name[:40]!r}...: a name of {len(name)} letters')
    if name in self._seen:
      raise ValueError(f'{name} appears twice')
    self._seen.add(name)
    self._left -= len(name)
    if len(self._seen) > MOST or self._left < 0:
      raise ValueError(f'more than {MOST} arrays, or {_MAX_NAMES} letters')
