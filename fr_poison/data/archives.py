"""Tar archives of strangers, read once from the first byte to the last.

Python's tarfile decompresses ahead, keeps every header, believes sizes that
other headers replace, and follows sparse maps. Here a member is what two
headers say at most, no byte is looked at twice, and what counts against the
archive's own size is what came out of it, whatever a header says.
"""

import bz2
import contextlib
import gzip
import lzma
import math
import os
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from fr_poison import files
from fr_poison.types import InputError

_OPENERS = {  # by how a file begins
  b'\x1f\x8b': gzip.open,
  b'BZh': bz2.open,
  b'\xfd7zXZ': lzma.open,
  b'\x5d\0\0\x80': lzma.open,
}
_BLOCK = 512
_ALLOWED = 1 << 16  # that a tiny archive, which is mostly padding, expands to
_MAX_HEADER = 1 << 20  # bytes of a header that extends the next one
_MAX_NAME = 4096  # bytes; no system has longer paths
_CHUNK = 1 << 16
# Kinds of headers. What a link leads to, and fields for all members that
# follow, change nothing here.
_FILE, _FOLDER, _NAME, _FIELDS = (b'0', b'\0', b'7'), b'5', b'L', (b'x', b'X')
_EXTENDING = (_NAME, *_FIELDS, b'K', b'g')
_EMPTY = b'1', b'2', b'3', b'4', b'6'  # links, devices, pipes
_SPARSE = b'GNU.sparse'


class Member(NamedTuple):
  """A member of an archive.

  Attributes:
    name: as it says; may lead anywhere.
    kind: 'file', 'folder' or 'other'.
    read: its bytes, if nothing was asked of the archive since.
  """

  name: str
  kind: str
  read: Callable[[], bytes]


def members(path: str | os.PathLike, ratio: float) -> Iterator[Member]:
  """Lists an archive, compressed or not, as it is read.

  Args:
    path: of the archive.
    ratio: of all that may come out to the archive's own size, beside 64 kB.

  Raises:
    InputError: it cannot be read, is damaged, expands to more than that, or
      has a file of more than `files.MAX_BYTES`.
  """
  with files.opened(path, max_bytes=math.inf) as file, _one_line(path):
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    start = file.read(8)
    file.seek(0)
    for begins, opener in _OPENERS.items():
      if start.startswith(begins):
        file = opener(file)
    yield from _members(_Stream(file, _ALLOWED + ratio * size), path)


class _ExpandsError(Exception):
  """More comes out of an archive than may."""


@contextlib.contextmanager
def _one_line(path):
  try:
    yield
  except _ExpandsError as error:
    raise InputError(f'{path}: {error}') from error
  except (
    *(ArithmeticError, EOFError, OSError, ValueError),
    *(lzma.LZMAError, zlib.error),
  ) as error:
    raise InputError(f'{path}: damaged, or no tar archive') from error


class _Stream:
  """What comes out of a file, of which `left` bytes may still come."""

  def __init__(self, file, left):
    self.file, self.left = file, left

  def take(self, size, may_end=False):
    """Reads so many bytes, or none at the end of the file."""
    if size > self.left:
      raise _ExpandsError('expands too much, a decompression bomb?')
    data = self.file.read(size)
    self.left -= len(data)
    if len(data) < size and (data or not may_end):
      raise ValueError('truncated')
    return data

  def skip(self, size):
    """Passes over so many bytes."""
    while size:
      size -= len(self.take(min(size, _CHUNK)))


def _members(stream, path):
  name = size = None
  is_first, is_sparse = True, False
  while any(header := stream.take(_BLOCK, may_end=True)):
    is_first, kind = False, header[156:157]
    own_name, own_size = _parse(header)
    if kind in _EXTENDING:
      data = _extension(stream, own_size)
      if kind == _NAME:
        name = _text(data.partition(b'\0')[0])
      elif kind in _FIELDS:
        fields = _fields(data)
        is_sparse = any(key.startswith(_SPARSE) for key in fields)
        name = _text(fields[b'path']) if b'path' in fields else name
        size = _digits(fields[b'size']) if b'size' in fields else size
      continue
    name = own_name if name is None else name
    size = own_size if size is None else size
    yield from _member(stream, path, name, kind, size, is_sparse)
    name, size, is_sparse = None, None, False
  if is_first and not header:
    raise ValueError('empty')


def _member(stream, path, name, kind, size, is_sparse):
  """Yields one member, and passes over what nobody read of it."""
  is_folder = kind == _FOLDER or (kind == b'\0' and name.endswith('/'))
  if is_folder or kind in _EMPTY:  # whatever they say
    size = 0
  if len(name) > _MAX_NAME:
    raise ValueError(f'a name of {len(name)} letters')
  if size > min(stream.left, files.MAX_BYTES):
    raise _ExpandsError(f'{name!a}: expands too much, a decompression bomb?')
  unread = whole = size + -size % _BLOCK

  def read():
    nonlocal unread
    with _one_line(path):
      if unread < whole:
        raise ValueError('read twice')
      unread -= size
      return stream.take(size)

  is_file = kind in _FILE and not is_sparse
  label = 'folder' if is_folder else 'file' if is_file else 'other'
  yield Member(name, label, read)
  stream.skip(unread)


def _parse(header):
  """Gives a header's name and size."""
  said = _number(header[148:156])
  bare = header[:148] + b' ' * 8 + header[156:]
  # Some old archivers took bytes as signed.
  if said not in (sum(bare), sum(bare) - 256 * sum(x > 127 for x in bare)):
    raise ValueError('a header with another sum')
  name = header[:100].partition(b'\0')[0]
  if header[257:263] == b'ustar\0' and header[345]:
    name = header[345:500].partition(b'\0')[0] + b'/' + name
  return _text(name), _number(header[124:136])


def _number(field):
  if field[0] == 0x80:  # not octal digits, but the number itself
    return int.from_bytes(field[1:], 'big')
  return _digits(field.partition(b'\0')[0].strip() or b'0', 8)


def _digits(text, base=10):
  if not text.isdigit():
    raise ValueError(f'{text[:20]!r} is no size')
  return int(text, base)


def _text(name):
  return name.decode('utf-8', 'surrogateescape')


def _extension(stream, size):
  """Reads what a header that extends another one is followed by."""
  if size > _MAX_HEADER:
    raise ValueError(f'a header of {size} bytes')
  return stream.take(size + -size % _BLOCK)[:size]


def _fields(data):
  """Parses '<length> <key>=<value>\n' of POSIX, the length being of it all."""
  fields, at = {}, 0
  while at < len(data):
    space = data.index(b' ', at, at + 20)
    end = at + _digits(data[at:space])
    key, equals, value = data[space + 1 : end - 1].partition(b'=')
    if not equals or data[end - 1 : end] != b'\n':
      raise ValueError('damaged fields')
    if key in (b'path', b'size') or key.startswith(_SPARSE):
      fields[key[:20]] = value
    at = end
  return fields
