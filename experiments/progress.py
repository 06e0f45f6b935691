"""What is done, how far it is, how fast, and how long yet: tqdm.

On a terminal it is tqdm's bar. Elsewhere (a log, CI) it is a line now and then,
so that nothing floods and nothing is silent.
"""

import io
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from tqdm import tqdm

from fr_poison import text

_FIRST = '{desc}: {n_fmt}/{total_fmt} done, after {elapsed}'
_LINE = (
  '{desc}: {n_fmt}/{total_fmt} done, ETA {remaining} ({rate_fmt}, after '
  '{elapsed})'
)
_EVERY = 10  # seconds between two lines
_OPEN = []  # of these only the last one, which is within the others, is heard


class _Bar(tqdm):
  monitor_interval = 0  # `Progress` looks after it itself


class Progress:
  """Counts finished units, and is never silent for long meanwhile."""

  def __init__(
    self, total: int | None, unit: str = 'it', *, delay: float = 0.0
  ):
    """Says nothing before `delay` seconds, as it may be done by then.

    Args:
      total: how many units there will be, if that is known.
      unit: what one is called.
      delay: see above.
    """
    self._is_terminal, self._delay = sys.stderr.isatty(), delay
    # Below 0.1 s tqdm would draw an empty bar at once.
    options = {'file': sys.stderr, 'leave': False, 'dynamic_ncols': True}
    options['delay'] = max(delay, 0.1)
    if not self._is_terminal:
      options = {'file': io.StringIO(), 'mininterval': 1e9, 'delay': 1e9}
      options['bar_format'] = _FIRST
    self._bar = _Bar(total=total, unit=unit, miniters=0, **options)
    self._running, self._start = 0, time.monotonic()
    self._ended = threading.Event()
    _OPEN.append(self)
    threading.Thread(target=self._keep_talking, daemon=True).start()

  def skip(self) -> None:
    """Counts a unit that an earlier run finished, and that takes no time."""
    self._bar.initial += 1
    self._bar.n += 1

  def update(self, what: str, count: int = 1) -> None:
    """Starts `count` more units (`what` names them); the last ones are done."""
    self._bar.set_description_str(text.line(what), refresh=False)
    is_first = not self._running
    self._bar.update(self._running)
    self._running = count
    if is_first and not self._delay:
      self._show()

  def close(self) -> None:
    """Ends the line."""
    if self in _OPEN:
      _OPEN.remove(self)
      self._ended.set()
      if self._is_terminal:
        self._bar.clear()
      self._bar.close()

  def _show(self):
    if self._is_terminal:
      self._bar.refresh()
    elif self is _OPEN[-1]:
      # Before the first unit is done nobody knows how long the rest takes.
      is_known = self._bar.n > self._bar.initial
      self._bar.bar_format = _LINE if is_known else _FIRST
      text.show(self._bar, file=sys.stderr)

  def _keep_talking(self):
    while not self._ended.wait(1 if self._is_terminal else _EVERY):
      if self._running and time.monotonic() - self._start > self._delay:
        try:
          self._show()
        except (OSError, ValueError, IndexError):  # nobody reads; it is over
          return


def over(
  what: str, unit: str = 'picture', *, delay: float = 0.0
) -> Callable[..., Iterator]:
  """Makes the function (items, total, each=1) that shows how far a loop is.

  The library calls it; it gives the items, of which each is so many units.

  Args:
    what: is done.
    unit: see `Progress`, as is delay.
    delay: see there.
  """

  def run(items: Iterable, total: int | None, each: int = 1) -> Iterator:
    progress = Progress(total, unit, delay=delay)
    try:
      for item in items:
        progress.update(what, each)
        yield item
    finally:
      progress.close()

  return run


def say(what: str) -> None:
  """Prints a line above the bars that are there."""
  with tqdm.external_write_mode():
    text.show(what)
