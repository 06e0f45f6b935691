"""One run a folder: a lock that ends with its process, however that ends."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from fr_poison import processes
from fr_poison.types import InputError

try:
  import fcntl
except ImportError:  # Windows, where nothing keeps two runs apart
  fcntl = None


@contextlib.contextmanager
def held(folder: pathlib.Path, flag: str = '--workdir') -> Iterator[None]:
  """Makes the folder of a run, if needed, and keeps other runs out of it.

  With several processes all of them call it; the first one holds the lock.

  Args:
    folder: what the run writes to.
    flag: that named it, for the message.

  Raises:
    InputError: it cannot be made, or another run is at it.
  """
  with contextlib.ExitStack() as stack:
    processes.on_first(lambda: _lock(folder, flag, stack))
    yield


def _lock(folder, flag, stack):
  try:
    folder.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
      return
    descriptor = os.open(folder, os.O_RDONLY)
  except OSError as error:
    raise InputError(f'{flag}: {folder}: {error.strerror}') from error
  stack.callback(os.close, descriptor)
  try:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError as error:
    message = f'{flag}: {folder}: another run is writing there'
    raise InputError(message) from error
  except OSError:
    pass  # Some file systems have no locks; go on without.
