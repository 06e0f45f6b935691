"""One line that says what is being done, how far it is, and how long yet."""

import sys
import time


class Progress:
  """Counts finished units; rewrites its line on a terminal.

  Where output is not a terminal (a log, CI) it prints a new line at most
  every ten seconds, so that nothing floods and nothing is silent.
  """

  def __init__(self, total: int):
    """`total`: how many units there will be."""
    self._total, self._done, self._skipped = total, 0, 0
    self._start = time.monotonic()
    self._printed = -1e9

  def skip(self) -> None:
    """One unit was finished by an earlier run, and takes no time now."""
    self._skipped += 1

  def update(self, what: str) -> None:
    """One more unit is about to start (`what` names it)."""
    now = time.monotonic()
    done = self._done + self._skipped
    left = self._total - done
    eta = (now - self._start) / self._done * left if self._done else None
    clock = f'{int(eta) // 60}:{int(eta) % 60:02d}' if self._done else '-:--'
    line = f'{what}: {done}/{self._total} done, ETA {clock}'
    self._done += 1
    if sys.stderr.isatty():
      print(f'\r\x1b[K{line}', end='', file=sys.stderr, flush=True)
    elif now - self._printed > 10:
      print(line, file=sys.stderr, flush=True)
      self._printed = now

  def close(self) -> None:
    """Ends the line."""
    if sys.stderr.isatty():
      print('\r\x1b[K', end='', file=sys.stderr, flush=True)
