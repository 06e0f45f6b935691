"""Where prepared data sets lie, and what vouches for every byte of them.

A set is the folder <data set>/<key>/<version> in TFDS's own. The key names the
placement, the source's files, their sizes and times; a note beside TFDS's files
has the sums of these, and of the source's contents.
"""

import contextlib
import hashlib
import os
import pathlib
import re
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple

import tensorflow_datasets as tfds
from absl import logging

from fr_poison import files, locks, strict_json, sums, text
from fr_poison.data import folder
from fr_poison.data.batches import Progress
from fr_poison.data.datasets import builder
from fr_poison.data.datasets.trees import Source
from fr_poison.data.placement import Placement
from fr_poison.types import InputError, NotKeptError

NOTE = 'sums.json'
# Ours are named after what they were made from; TFDS has an lfw of its own.
_OURS = re.compile('[0-9a-f]{16}')
_PARTIAL = 'incomplete.'  # as TFDS calls what is being made
_TICK = 2_000_000_000  # ns in which a file may change twice under one time
_FIELDS = {'files', 'sources', 'times', 'changes', 'contents'}


class _Set(NamedTuple):
  """What is to be prepared, and what the system says of its source."""

  name: str
  source: Source
  placement: Placement
  progress: Progress
  looks: list[folder.Fingerprint]

  @property
  def key(self):
    details = self.placement.details + self.source.details
    parts = [self.placement.alignment, details, *self.about['times']]
    return hashlib.sha256('\0'.join(parts).encode()).hexdigest()[:16]

  @property
  def about(self):
    return {
      'sources': [os.path.realpath(path) for path in self.source.paths],
      'times': [look.times for look in self.looks],
      'changes': [look.changes for look in self.looks],
    }

  def open(self, root):
    """TFDS's builder of this set below a folder."""
    config = tfds.core.BuilderConfig(name=self.key)
    arguments = self.name, self.source, self.placement, self.progress
    return builder.FaceBuilder(
      *arguments, config=config, data_dir=os.fspath(root)
    )


def root() -> pathlib.Path:
  """Says where they lie: TFDS_DATA_DIR or ~/tensorflow_datasets."""
  # TFDS looks at the variable at import time only.
  place = os.environ.get('TFDS_DATA_DIR') or '~/tensorflow_datasets'
  return pathlib.Path(place).expanduser()


def find(name: str) -> list[pathlib.Path]:
  """Lists the places of a data set's prepared pictures, one for each key."""
  place = root() / name
  return [
    path
    for path in (sorted(place.iterdir()) if place.is_dir() else ())
    if path.is_dir() and not path.is_symlink() and _OURS.fullmatch(path.name)
  ]


def sources(place: pathlib.Path) -> tuple[list[str], bool]:
  """Says what a place was prepared from, and whether that is still the same.

  Nothing and False where it holds no set of this version.
  """
  try:
    note = _read(place / str(builder.FaceBuilder.VERSION))
  except InputError:
    return [], False
  looks = []
  with contextlib.suppress(InputError):  # It is gone.
    looks = [folder.fingerprint(path).times for path in note['sources']]
  return note['sources'], looks == note['times']


