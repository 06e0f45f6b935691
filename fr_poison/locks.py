"""One run a folder: a lock that ends with its process, however that ends."""

import contextlib
import fnmatch
import os
import pathlib
import re
from collections.abc import Iterator

from absl import logging

from fr_poison import files, processes, text
from fr_poison.types import BusyError, InputError

try:
  import fcntl
except ImportError:  # Windows, where nothing keeps two runs apart
  fcntl = None

# Says who holds the lock, and only that: a killed run leaves it behind.
OWNER = '.pid'


@contextlib.contextmanager
def held(folder: pathlib.Path, flag: str = '--workdir') -> Iterator[None]:
  """Makes the folder of a run, if needed, and keeps other runs out of it.

  It is a `files.output` until the end. Half-written files that killed runs left
  anywhere below it are removed. With several processes all of them call it; the
  first one holds the lock.

  Args:
    folder: what the run writes to.
    flag: that named it, for the message.

  Raises:
    BusyError: another run is at it.
    InputError: it cannot be made.
  """
  with contextlib.ExitStack() as stack:
    processes.on_first(lambda: _lock(folder, flag, stack))
    stack.enter_context(files.output(folder))
    yield


@contextlib.contextmanager
def turn(
  folder: pathlib.Path, *, wait: bool = True, waiting: str = ''
) -> Iterator[bool]:
  """Lets one process of a run at a time into `folder`: the others wait.

  It is a `files.output` until the end.

  Args:
    folder: made if it is not there.
    wait: until no other process is in it.
    waiting: is logged where that has to be.

  Yields:
    Whether no other one is, for certain: some file systems have no locks.

  Raises:
    InputError: as `files.output`.
  """
  with contextlib.ExitStack() as stack, files.output(folder):
    if fcntl is None:
      yield False
      return
    with files.named(folder):
      descriptor = os.open(folder, os.O_RDONLY)
    stack.callback(os.close, descriptor)
    yield _is_alone(descriptor, wait, waiting)


@contextlib.contextmanager
def turn_together(folder: pathlib.Path) -> Iterator[None]:
  """Lets one run at a time into `folder`, with all of its processes.

  All of them call it; the first one waits for other runs, as in `turn`.
  """
  with contextlib.ExitStack() as stack, files.output(folder):
    processes.on_first(lambda: stack.enter_context(turn(folder)))
    yield


def _is_alone(descriptor, wait, waiting):
  try:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    if not wait:
      return False
    if waiting:
      logging.warning('%s', text.clean(waiting))
    fcntl.flock(descriptor, fcntl.LOCK_EX)
  except OSError:
    return False
  return True


def _lock(folder, flag, stack):
  try:
    files.make_folder(folder)
    if fcntl is None:
      return
    with files.named(folder):
      descriptor = os.open(folder, os.O_RDONLY)
  except InputError as error:
    raise InputError(f'{flag}: {error}') from error
  stack.callback(os.close, descriptor)
  try:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError as error:
    message = f'{flag}: {folder}: another run is writing there'
    raise BusyError(message + _owner(folder)) from error
  except OSError:
    return  # Some file systems have no locks; go on without.
  _claim(folder, stack)


def _claim(folder, stack):
  """Says who holds the lock; clears what the one before left, if killed."""
  note = folder / OWNER
  # Whoever writes a result says what cannot be written to.
  with contextlib.suppress(InputError):
    files.write_atomic(note, str(os.getpid()).encode())
    stack.callback(files.remove, note)
  for place, _, names in os.walk(folder):
    for name in fnmatch.filter(names, files.TEMPORARY):
      # Another run may be at work in a folder of this one.
      if not _is_alive(re.split('[-.]', name)[2]):
        with contextlib.suppress(InputError):
          files.remove(os.path.join(place, name))


def _owner(folder):
  """', process <pid>' of the run that holds the lock, if that can be said."""
  with contextlib.suppress(InputError):
    pid = files.read(folder / OWNER, max_bytes=20).decode(errors='replace')
    if _is_alive(pid):  # not one that was killed, or is on another host
      return f', process {pid}'
  return ''


def _is_alive(pid):
  """Whether there is that process on this host."""
  try:
    os.kill(int(pid), 0)
  except PermissionError:  # somebody else's
    return True
  except (OSError, OverflowError, ValueError):
    return False
  return True
