"""Files: the one way to write them, and to read what others made."""

import contextlib
import itertools
import os
import pathlib

from fr_poison.types import InputError

MAX_BYTES = 1 << 28  # of a file that somebody else made
# The half-written files that a killed `write_atomic` leaves.
TEMPORARY = '.fr_poison-*.tmp'
_counter = itertools.count()


def write_atomic(path: str | os.PathLike, data: bytes) -> None:
  """Writes the whole file or nothing; it is on disk on return.

  A symbolic link at `path` is replaced, not followed. InputError: it cannot be
  written; what was there is still there.
  """
  path = pathlib.Path(path)
  # A short name: with that of `path` in it, it could be too long.
  name = f'{os.getpid()}.{next(_counter)}'
  temporary = path.with_name(TEMPORARY.replace('*', name))
  try:
    temporary.unlink(missing_ok=True)  # A killed process may have had our id.
    with open(temporary, 'xb') as file:
      file.write(data)
      file.flush()
      os.fsync(file.fileno())
    os.replace(temporary, path)
  except OSError as error:
    raise InputError(f'{path}: {error.strerror}') from error
  finally:
    with contextlib.suppress(OSError):  # It is gone if all went well.
      temporary.unlink()


def read(path: str | os.PathLike, name: str | None = None) -> bytes:
  """Reads a file of at most `MAX_BYTES`, which messages call `name`.

  InputError: there is none, it cannot be read, or it is larger.
  """
  name = name or os.fspath(path)
  try:
    with open(path, 'rb') as file:
      if os.fstat(file.fileno()).st_size > MAX_BYTES:
        raise InputError(f'{name}: over {MAX_BYTES} bytes')
      return file.read()
  except OSError as error:
    raise InputError(f'{name}: {error.strerror}') from error


def read_text(path: str | os.PathLike) -> str:
  """Reads a file as `read` does; InputError also where it is not UTF-8."""
  try:
    return read(path).decode()
  except UnicodeDecodeError:
    raise InputError(f'{path}: not UTF-8') from None
