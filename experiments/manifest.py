"""manifest.jsonl: one row per picture, and what of it still holds.

The manifest is what a run goes by when it is started again: a picture is done
if its row is there and the files still have the hashes that the row says. It
only grows, one flushed line at a time; where a row in the middle has to be
made again, the whole file is replaced at the end.
"""

import contextlib
import hashlib
import json
import os
import pathlib

from photo_tree import MANIFEST

from fr_poison import files, strict_json
from fr_poison.types import InputError

_ORPHAN = 'orphaned'
_OTHER = (
  'holds cloaks made with other settings or versions; choose another folder or '
  '--overwrite'
)


def _sha256(path: pathlib.Path) -> str | None:
  """None if there is no such file, or none that is read: a link, a device."""
  if path.is_symlink() or not path.is_file():
    return None
  try:
    with open(path, 'rb') as file:
      return hashlib.file_digest(file, 'sha256').hexdigest()
  except OSError:
    return None


def _line(row: dict) -> bytes:
  return json.dumps(strict_json.sealed(row)).encode() + b'\n'


def _read(path: pathlib.Path) -> list[dict]:
  """The complete rows; a last line without its end is not one."""
  try:
    data = path.read_bytes()
  except FileNotFoundError:
    return []
  except OSError as error:
    raise InputError(f'--output: {path}: {error.strerror}') from error
  rows = []
  for i, line in enumerate(data.split(b'\n')[:-1], 1):
    try:
      rows.append(strict_json.loads(line))
      if not isinstance(rows[-1]['input'], str):
        raise TypeError
    except (KeyError, TypeError, ValueError, RecursionError) as error:
      raise InputError(
        f'--output: {path}, line {i}: not a row of poison.py, or altered; '
        'repair it, choose another folder or --overwrite'
      ) from error
  return rows


def _holds(row: dict, source: pathlib.Path, output: pathlib.Path) -> bool:
  """Whether a row still says what is in the two folders."""
  digest = _sha256(source / row['input'])
  if digest != row.get('input_sha256'):
    return False
  if digest is None or row.get('output') is None:
    return row.get('output') is None
  return _sha256(output / row['output']) == row.get('sha256')


def _own_file(output: pathlib.Path, row: dict) -> pathlib.Path | None:
  """A row's cloak, if it is there as it was written."""
  root = output.resolve()
  cloak, digest = root / str(row.get('output')), row.get('sha256')
  # Never outside, whatever the manifest says: not by '..' nor by a link.
  try:
    is_inside = cloak.resolve() == cloak and cloak.is_relative_to(root)
    is_own = is_inside and digest and _sha256(cloak) == digest
  except (OSError, ValueError):  # no name of a file
    return None
  return cloak if is_own else None


def _text(rows: dict[str, dict]) -> bytes:
  return b''.join(_line(rows[path]) for path in sorted(rows))


class Manifest:
  """The rows of an output folder, in memory and on disk.

  Attributes:
    rows: by the pictures' relative path.
    orphans: rows of cloaks whose pictures are gone from the source, have
      changed or are called otherwise now, by the cloaks' relative path; they
      stay as long as their files do, unaltered.
  """

  def __init__(
    self,
    source: pathlib.Path,
    output: pathlib.Path,
    names: dict[str, str],
    config_hash: str,
  ):
    """Reads the rows that still hold, and those of cloaks left over.

    Args:
      source: the folder of the pictures.
      output: the folder of the cloaks and the manifest.
      names: relative path of each picture -> that of its cloak.
      config_hash: of the settings; see `run` in poison.py.

    Raises:
      InputError: rows of other settings, or lines that are no rows.
    """
    self._path = output / MANIFEST
    found = _read(self._path)
    if any(row.get('config_hash') != config_hash for row in found):
      raise InputError(f'--output: {output}: {_OTHER}')
    self._output, self.rows, self.orphans = output, {}, {}
    for row in found:
      if (
        row.get('status') != _ORPHAN
        and row.get('output') in (None, names.get(row['input']))
        and row['input'] in names
        and _holds(row, source, output)
      ):
        self.rows[row['input']] = row
      elif _own_file(output, row):
        gone = {'status': _ORPHAN, 'reason': 'its picture is gone'}
        self.orphans[row['output']] = row | gone
    for row in self.rows.values():
      self.orphans.pop(row.get('output'), None)
    self.tidy()

  def append(self, row: dict) -> None:
    """Adds a row; it is on disk on return.

    Raises:
      InputError: the file cannot be written.
    """
    self.rows[row['input']] = row
    self.orphans.pop(row['output'], None)  # overwritten
    try:
      with open(self._path, 'ab') as file:
        file.write(_line(row))
        file.flush()
        os.fsync(file.fileno())
    except OSError as error:
      raise InputError(f'{self._path}: {error.strerror}') from error

  def delete_orphans(self) -> None:
    """Deletes the cloaks left over, and their rows; `tidy` has still to run.

    Raises:
      InputError: one cannot be deleted.
    """
    for name, row in list(self.orphans.items()):
      if file := _own_file(self._output, row):
        try:
          file.unlink()
        except OSError as error:
          raise InputError(f'{file}: {error.strerror}') from error
      del self.orphans[name]

  def tidy(self) -> None:
    """Leaves exactly one line per row, in order of the pictures' paths."""
    text = _text(self.rows) + _text(self.orphans)
    if not self._path.exists() or self._path.read_bytes() != text:
      files.write_atomic(self._path, text)


def discard(output: pathlib.Path) -> None:
  """Removes the manifest and, of the cloaks it lists, those left unaltered."""
  path = output / MANIFEST
  try:
    rows = _read(path)
  except InputError:
    rows = []
  for row in rows:
    if cloak := _own_file(output, row):
      with contextlib.suppress(OSError):
        cloak.unlink()
  path.unlink(missing_ok=True)
