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
LARGE = 1 << 34  # of one that may be large: weights, rows of many pictures
PRIVATE = 0o700  # mode of a folder of people's faces: nobody else looks inside
# The half-written files that a killed `write_atomic` leaves.
TEMPORARY = '.fr_poison-*.tmp'
_counter = itertools.count()
# The folders that this process writes to, as often as they were named.
_outputs: list[pathlib.Path] = []
_NO_LINK = getattr(os, 'O_NOFOLLOW', 0)
_NO_WAIT = getattr(os, 'O_NONBLOCK', 0)  # for the other end of a pipe


@contextlib.contextmanager
def output(folder: str | os.PathLike) -> Iterator[pathlib.Path]:
  """Names a folder that is written to, and yields it; see above.

  It may itself be a link, if it is in no other one that was named before.

  InputError: as `make_folder`.
  """
  make_folder(folder)
  root = _absolute(folder)
  _outputs.append(root)
  try:
    yield pathlib.Path(folder)
  finally:
    _outputs.remove(root)


@contextlib.contextmanager
def named(path: str | os.PathLike) -> Iterator[None]:
  """Makes an OSError inside the one line that names its file, or else `path`.

  InputError: in the place of an OSError.
  """
  try:
    yield
  except OSError as error:
    name = error.filename if isinstance(error.filename, str) else path
    raise InputError(f'{name}: {error.strerror or error}') from error


def make_folder(folder: str | os.PathLike, mode: int = 0o777) -> None:
  """Makes a folder, and those around it, if they are not there.

  `mode` is of that folder, if it is made, as far as the umask lets it.

  InputError: it cannot be made; or it, or a folder on the way to it from the
  outermost `output` around it, is a link.
  """
  folder = pathlib.Path(folder)
  _refuse_links(folder)
  with named(folder):
    try:
      folder.mkdir(mode, parents=True, exist_ok=True)
    except FileExistsError as error:
      raise InputError(f'{folder}: not a folder') from error


def place(path: str | os.PathLike) -> pathlib.Path:
  """Makes the folders that `path` lies in, and returns it, to be written now.

  InputError: as `make_folder`, or `path` is a link.
  """
  path = pathlib.Path(path)
  make_folder(path.parent)
  if path.is_symlink():
    raise InputError(f'{path}: a link, which is not written through')
  return path


def _refuse_links(folder):
  whole = _absolute(folder)
  roots = [root for root in _outputs if whole.is_relative_to(root)]
  # What a caller named may be a link, what lies in it may not.
  depth = min((len(root.parts) for root in roots), default=len(whole.parts))
  for part in [*reversed(whole.parents), whole][depth:]:
    if part.is_symlink():
      raise InputError(f'{part}: a link, which is not written through')


def _absolute(path):
  return pathlib.Path(os.path.abspath(path))


def write_atomic(path: str | os.PathLike, data: bytes) -> None:
  """Writes the whole file or nothing; its bytes are on disk on return.

  A link at `path` itself is replaced, not followed.

  InputError: it cannot be written, or as `make_folder`; what was there is still
  there.
  """
  path = pathlib.Path(path)
  make_folder(path.parent)
  # A short name: with that of `path` in it, it could be too long. A process of
  # our number may be on another host, or was killed here.
  name = f'{os.getpid()}.{next(_counter)}-{os.urandom(4).hex()}'
  temporary = path.with_name(TEMPORARY.replace('*', name))
  try:
    if not (path.is_symlink() or path.is_file()) and path.exists():
      raise InputError(f'{path}: not a regular file')  # as /dev/null
    with open(temporary, 'xb') as file:
      file.write(data)
      file.flush()
      os.fsync(file.fileno())
    os.replace(temporary, path)
  except OSError as error:  # which names a file that nobody knows
    raise InputError(f'{path}: {error.strerror or error}') from error
  finally:
    with contextlib.suppress(OSError):  # It is gone if all went well.
      temporary.unlink()


def append(path: str | os.PathLike, data: bytes) -> None:
  """Adds to the end of a file, which is made if needed; on disk on return.

  InputError: as `open_own`; what was there is still there, and nothing more.
  """
  with open_own(path) as file:
    size, left = file.tell(), memoryview(data)
    try:
      while left:
        left = left[os.write(file.fileno(), left) :]
      os.fsync(file.fileno())
    except OSError:
      with contextlib.suppress(OSError):
        file.truncate(size)
      raise


@contextlib.contextmanager
def open_own(path: str | os.PathLike) -> Iterator[BinaryIO]:
  """Opens a file that is written to in place, at its end; makes it if needed.

  InputError: it cannot be opened or written, is no file or has another name,
  too, or as `place`.
  """
  opener = lambda name, flags: os.open(name, flags | _NO_LINK, 0o666)
  with named(path), open(place(path), 'a+b', opener=opener) as file:
    about = os.fstat(file.fileno())
    if not stat.S_ISREG(about.st_mode):
      raise InputError(f'{path}: not a regular file')
    if about.st_nlink > 1:
      raise InputError(f'{path}: linked to by another name, not written')
    yield file


def rename(old: str | os.PathLike, new: str | os.PathLike) -> None:
  """Gives a file, or a folder if `new` is not there, another name.

  InputError: it cannot be done, or a folder on the way to `new` is a link.
  """
  make_folder(pathlib.Path(new).parent)
  with named(new):
    os.replace(old, new)


def remove(path: str | os.PathLike) -> None:
  """Deletes a file, a link, or a folder with all that is in it, if it is there.

  InputError: it cannot be deleted, or a folder on the way is a link.
  """
  path = pathlib.Path(path)
  _refuse_links(path.parent)
  with named(path), contextlib.suppress(FileNotFoundError):
    if path.is_dir() and not path.is_symlink():
      shutil.rmtree(path)  # which follows no link
    else:
      path.unlink()


@contextlib.contextmanager
def opened(
  path: str | os.PathLike,
  name: str | None = None,
  max_bytes: float | None = None,
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
  opener = lambda place, flags: os.open(place, flags | _NO_WAIT)
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


def read(
  path: str | os.PathLike,
  name: str | None = None,
  max_bytes: float | None = None,
) -> bytes:
  """Reads a file whole; arguments and InputError as of `opened`."""
  with opened(path, name, max_bytes) as file:
    # Not to its end: something may be writing to it.
    return file.read(os.fstat(file.fileno()).st_size)


def read_text(path: str | os.PathLike, max_bytes: float | None = None) -> str:
  """Reads a file as `read` does; InputError also where it is not UTF-8."""
  try:
    return read(path, max_bytes=max_bytes).decode()
  except UnicodeDecodeError:
    raise InputError(f'{path}: not UTF-8') from None
