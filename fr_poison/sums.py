"""Sums of a folder's files: what was written is what is read, or it is said."""

import hashlib
import math
import os
import pathlib
from collections.abc import Iterator

from fr_poison import files


def of_folder(folder: pathlib.Path, note: str) -> dict[str, dict]:
  """Sums up all files below a folder, but its file `note`.

  Returns:
    {'size': bytes, 'sha256': 64 digits} by the relative name.

  Raises:
    InputError: something there is no file, or cannot be read.
  """
  found = {}
  for file in sorted(folder.rglob('*')):
    name = file.relative_to(folder).as_posix()
    if name != note and (not file.is_dir() or file.is_symlink()):
      found[name] = of_file(file)
  return found


def of_file(path: str | os.PathLike) -> dict:
  """Sums up one file, as `of_folder`."""
  with files.opened(path, max_bytes=math.inf) as file:
    digest = hashlib.file_digest(file, 'sha256').hexdigest()
    return {'size': os.fstat(file.fileno()).st_size, 'sha256': digest}


def differences(found: dict[str, dict], wanted: dict[str, dict]) -> Iterator:
  """Says, a line each, in which files a folder is not what was written."""
  for name in sorted(found.keys() ^ wanted.keys()):
    yield f'{name} {"missing" if name in wanted else "unexpected"}'
  for name in sorted(found.keys() & wanted.keys()):
    size, expected = found[name]['size'], wanted[name]['size']
    if size != expected:
      yield f'{name} has {size} bytes, expected {expected}'
    elif found[name] != wanted[name]:
      yield f'{name} altered (SHA-256)'
