"""How long a run takes, which its first record says."""

import contextlib
import os
import time
from collections.abc import Callable


def start(*folders: str | os.PathLike) -> Callable[[], float | None]:
  """Starts a clock, which gives the seconds since then.

  It gives None where a folder holds anything by now: what was made before
  would be missing from the seconds.

  Args:
    folders: those into which the run writes.
  """
  begin, found = time.monotonic(), []
  for folder in folders:
    with contextlib.suppress(OSError):  # It is not there, or no folder.
      found += os.listdir(folder)
  return lambda: None if found else round(time.monotonic() - begin, 1)
