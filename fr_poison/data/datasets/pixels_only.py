"""What is kept of a picture's file: its pixels, not where it was taken."""

import re

import numpy as np

from fr_poison.data import decode
from fr_poison.types import InputError

_SCAN, _END = 0xDA, 0xD9
# In compressed data 0xFF is followed by 0, or by a restart's number.
_MARKER = re.compile(rb'\xff[^\x00\xd0-\xd7\xff]')
# Without them the same numbers would be other colours.
_NEEDED = (b'JFIF\0', b'Adobe')
_NEEDED_SIZE = 18  # a longer one holds something else: a thumbnail


def of(data: bytes, image: np.ndarray) -> bytes:
  """The file without EXIF, text, thumbnails, profiles and what follows it.

  A JPEG that lies upright keeps its compressed pixels, to the bit; any other
  picture becomes a PNG.

  Args:
    data: the file.
    image: what it decodes to.
  """
  kept = _without_metadata(data)
  if kept != data:
    try:
      if not np.array_equal(decode.decode(kept, 'kept'), image):
        kept = b''  # as it lay
    except InputError:
      kept = b''
  return kept or decode.encode_png(image)


def _without_metadata(data):
  """The JPEG's own segments up to its end; b'' if it is none, or odd."""
  if not data.startswith(b'\xff\xd8'):
    return b''
  kept, at = [data[:2]], 2
  while data[at : at + 1] == b'\xff' and at + 1 < len(data):
    marker = data[at + 1]
    if marker == _END:
      return b''.join([*kept, data[at : at + 2]])
    end = at + 2 + int.from_bytes(data[at + 2 : at + 4], 'big')
    is_short = end - at <= _NEEDED_SIZE
    if marker == _SCAN:
      found = _MARKER.search(data, end)
      end = found.start() if found else len(data)
    is_about = 0xE0 <= marker <= 0xEF or marker == 0xFE
    if not is_about or (is_short and data.startswith(_NEEDED, at + 4)):
      kept.append(data[at:end])
    at = end
  return b''
