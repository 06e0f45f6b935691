"""From pictures to cloaks and their rows: threads work beside the device.

The thread that asks for rows drives the device, and no other one does: an
attack, of minutes on a CPU, is stopped by Ctrl-C between two of its steps.
Meanwhile others read, decode and find faces for the next attack, put back,
encode and measure what the last one found, and one writes, in the pictures'
order. So a picture's file and row are on disk before the next one's.
"""

import collections
import hashlib
import os
import pathlib
import threading
from collections.abc import Iterator, Sequence
from concurrent import futures
from typing import NamedTuple

from fr_poison import files
from fr_poison.data import decode
from fr_poison.photos import tree
from fr_poison.photos.cloak import NUMBERS, Cloaker, Measured
from fr_poison.photos.manifest import Manifest
from fr_poison.photos.room import Room
from fr_poison.photos.settings import Settings
from fr_poison.types import InputError

_LEAST = 1 << 24  # bytes, as which a small picture counts
# For each picture that is attacked at a time: of those that are read, wait for
# their attack, are in it, or are not yet on disk.
_HELD = 4 * _LEAST
# For each thread: of those that are being decoded, or put back, encoded and
# measured, which takes up to three times as much beside them.
_WORKED_ON = _LEAST
_MAX_THREADS = 16


class Job(NamedTuple):
  """What is made of which pictures.

  Attributes:
    source: the tree of the pictures.
    output: the tree of their cloaks.
    names: relative path of each picture -> that of its cloak.
    settings: what cloaks are made with.
    config_hash: of what cloaks are made with.
    strict: stop at the first picture that cannot be cloaked.
  """

  source: pathlib.Path
  output: pathlib.Path
  names: dict[str, str]
  settings: Settings
  config_hash: str
  strict: bool

  def refuse(self, path: str, reason: str | None) -> None:
    """Raises InputError for a picture that cannot be cloaked, if `strict`."""
    if self.strict and reason:
      raise InputError(f'{self.source / path}: {reason}')


class _Saved(NamedTuple):
  """A picture that is done, but for what the device measures of it."""

  row: dict
  size: int  # that it still has of what is held
  file: bytes | None = None  # its cloak
  measured: Sequence[Measured] = ()


