"""The pictures of a folder or an archive, one after the other, and whose.

Nothing is extracted, and no list of the files is held: a folder may have a
million. Folders come in the order of their names, the pictures of one as the
system lists them. What is hidden or litter, or has not the extension of a
picture, is passed over.
"""

import functools
import hashlib
import os
import pathlib
import posixpath
from collections.abc import Callable, Iterator
from typing import NamedTuple

from fr_poison import files as files_lib
from fr_poison.data import archives, decode
from fr_poison.types import InputError

# A person is the first folder on the way to their pictures, or 'every' folder
# that holds some.
PERSON_LEVELS = ('first', 'every')
# What storage boxes, archivers and systems leave among pictures: nobody's.
_LITTER = frozenset(
  {
    *('@eadir', '@recently-snapshot', '@recycle', '@synoresource', '@tmp'),
    *('#recycle', '#snapshot', '$recycle.bin', '__macosx', 'lost+found'),
    *('recycler', 'system volume information', 'thumbs.db'),
  }
)
_MAX_RATIO = 100  # of an archive's contents to its own size; JPEGs give 1


class File(NamedTuple):
  """A file of a folder or an archive.

  Attributes:
    path: relative, '/'-separated.
    read: its bytes; InputError where it must not or cannot be read.
    about: what the system says of it; None of a link, an unreadable folder or
      what lies in an archive.
  """

  path: str
  read: Callable[[], bytes]
  about: os.stat_result | None = None


class Fingerprint(NamedTuple):
  """What the system says of a folder's files, or of an archive.

  Attributes:
    times: 64 digits of all paths, sizes and times of writing.
    changes: of the times of the last change, too. No program sets these, so a
      file that was replaced has another one, whatever its size and time; but
      so has one whose owner or mode is another.
    newest: of those, in nanoseconds since 1970.
  """

  times: str
  changes: str
  newest: int


def is_litter(name: str) -> bool:
  """Whether a file or folder of this name is hidden, or nobody's picture."""
  return name.startswith('.') or name.casefold() in _LITTER


def person_of(path: str, level: str = 'first') -> str:
  """Says whose picture it is, by its folders; '' where it is in none.

  Args:
    path: relative, '/'-separated.
    level: one of `PERSON_LEVELS`.
  """
  folders = posixpath.dirname(path)
  return folders.partition('/')[0] if level == 'first' else folders


def files(source: str | os.PathLike) -> Iterator[File]:
  """Lists the pictures in a folder, or in a tar archive, compressed or not.

  Links are not followed: they, empty folders and folders that cannot be listed
  are given as files whose `read` says so.

  Raises:
    InputError: no such folder or archive; while listing: an archive that is
      damaged, leads out of itself, has links or devices, or expands to more
      than 100 times its size.
  """
  source = pathlib.Path(source)
  if source.is_dir():
    return _walk(source)
  if source.is_file():
    return _members(source)
  raise InputError(f'{source}: no such folder or archive')


def fingerprint(source: str | os.PathLike) -> Fingerprint:
  """Looks at all files under `source`, and into none of them.

  The result does not depend on the order in which the system lists them. Raises
  as `files`.
  """
  source = pathlib.Path(source)
  if source.is_file():
    found = [File(source.name, None, source.stat())]
  else:
    found = files(source)
  times = changes = newest = 0
  for path, _, about in found:
    stamp = f'{about.st_size} {about.st_mtime_ns}' if about else '-'
    changed = about.st_ctime_ns if about else 0
    # A sum needs no sorting.
    times += digest(path, stamp)
    changes += digest(path, stamp, str(changed))
    newest = max(newest, changed)
  shown = lambda total: f'{total % 2**256:064x}'
  return Fingerprint(shown(times), shown(changes), newest)


def digest(*texts: str) -> int:
  """SHA-256 of some texts, a number."""
  return int(hashlib.sha256('\0'.join(texts).encode()).hexdigest(), 16)


def refused(path: str, reason: str) -> File:
  """Gives the file that there is nothing to read of, and why."""

  def read():
    raise InputError(f'{path}: {reason}')

  return File(path, read)


def reading(file: pathlib.Path, path: str) -> Callable[[], bytes]:
  """Gives `File.read` of a file on disk, which messages call `path`."""
  return functools.partial(files_lib.read, file, path)


def _walk(root: pathlib.Path) -> Iterator[File]:
  folders = ['']
  while folders:
    folder, inner, is_empty = folders.pop(), [], True
    try:
      with os.scandir(root / folder) as entries:
        for entry in entries:
          is_empty = False
          path = folder + entry.name
          if is_litter(entry.name):
            continue
          if entry.is_symlink():
            yield refused(path, 'a link, not followed')
          elif entry.is_dir():
            inner.append(f'{path}/')
          elif _is_picture(path) and entry.is_file():
            read = reading(root / path, path)
            yield _named(File(path, read, entry.stat()))
    except OSError as error:
      yield refused(folder, error.strerror)
      continue
    if is_empty:
      yield refused(folder, 'an empty folder')
    folders += sorted(inner, reverse=True)


def _named(file: File) -> File:
  if file.path.isprintable():  # Names that are not UTF-8 are not.
    return file
  odd = refused(ascii(file.path), 'a name with odd characters')
  return odd._replace(about=file.about)


def _members(archive: pathlib.Path) -> Iterator[File]:
  for member in archives.members(archive, _MAX_RATIO):
    if problem := _problem(member):
      raise InputError(f'{archive}: {member.name!a}: {problem}')
    path = posixpath.normpath(member.name)  # ./a is a.
    if member.kind == 'folder' or any(map(is_litter, path.split('/'))):
      continue
    if _is_picture(path):
      data = member.read()
      yield _named(File(path, lambda data=data: data))


def _problem(member):
  """Why a member must not be read."""
  if member.name.startswith('/') or '..' in member.name.split('/'):
    return 'leads out of the archive'
  return 'neither a file nor a folder' if member.kind == 'other' else None


def _is_picture(path: str) -> bool:
  return os.path.splitext(path)[1].lower() in decode.EXTENSIONS
