"""The segments of a JPEG file, as libjpeg finds them."""

import re
from collections.abc import Iterator
from typing import NamedTuple

SCAN, END = 0xDA, 0xD9
# In compressed data 0xFF is followed by 0 or by a restart's number, which mean
# no segment, nor does 1 anywhere; 0xFF may be repeated before a marker.
_MARKER = re.compile(rb'\xff[^\x00\x01\xd0-\xd7\xff]')


class Segment(NamedTuple):
  """A marker with all that belongs to it: bytes `start` to `stop` of a file."""

  marker: int
  start: int
  stop: int


def segments(data: bytes) -> Iterator[Segment]:
  """Yields what follows the first two bytes of a JPEG, up to its end.

  A scan is one segment with its compressed data. What lies between segments is
  passed over, and one that is cut off reaches beyond the file. Of a file that
  has no end the last is another than `END`.
  """
  at = 2
  while found := _MARKER.search(data, at):
    start, marker = found.start(), data[found.start() + 1]
    if marker == END:
      yield Segment(marker, start, start + 2)
      return
    at = start + 2 + int.from_bytes(data[start + 2 : start + 4], 'big')
    if marker == SCAN:
      following = _MARKER.search(data, at)
      at = following.start() if following else len(data)
    yield Segment(marker, start, at)
