"""A place in a file's bytes, for the readers of binary formats."""

import struct


class Cursor:
  """Reads from byte `at` on, and raises ValueError where there is no more."""

  def __init__(self, data: bytes, at: int = 0):
    """Starts at a byte of `data`."""
    self.data, self.at = data, at

  def take(self, count: int) -> bytes:
    """Reads the next `count` bytes."""
    part = self.data[self.at : self.at + count]
    if self.at < 0 or len(part) != count:
      raise ValueError(f'truncated: {count} bytes expected at byte {self.at}')
    self.at += count
    return part

  def numbers(self, kind: str, count: int) -> tuple[int, ...]:
    """Reads little-endian numbers, all of one of `struct`'s letters."""
    data = self.take(count * struct.calcsize(f'<{kind}'))
    return struct.unpack(f'<{count}{kind}', data)

  def number(self, kind: str) -> int:
    """Reads one."""
    return self.numbers(kind, 1)[0]
