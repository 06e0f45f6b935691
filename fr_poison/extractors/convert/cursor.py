"""A place in a file's bytes, for the readers of binary formats."""

import struct

import numpy as np


class Cursor:
  """Reads from byte `at` on, and raises ValueError where there is no more."""

  def __init__(self, data: bytes, at: int = 0):
    """Starts at a byte of `data`."""
    self.data, self.at = data, at

  def skip(self, count: int) -> int:
    """Passes over the next `count` bytes, and says where they begin."""
    start = self.at
    if min(start, count) < 0 or count > len(self.data) - start:
      raise ValueError(f'truncated: {count} bytes expected at byte {start}')
    self.at += count
    return start

  def take(self, count: int) -> bytes:
    """Reads the next `count` bytes."""
    start = self.skip(count)
    return self.data[start : self.at]

  def numbers(self, kind: str, count: int) -> tuple[int, ...]:
    """Reads little-endian numbers, all of one of `struct`'s letters."""
    data = self.take(count * struct.calcsize(f'<{kind}'))
    return struct.unpack(f'<{count}{kind}', data)

  def number(self, kind: str) -> int:
    """Reads one."""
    return self.numbers(kind, 1)[0]

  def array(self, dtype: np.dtype, count: int) -> np.ndarray:
    """Gives the next `count` numbers where they lie."""
    start = self.skip(count * dtype.itemsize)
    return np.frombuffer(self.data, dtype, count, start)
