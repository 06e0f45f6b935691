"""manifest.jsonl: one row per picture, and what of it still holds.

The manifest is what a run goes by when it is started again: a picture is done
if its row is there and the files still have the hashes that the row says. It
only grows, one flushed line at a time; where a row in the middle has to be
made again, the whole file is replaced at the end. Of several processes each but
the first writes to a hidden file beside it, which goes when its rows are in.
"""

import contextlib
import hashlib
import json
import math
import pathlib
from collections.abc import Iterable

from fr_poison import checks, files, processes, strict_json
from fr_poison.photos.tree import MANIFEST
from fr_poison.types import InputError

_TEXTS = (
  *('status', 'output', 'reason', 'sha256', 'input_sha256'),
  *('format', 'align'),
)
_PARTS = '.manifest-*.jsonl'  # of processes but the first
_ORPHAN = {'status': 'orphaned', 'reason': 'its picture is gone'}


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
      config_hash: of what the cloaks are made with.

    Raises:
      InputError: rows of other settings, or lines that are no rows.
    """
    self._path, self._output = output / MANIFEST, output
    self.rows, self.orphans = {}, {}
    found = _read_all(output)
    if any(row.get('config_hash') != config_hash for row in found):
      raise InputError(
        f'--output: {output}: holds cloaks made with other settings or '
        'versions; choose another folder or --overwrite'
      )
    for row in found:
      path, name, own = row['input'], row.get('output'), _own_file(output, row)
      if (
        path in names
        and row.get('status') != _ORPHAN['status']
        and (name is None or own and name == names[path])
        and _sha256(source / path) == row.get('input_sha256')
      ):
        self.rows[path] = row
      elif own:
        self.orphans[name] = row | _ORPHAN
    for row in self.rows.values():
      self.orphans.pop(row.get('output'), None)
    if processes.is_first():
      self.tidy()

  def append(self, row: dict) -> None:
    """Adds a row; it is on disk on return.

    Raises:
      InputError: the file cannot be written.
    """
    self.rows[row['input']] = row
    self.orphans.pop(row['output'], None)  # overwritten
    path = self._path
    if not processes.is_first():
      path = self._output / _PARTS.replace('*', str(processes.number()))
    files.append(path, _line(row))

  def gather(self) -> None:
    """Waits for the other processes, and adds their rows."""
    processes.barrier()
    for row in [] if processes.is_alone() else _read_all(self._output):
      if row['status'] != _ORPHAN['status']:
        self.rows[row['input']] = row
        self.orphans.pop(row['output'], None)
    processes.barrier()  # before the first one changes the files

  def delete_orphans(self) -> None:
    """Deletes the cloaks left over, and their rows; `tidy` has still to run.

    Raises:
      InputError: one cannot be deleted.
    """
    self.gather()
    processes.on_first(lambda: _delete(self._output, self.orphans.values()))
    self.orphans.clear()

  def tidy(self) -> None:
    """Leaves exactly one line per row, in order of the pictures' paths.

    That is for the first process alone.
    """
    rows = [x[key] for x in (self.rows, self.orphans) for key in sorted(x)]
    text = b''.join(map(_line, rows))
    is_there = self._path.exists()
    if not is_there or files.read(self._path, max_bytes=files.LARGE) != text:
      files.write_atomic(self._path, text)
    for path in self._output.glob(_PARTS):
      files.remove(path)


def discard(output: pathlib.Path) -> None:
  """Removes the manifest and, of the cloaks it lists, those left unaltered."""
  with contextlib.suppress(InputError):  # damaged, or it stays
    _delete(output, _read_all(output))
  for path in (output / MANIFEST, *output.glob(_PARTS)):
    files.remove(path)


def _read_all(output):
  """All rows, those of a stopped run of several processes among them."""
  paths = output / MANIFEST, *sorted(output.glob(_PARTS))
  return [row for path in paths for row in _read(path)]


def _read(path):
  """The complete rows; a last line without its end is not one."""
  if not path.exists():
    return []
  rows, data = [], files.read(path, max_bytes=files.LARGE)
  for i, line in enumerate(data.split(b'\n')[:-1], 1):
    try:
      rows.append(strict_json.loads(line))
      _check(rows[-1])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
      raise InputError(
        f'--output: {path}, line {i}: not a row of poison.py, or altered; '
        'repair it, choose another folder or --overwrite'
      ) from error
  return rows


def _check(row):
  """Raises what `_read` expects where a field is of another kind."""
  texts = [row['input'], *(row[x] for x in _TEXTS if row.get(x) is not None)]
  if not all(isinstance(text, str) for text in texts):
    raise TypeError
  for number in dict(row.get('feature_displacement') or {}).values():
    checks.number('feature_displacement', number, -math.inf)


def _line(row):
  return json.dumps(strict_json.sealed(row)).encode() + b'\n'


def _sha256(path):
  """None if there is no such file, or none that is read: a link, a device."""
  with contextlib.suppress(InputError, OSError):
    if not path.is_symlink():
      with files.opened(path, max_bytes=math.inf) as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()
  return None


def _own_file(output, row):
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


def _delete(output, rows: Iterable[dict]):
  for row in rows:
    if file := _own_file(output, row):
      files.remove(file)
