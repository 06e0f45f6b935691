"""Reads Protocol Buffers as they lie: numbered fields, one after the other.

A parser makes an object of every field, of which two bytes of a file can name
one. Here nothing is made of what nobody asks for, and what is looked at is
counted.
"""

from collections.abc import Iterator

import numpy as np

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_MOST = 1_000_000  # fields, which take a second
_CHUNK = 1 << 20


class Reader:
  """Gives the fields of messages, and counts them over a whole file."""

  def __init__(self):
    """Starts to count."""
    self._left = _MOST

  def fields(self, data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yields the number and the value of each field of a message.

    Integers are as they are written, without a sign; all else is given as the
    bytes that hold it.

    Raises:
      ValueError: truncated, a field that no message of ours has, or more than
        a million of them.
    """
    at = 0
    while at < len(data):
      self._left -= 1
      if self._left < 0:
        raise ValueError(f'more than {_MOST} fields')
      tag, at = _varint(data, at)
      number, kind = tag >> 3, tag & 7
      if kind == _VARINT:
        value, at = _varint(data, at)
        yield number, value
        continue
      size = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(kind)
      if kind == _BYTES:
        size, at = _varint(data, at)
      if size is None or size > len(data) - at:
        raise ValueError('damaged fields')
      yield number, data[at : at + size]
      at += size


def _varint(data, at):
  """Reads 7 bits a byte, the lowest first; the last byte is below 128."""
  value = 0
  for shift in range(0, 70, 7):
    if at == len(data):
      raise ValueError('truncated fields')
    byte = data[at]
    at += 1
    value |= (byte & 127) << shift
    if byte < 128:
      return value, at
  raise ValueError('a number of more than 64 bits')


def varints(data: memoryview, dtype: np.dtype) -> np.ndarray:
  """Reads a packed field of integers, as their lowest bits.

  Raises:
    ValueError: truncated, or a number of more than ten bytes.
  """
  raw, at, done = np.frombuffer(data, np.uint8), 0, 0
  result = np.empty(np.count_nonzero(raw < 128), dtype)
  while at < len(raw):  # A part at a time: it takes many times as much.
    chunk = raw[at : at + _CHUNK]
    ends = np.flatnonzero(chunk < 128)
    if not len(ends):
      raise ValueError('truncated numbers')
    starts = np.concatenate([[0], ends[:-1] + 1])
    sizes = ends - starts + 1
    if sizes.max() > 10:
      raise ValueError('a number of more than 64 bits')
    values = (chunk[starts] & 127).astype(np.uint64)
    for k in range(1, sizes.max()):
      longer = sizes > k
      bits = (chunk[starts[longer] + k] & 127).astype(np.uint64)
      values[longer] |= bits << np.uint64(7 * k)
    result[done : done + len(values)] = values.astype(dtype)
    done += len(values)
    at += int(ends[-1]) + 1
  return result
