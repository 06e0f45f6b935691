"""MXNet's RecordIO of labelled pictures, read without MXNet.

A `.rec` file is a row of records; the text file `.idx` beside it has a line
`key<TAB>offset` for each. Layout after dmlc-core's recordio.h and MXNet's
image_recordio.h: a part is the magic number, a word of which the upper 3 bits
say where in a record it stands and the other 29 how long it is, and that many
bytes, filled up to a multiple of 4. A record that contains the magic number
itself is cut there into several parts; where it is cut nothing is filled up.
"""

import os
import pathlib
import struct
from collections.abc import Iterator
from typing import NamedTuple

from fr_poison.data import folder
from fr_poison.types import InputError

_MAGIC = struct.pack('<I', 0xCED7230A)
_HEADER = struct.Struct('<IfQQ')  # flag, label, id, id2
_WHOLE, _LAST = 0, 3  # where a part stands; 1: first, 2: between


class Record(NamedTuple):
  """One record.

  Attributes:
    key: its number in the `.idx` file.
    labels: its label or labels; none if it is damaged.
    file: what follows the header; `read` raises InputError on damage.
  """

  key: int
  labels: tuple[float, ...]
  file: folder.File


def records(path: str | os.PathLike) -> Iterator[Record]:
  """The records of a `.rec` file, in the order of its `.idx` file.

  A damaged record does not spoil the next one.

  Args:
    path: of the `.rec` file.

  Raises:
    InputError: one of the two files is not there; while reading: a line of the
      `.idx` file is not two numbers.
  """
  path = pathlib.Path(path)
  index = path.with_suffix('.idx')
  try:
    with open(path, 'rb') as stream, open(index, 'rb') as lines:
      for number, line in enumerate(lines, 1):
        try:
          key, offset = map(int, line.split())
          stream.seek(offset)
        except (ValueError, OSError):  # A file has no negative offset.
          raise InputError(f'{index}: line {number} is damaged') from None
        yield _record(stream, key, f'{path.stem}/{key}')
  except OSError as error:
    raise InputError(f'{error.filename}: {error.strerror}') from error


def _record(stream, key: int, name: str) -> Record:
  try:
    data = _join_parts(stream)
    flag, label, *_ = _HEADER.unpack_from(data)
    labels = struct.unpack_from(f'<{flag}f', data, _HEADER.size)
    data = data[_HEADER.size + 4 * flag :]
  except (ValueError, struct.error):
    file = folder.File(name, folder.refusal(name, 'a damaged record'))
    return Record(key, (), file)
  file = folder.File(name, lambda: data)
  return Record(key, labels or (label,), file)


def _join_parts(stream) -> bytes:
  parts = []
  while True:
    magic, word = stream.read(4), stream.read(4)
    if magic != _MAGIC or len(word) < 4:
      raise ValueError
    place, length = divmod(int.from_bytes(word, 'little'), 1 << 29)
    is_first = not parts
    if length > folder.MAX_BYTES or place > 3 or is_first != (place < 2):
      raise ValueError
    # As much memory would be taken, whether there is as much to read or not.
    if length > os.fstat(stream.fileno()).st_size - stream.tell():
      raise ValueError
    parts.append(stream.read(length))
    if place in (_WHOLE, _LAST):
      return _MAGIC.join(parts)
