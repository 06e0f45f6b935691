"""Training sets as insightface gives them: CASIA-WebFace and MS1M.

Expected: a folder with train.rec and train.idx (faces_webface_112x112,
faces_emore), aligned pictures of 112x112 pixels in MXNet's RecordIO, read here
without MXNet. A `.rec` file is a row of records; the text file `.idx` beside it
has a line `key<TAB>offset` for each. Layout after dmlc-core's recordio.h and
MXNet's image_recordio.h: a part is the magic number, a word, and bytes. The
upper 3 bits of the word say where in a record it stands, the other 29 how many
bytes there are, filled up to a multiple of 4. A record that contains the magic
number itself is cut there into several parts; where it is cut nothing is filled
up.

Record 0 has two labels, the first of which is the number of pictures plus 1:
the records from there on list people, not pictures. A person is a number.
"""

import math
import os
import pathlib
import struct
from collections.abc import Iterator
from typing import NamedTuple

from fr_poison import files
from fr_poison.data import folder
from fr_poison.data.datasets.trees import Source
from fr_poison.types import InputError

_MAGIC = struct.pack('<I', 0xCED7230A)
_HEADER = struct.Struct('<IfQQ')  # flag, label, id, id2
_MAX_LABELS = 1000
_MAX_LINE = 100  # bytes of an index
_MAX_PARTS = 1000  # of a record
_WHOLE, _LAST = 0, 3  # where a part stands; 1: first, 2: between


def casia_webface(source: pathlib.Path) -> Source:
  """Takes CASIA-WebFace.

  For non-commercial research; pictures are of the sites they come from. Yi,
  Lei, Liao and Li, "Learning face representation from scratch",
  arXiv:1411.7923, 2014.
  """
  paths = [source / 'train.rec', source / 'train.idx']
  return Source(paths, lambda: _items(paths[0]), 10_572, 490_623)


def ms1m(source: pathlib.Path) -> Source:
  """Takes MS1M-ArcFace (MS1MV2), refined from MS-Celeb-1M.

  Withdrawn by Microsoft; was for non-commercial research. Deng, Guo, Xue and
  Zafeiriou, "ArcFace: Additive angular margin loss for deep face recognition",
  CVPR 2019.
  """
  paths, items, *_ = casia_webface(source)
  return Source(paths, items, 85_742, 5_822_653)


def _items(path: pathlib.Path) -> Iterator[tuple[str | None, folder.File]]:
  end = math.inf
  for key, labels, file in records(path):
    if key == 0 and len(labels) > 1:
      end = labels[0]
    elif key < end:
      if not labels:
        yield None, file
      elif 0 <= labels[0] < 1e7:
        yield f'{int(labels[0]):07}', file
      else:
        yield None, folder.refused(file.path, f'label {labels[0]}')


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
  """Reads the records of a `.rec` file, in the order of its `.idx` file.

  A damaged record does not spoil the next one.

  Raises:
    InputError: one of the two files is not there; while reading: a line of the
      `.idx` file is not two numbers, or its records are more than there are.
  """
  path = pathlib.Path(path)
  index = path.with_suffix('.idx')
  with (
    files.opened(path, max_bytes=math.inf) as stream,
    files.opened(index, max_bytes=math.inf) as lines,
  ):
    # Records may not overlap: any number of lines could name the same one.
    # (Twice, as what is damaged may be looked at again.)
    left, number = 2 * stream.seek(0, os.SEEK_END), 0
    while line := lines.readline(_MAX_LINE):
      number += 1
      try:
        key, offset = map(int, line.split())
        stream.seek(offset)
      except (ValueError, OverflowError, OSError):  # None is negative.
        raise InputError(f'{index}: line {number} is damaged') from None
      yield _record(stream, key, f'{path.stem}/{key}')
      left -= max(stream.tell() - offset, 0)
      if left < 0:
        raise InputError(f'{index}: line {number}: records overlap')


def _record(stream, key: int, name: str) -> Record:
  try:
    data = _join_parts(stream)
    flag, label, *_ = _HEADER.unpack_from(data)
    if flag > _MAX_LABELS:
      raise ValueError
    labels = struct.unpack_from(f'<{flag}f', data, _HEADER.size)
    data = data[_HEADER.size + 4 * flag :]
  except (ValueError, struct.error):
    return Record(key, (), folder.refused(name, 'a damaged record'))
  return Record(key, labels or (label,), folder.File(name, lambda: data))


def _join_parts(stream) -> bytes:
  parts, left = [], files.MAX_BYTES
  while True:
    magic, word = stream.read(4), stream.read(4)
    if magic != _MAGIC or len(word) < 4:
      raise ValueError
    place, length = divmod(int.from_bytes(word, 'little'), 1 << 29)
    is_first = not parts
    left -= length
    if place > 3 or is_first != (place < 2):
      raise ValueError
    if left < 0 or len(parts) > _MAX_PARTS:
      raise ValueError
    # As much memory would be taken, whether there is as much to read or not.
    if length > os.fstat(stream.fileno()).st_size - stream.tell():
      raise ValueError
    parts.append(stream.read(length))
    if place in (_WHOLE, _LAST):
      return _MAGIC.join(parts)
