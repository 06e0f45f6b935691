"""The folder that is written to: apart from the input, and one run's alone.

Below it symbolic links are not followed, so that nothing outside it changes.
"""

import contextlib
import os
import pathlib
from collections.abc import Iterable, Iterator

from photo_tree import MANIFEST, folders_of

from fr_poison import files, locks
from fr_poison.types import InputError


def check_apart(source: pathlib.Path, output: pathlib.Path) -> None:
  """Refuses an output folder that is, holds or lies in the input folder.

  Raises:
    InputError: it does, also by way of symbolic links; or `source` is no
      folder.
  """
  try:
    _check_apart(source, output)
  except OSError as error:  # a name too long, a loop of links
    raise InputError(f'{error.filename}: {error.strerror}') from error


def _check_apart(source, output):
  if not source.is_dir():
    state = 'not a folder' if source.exists() else 'no such folder'
    raise InputError(f'--input: {source}: {state}')
  source, output = source.resolve(), output.resolve()
  # By file number, not by name: some file systems know a folder by two names.
  same = lambda a, b: a.exists() and b.exists() and a.samefile(b)
  for folder in (output, *output.parents):
    if same(folder, source):
      where = 'the same folder as' if folder == output else 'inside'
      raise InputError(f'--output: {output}: {where} --input')
  if any(same(folder, output) for folder in source.parents):
    raise InputError(f'--output: {output}: --input is inside it')


def _check_no_links(output: pathlib.Path, names: Iterable[str]) -> None:
  for folder in sorted(folders_of(names)):
    path = output / folder
    if path.is_symlink():
      raise InputError(f'--output: {path}: a symbolic link, will not follow')
    if path.exists() and not path.is_dir():
      raise InputError(f'--output: {path}: a file where a folder should be')
  for name in (MANIFEST, *names):
    if (output / name).is_dir() and not (output / name).is_symlink():
      raise InputError(f'--output: {output / name}: a folder, expected a file')
  if (output / MANIFEST).is_symlink():
    raise InputError(f'--output: {output / MANIFEST}: a symbolic link')


@contextlib.contextmanager
def _naming(path: pathlib.Path) -> Iterator[None]:
  try:
    yield
  except OSError as error:
    raise InputError(f'--output: {path}: {error.strerror}') from error


@contextlib.contextmanager
def opened_output(
  output: pathlib.Path, names: Iterable[str], *, overwrite: bool
) -> Iterator[None]:
  """Holds the output folder, made if needed; see `locks.held`.

  Args:
    output: the folder.
    names: the files that will be written into it, relative.
    overwrite: also accept a folder that holds anything else.

  Raises:
    InputError: it cannot be written to, another run is at it, it has files
      but no manifest, or links or folders are in the way.
  """
  with locks.held(output, '--output'):
    with _naming(output):
      _check_no_links(output, names)
      visible = [n for n in os.listdir(output) if not n.startswith('.')]
      if visible and MANIFEST not in visible and not overwrite:
        raise InputError(
          f'--output: {output}: holds other files, such as '
          f'{min(visible)!r}; choose an empty folder or --overwrite'
        )
      probe = output / files.TEMPORARY.replace('*', 'probe')
      probe.write_bytes(b'')
      probe.unlink()
    yield


def write(output: pathlib.Path, name: str, data: bytes) -> bytes:
  """Writes one file, whole, and the folders on the way; returns it read back.

  Raises:
    InputError: it cannot be written.
  """
  with _naming(output / name):
    (output / name).parent.mkdir(parents=True, exist_ok=True)
    files.write_atomic(output / name, data)
    return (output / name).read_bytes()