class Pipeline:
  """Cloaks some pictures; see above."""

  def __init__(
    self, job: Job, cloaker: Cloaker, manifest: Manifest, paths: list[str]
  ):
    """Starts nothing yet."""
    self._job, self._cloaker, self._manifest = job, cloaker, manifest
    self._paths = paths
    number = min(os.cpu_count() or 1, _MAX_THREADS)
    self._held = Room(_HELD * cloaker.number)
    self._worked_on = Room(_WORKED_ON * number)
    self._feeder, self._writer = (
      futures.ThreadPoolExecutor(1, name) for name in ('feeder', 'writer')
    )
    self._workers = futures.ThreadPoolExecutor(number, 'worker')
    # Batches that are being read, pictures that are being put back, and rows
    # that are being written.
    self._ahead, self._behind, self._rows = (
      collections.deque() for _ in range(3)
    )
    self._news = threading.Event()
    self._is_refused = self._is_stopped = False

  def rows(self) -> Iterator[dict]:
    """Yields every row, in the pictures' order, once it is on disk.

    Raises:
      InputError: a file cannot be written, or a picture is refused. Whatever
        goes wrong with a picture, the rows before it are on disk.
    """
    try:
      feeding = self._submit(self._feeder, self._feed)
      while True:
        self._news.clear()  # before looking, so that none is missed
        if self._behind and self._behind[0].done():
          self._embed(self._behind.popleft())
        elif self._rows and self._rows[0].done():
          yield self._rows.popleft().result()
        elif self._is_next_read():
          self._attack(self._ahead.popleft())
        elif feeding.done() and not (self._ahead or self._behind or self._rows):
          return feeding.result()
        else:
          self._news.wait(1)  # or Windows would keep Ctrl-C waiting
    finally:
      self._close()

  def _is_next_read(self):
    """Whether there is a batch to be attacked."""
    is_read = self._ahead and all(x.done() for x in self._ahead[0])
    return is_read and not self._is_refused

  def _submit(self, pool, function, *args):
    future = pool.submit(function, *args)
    future.add_done_callback(lambda _: self._news.set())
    return future

  def _close(self):
    """Stops what has not begun, and waits for what has."""
    self._is_stopped = True
    pools = self._feeder, self._workers, self._writer
    for room in (self._held, self._worked_on):
      room.close()
    for pool in pools:
      pool.shutdown(wait=False, cancel_futures=True)
    for pool in pools:
      pool.shutdown()

  def _feed(self):
    """Has pictures read as long as there is room for them.

    A batch ends where the next picture had to wait for this one's. So what is
    attacked together depends on their sizes, and not on how fast threads are.
    """
    batch, held = [], 0
    for path in self._paths:
      size = max(tree.num_bytes(self._job.source, path), _LEAST)
      if batch and held + size > self._held.size:
        self._put_ahead(batch)
        batch, held = [], 0
      self._held.take(size)
      batch.append(self._submit(self._workers, self._read, path, size))
      held += size
      if len(batch) == self._cloaker.number:
        self._put_ahead(batch)
        batch, held = [], 0
    if batch:
      self._put_ahead(batch)

  def _put_ahead(self, batch):
    self._ahead.append(batch)
    self._news.set()

  def _read(self, path, size):
    """A picture, its bytes of what is held, and what networks see of it."""
    settings = self._job.settings
    with self._worked_on.taken(size):
      photo = tree.read(self._job.source, path, settings)
    photo = tree.look(photo, settings)
    frames = () if photo.status else photo.view.frames
    show = self._cloaker.show
    shown = [(show(photo.image[x.box], x), x) for x in frames]
    return photo, size, shown

  def _attack(self, batch):
    """Attacks a batch; what it finds is put back meanwhile."""
    try:
      found = [future.result() for future in batch]
      for photo, _, _ in found:
        self._job.refuse(photo.path, photo.reason)
      parts = [part for _, _, shown in found for part in shown]
      changes = iter(self._cloaker.changes(parts))
    except Exception as error:  # for whoever comes to its place in the order
      self._is_refused = True
      self._held.close()
      self._behind.append(futures.Future())
      self._behind[-1].set_exception(error)
      return
    for photo, size, shown in found:
      own = [next(changes) for _ in shown]
      self._behind.append(
        self._submit(self._workers, self._put, photo, size, own)
      )

  def _put(self, photo, size, changes):
    """Puts back what was found, and measures the file it will be."""
    row = self._unsaved(photo)
    if photo.status:
      return _Saved(row, size)
    name, share = self._job.names[photo.path], photo.view.face_share
    format = 'png' if name.lower().endswith('.png') else 'jpeg'
    with self._worked_on.taken(size):
      codes, parts = self._cloaker.put(photo.image, photo.view.frames, changes)
      file = self._job.settings.output.encode(codes, format, photo.exif)
      del codes  # Of the largest picture it is 192 MB.
      saved = decode.decode(file, name)
      measured = self._cloaker.measure(photo.image, saved, parts)
    row |= {
      **{'output': name, 'format': format, 'align': photo.view.align},
      'face_share': None if share is None else round(share, 3),
      'sha256': hashlib.sha256(file).hexdigest(),
    }
    return _Saved(row, size, file, measured)

  def _unsaved(self, photo):
    """The row of a picture that there is no cloak of."""
    size = None if photo.image is None else list(photo.image.shape[:2])
    return {
      **{'input': photo.path, 'output': None, 'format': None},
      **{'status': photo.status, 'reason': photo.reason},
      'attack': self._job.settings.attack['name'],
      'seed': self._job.settings.seed,
      **{'size': size, 'align': None, 'face_share': None},
      **dict.fromkeys(NUMBERS),
      **{'faces': [], 'sha256': None, 'input_sha256': photo.sha256},
      'config_hash': self._job.config_hash,
    }

  def _embed(self, future):
    """Has the device measure a cloak; the writer waits for the result."""
    embeddings = None
    if not future.exception():  # which `_write` raises
      embeddings = self._cloaker.embed(future.result().measured)
    self._rows.append(
      self._submit(self._writer, self._write, future, embeddings)
    )

  def _write(self, future, embeddings):
    """Writes a cloak, then its row; nothing after what could not be written."""
    if self._is_stopped:
      raise futures.CancelledError
    try:
      row, size, file, measured = future.result()
      if file is not None:
        files.write_atomic(self._job.output / row['output'], file)
        row |= self._cloaker.fields(measured, embeddings)
      self._manifest.append(row)
    except BaseException:
      self._is_stopped = True
      raise
    self._held.give(size)
    return row
