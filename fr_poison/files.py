"""Files: the one way to write them, and the one to read what others made.

A program names the folder that it writes to by `output`. From then on nothing
in it is written through a link: neither through a file nor through a folder on
the way that is one, looked at whenever something is written. Whoever can put
links there while the program runs could still win a race against that look.
"""

import contextlib
import itertools
import os
import pathlib
import shutil
import stat
from collections.abc import Iterator
from typing import BinaryIO

from fr_poison.types import InputError

MAX_BYTES = 1 << 28  # of a file that somebody else made
# The half-written files that a killed `write_atomic` leaves.
TEMPORARY = '.fr_poison-*.tmp'
_counter = itertools.count()
# The folders that this process writes to, as often as they were named.
_outputs: list[pathlib.Path] = []
_NO_LINK = getattr(os, 'O_NOFOLLOW', 0)


@contextlib.contextmanager
def output(folder: str | os.PathLike) -> Iterator[pathlib.Path]:
  """Names a folder that is written to, which may itself be a link; see above.

  Yields it, made if it was not there; InputError: that it cannot be.
  """
  folder = pathlib.Path(folder)
  with named(folder):
    folder.mkdir(parents=True, exist_ok=True)
  _outputs.append(_absolute(folder))
  try:
    yield folder
  finally:
    _outputs.remove(_absolute(folder))


@contextlib.contextmanager
def named(path: str | os.PathLike) -> Iterator[None]:
  """Makes an OSError inside the one line that names its file, or else `path`.

  InputError: in the place of an OSError.
  """
  try:
    yield
  except OSError as error:
    name = error.filename if isinstance(error.filename, str) else path
    reason = error.strerror or error
    raise InputError(f'{name}: {reason}') from error


def place(path: str | os.PathLike) -> pathlib.Path:
  """Makes the folders that `path` lies in, and returns it, to be written now.

  InputError: a folder cannot be made; or it, or a folder on the way to it from
  the innermost `output` around it, is a link.
  """
  path = pathlib.Path(path)
  _refuse_links(path)
  with named(path):
    path.parent.mkdir(parents=True, exist_ok=True)
  return path


def _refuse_links(path):
  whole = _absolute(path)
  roots = [root for root in _outputs if whole.is_relative_to(root)]
  # What the caller itself named may be a link, what lies in it may not.
  depth = max(len(root.parts) for root in roots) if roots else len(whole.parts)
  for part in [*reversed(whole.parents), whole][depth:]:
    if part.is_symlink():
      raise InputError(f'{part}: a link, which is not written through')


def _absolute(path):
  return pathlib.Path(os.path.abspath(path))


def write_atomic(path: str | os.PathLike, data: bytes) -> None:
  """Writes the whole file or nothing; it is on disk on return.

  A link at `path` itself is replaced, not followed.

  InputError: it cannot be written, or as `place`; what was there is still
  there.
  """
  path = pathlib.Path(path)
  place(path.parent / '-')
  # A short name: with that of `path` in it, it could be too long.
  name = f'{os.getpid()}.{next(_counter)}'
  temporary = path.with_name(TEMPORARY.replace('*', name))
  try:
    with named(path):
      temporary.unlink(missing_ok=True)  # A killed process may have had our id.
      with open(temporary, 'xb') as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
      os.replace(temporary, path)
  except InputError as error:  # which names a file that nobody knows
    cause = error.__cause__
    raise InputError(f'{path}: {cause.strerror or cause}') from cause
  finally:
    with contextlib.suppress(OSError):  # It is gone if all went well.
      temporary.unlink()


def append(path: str | os.PathLike, data: bytes) -> None:
  """Adds to the end of a file, which is made if needed; on disk on return.

  InputError: it cannot be written, or as `place`.
  """
  with open_own(path, 'ab') as file:
    file.write(data)
    file.flush()
    os.fsync(file.fileno())


@contextlib.contextmanager
def open_own(path: str | os.PathLike, mode: str) -> Iterator[BinaryIO]:
  """Opens a file that this project keeps and writes to in place.

  Args:
    path: the file.
    mode: of `open`, binary.

  Raises:
    InputError: it cannot be opened or written, or as `place`.
  """
  with named(path):
    opener = lambda name, flags: os.open(name, flags | _NO_LINK, 0o666)
    with open(place(path), mode, opener=opener) as file:
      yield file


def remove(path: str | os.PathLike) -> None:
  """Deletes a file, a link, or a folder with all that is in it, if it is there.

  InputError: it cannot be deleted, or a folder on the way is a link.
  """
  path = pathlib.Path(path)
  _refuse_links(path.parent / '-')
  with named(path), contextlib.suppress(FileNotFoundError):
    if path.is_dir() and not path.is_symlink():
      shutil.rmtree(path)  # which follows no link
    else:
      path.unlink()


@contextlib.contextmanager
def opened(
  path: str | os.PathLike,
  name: str | None = None,
  max_bytes: int | None = None,
) -> Iterator[BinaryIO]:
  """Opens what somebody else made, if it is a file, without waiting for it.

  Args:
    path: the file; a link to one is one.
    name: of it in messages; its path if None.
    max_bytes: that it may have; `MAX_BYTES` if None.

  Raises:
    InputError: there is none, it cannot be read, it is a folder, a pipe or a
      device, or it is larger.
  """
  name = name or os.fspath(path)
  limit = MAX_BYTES if max_bytes is None else max_bytes
  # A pipe would wait for somebody to write to it.
  opener = lambda place, flags: os.open(
    place, flags | getattr(os, 'O_NONBLOCK', 0)
  )
  try:
    with open(path, 'rb', opener=opener) as file:
      about = os.fstat(file.fileno())
      if not stat.S_ISREG(about.st_mode):
        raise InputError(f'{name}: not a regular file')
      if about.st_size > limit:
        raise InputError(f'{name}: over {limit} bytes')
      yield file
  except OSError as error:
    raise InputError(f'{name}: {error.strerror or error}') from error


def read(path: str | os.PathLike, name: str | None = None) -> bytes:
  """Reads a file of at most `MAX_BYTES`, which messages call `name`.

  InputError: as `opened`.
  """
  with opened(path, name) as file:
    return file.read()


def read_text(path: str | os.PathLike) -> str:
  """Reads a file as `read` does; InputError also where it is not UTF-8."""
  try:
    return read(path).decode()
  except UnicodeDecodeError:
    raise InputError(f'{path}: not UTF-8') from None