def build(
  name: str, source: Source, placement: Placement, progress: Progress
) -> builder.FaceBuilder:
  """Opens what is prepared, every byte verified, or else prepares it.

  What is damaged or of another version is prepared anew, with a warning. It is
  written aside and renamed, so half of it is never taken for the whole; what
  killed runs left of it is removed, and sets of the same source as it was
  before it changed.

  Raises:
    NotKeptError: it cannot be written: no home, or a full disk.
    InputError: there is no such source, or nothing usable in it.
  """
  looks, start = [], time.time_ns()
  for path in source.paths:
    look = folder.fingerprint(path)
    if look.newest > start - _TICK:  # The next change may not be seen.
      look = look._replace(changes='')
    looks.append(look)
  wanted = _Set(name, source, placement, progress, looks)
  place = root() / name / wanted.key
  path = place / str(builder.FaceBuilder.VERSION)
  if _problem(path, wanted) is not None:
    with _naming_home(path):
      place.mkdir(files.PRIVATE, parents=True, exist_ok=True)
    waiting = f'{place}: another process is preparing it; waiting'
    with (
      files.output(place.parent),  # in which no set may be a link
      locks.turn(place, waiting=waiting) as is_alone,
      _naming_home(path),
    ):
      # It may have been prepared meanwhile.
      if (problem := _problem(path, wanted)) is not None:
        if problem:
          message = f'{path}: {problem}; prepared anew'
          logging.warning('%s', text.clean(message))
        _clear(place, wanted, is_alone)
        _prepare(path, wanted)
  try:
    with builder.quiet_tfds():
      return wanted.open(root())
  except Exception as error:  # Its sums were right: somebody made these, too.
    raise InputError(f'{path}: damaged, delete it and run again') from error


def _problem(path, wanted):
  """Why a set must be prepared; '' where there is none, None: nothing."""
  if not path.exists():
    return ''
  try:
    note = _read(path)
    damage = ', '.join(
      sums.differences(sums.of_folder(path, NOTE), note['files'])
    )
  except (InputError, TypeError, LookupError, AttributeError) as error:
    return str(error)  # the last three where a note was forged
  if damage:
    return damage
  changes = wanted.about['changes']
  if note['changes'] == changes and '' not in changes:
    return None
  if note['contents'] != builder.contents(wanted.source, wanted.progress):
    return 'its source was changed'
  with contextlib.suppress(InputError):  # Next time it is read once more.
    _write(path, note | {'changes': changes})
  return None


def _read(path):
  """The note of a set; InputError: it is damaged or not there."""
  try:
    note = strict_json.unsealed(files.read(path / NOTE))
  except InputError as error:
    raise InputError(f'{NOTE} damaged') from error
  if note.keys() != _FIELDS:
    raise InputError(f'{NOTE} damaged')
  return note


def _write(path, note):
  data = strict_json.dumps(strict_json.sealed(note)).encode()
  files.write_atomic(path / NOTE, data)


def _clear(place, wanted, is_alone):
  """Removes what no run will read; in other places, if none is at work."""
  if is_alone:  # Else another one may be preparing it, too.
    for left in place.iterdir():
      files.remove(left)
  for other in find(wanted.name):
    if other == place:
      continue
    with locks.turn(other, wait=False) as is_alone:
      if not is_alone:
        continue
      for left in other.glob(f'{_PARTIAL}*'):
        files.remove(left)
      for version in other.iterdir():
        if _is_older(version, wanted.about):
          files.remove(version)
      if not any(other.iterdir()):
        files.remove(other)


def _is_older(path, about):
  """Whether a set is of the same files as they were at another time."""
  try:
    note = _read(path)
  except InputError:
    return False
  return note['sources'] == about['sources'] and note['times'] != about['times']


def _prepare(path, wanted):
  partial = pathlib.Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=path.parent))
  try:
    with builder.quiet_tfds():
      made = wanted.open(partial)
      made.download_and_prepare()
    written = pathlib.Path(made.data_path)
    written.chmod(files.PRIVATE)
    _write(
      written,
      wanted.about
      | {'files': sums.of_folder(written, NOTE), 'contents': made.contents},
    )
    files.remove(path)
    try:
      written.rename(path)
    except OSError:
      if not path.exists():  # Else another process was first.
        raise
  finally:
    files.remove(partial)


@contextlib.contextmanager
def _naming_home(path) -> Iterator[None]:
  """Says which variable moves what cannot be written."""
  try:
    yield
  except OSError as error:
    raise NotKeptError(
      f'{path}: {error.strerror or error}; prepared pictures are kept there: '
      'set TFDS_DATA_DIR to a folder that can be written'
    ) from error
