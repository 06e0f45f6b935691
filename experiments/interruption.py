"""Ctrl-C, SIGTERM and closed pipes: how a program ends before its end.

Imported first by cli.py, so that Ctrl-C while JAX is loading is a line, too.
"""

import contextlib
import ctypes
import os
import shlex
import signal
import sys
from traceback import format_exception

from fr_poison import text

_ANEW = ('--overwrite', '-overwrite')  # would throw away what is kept
PATIENCE = 10  # seconds that other processes have to end, before JAX ends them
_ABORTED = []  # what C calls
_last = []  # line and status of an end that is under way


class Terminated(KeyboardInterrupt):
  """SIGTERM, where nobody saves first; see `training.preemption`."""


def on_terminate() -> None:
  """Makes SIGTERM an exception, as Ctrl-C is."""

  def terminate(number, frame):
    raise Terminated

  signal.signal(signal.SIGTERM, terminate)


def command() -> str:
  """Writes the command line of this process as a shell takes it."""
  words = [word for word in sys.argv if word.partition('=')[0] not in _ANEW]
  return ' '.join(['python', *map(quoted, words)])


def on_abort() -> None:
  """Makes a line of the abort by which JAX ends where a process is gone.

  It comes from another thread, so no exception can reach this one; the runtime
  has said by then, in many lines of its own, what it knows.
  """
  if os.name != 'posix':
    return

  @ctypes.CFUNCTYPE(None, ctypes.c_int)
  def aborted(number):
    line, status = _last or (f'error: {lost()}', 1)
    os.write(2, f'{line}\n'.encode(errors='backslashreplace'))
    os._exit(status)

  _ABORTED.append(aborted)
  ctypes.CDLL(None).signal(signal.SIGABRT, aborted)


def exit_with(line: str, status: int) -> None:
  """Ends with a line on stderr.

  Other processes of the run have some seconds to end as well; if they do not,
  JAX aborts them and this one, which then says its line again.
  """
  text.show(line, file=sys.stderr)
  _last[:] = line, status
  sys.exit(status)


def lost() -> str:
  """Writes what to do where another process of this run is gone."""
  return (
    'another process of this run ended, or was not heard of; what is finished '
    f'is kept; to go on, start all of them again, this one by: {command()}'
  )


def describe(kept: str | None) -> str:
  """Writes one line: what is kept, and the command that goes on."""
  if kept is None:
    return f'stopped: nothing is kept; to start again: {command()}'
  return f'stopped: {kept}; to go on: {command()}'


def end(error: BaseException, kept: str | None) -> None:
  """Ends the process with that line and the shells' status of the signal.

  Without a line where a pipe is closed: nobody reads it, as with `head`.
  """
  number, line = signal.SIGINT, describe(kept)
  if isinstance(error, BrokenPipeError):
    number, line = getattr(signal, 'SIGPIPE', 13), ''
  elif isinstance(error, Terminated):
    number = signal.SIGTERM
  with contextlib.suppress(OSError):
    sys.stdout.flush()
  with contextlib.suppress(OSError):
    if line:
      text.show(line, file=sys.stderr)
  # Not sys.exit: JAX may still compute in another thread, and crashes when
  # Python is taken down meanwhile. All files are closed by now.
  os._exit(128 + number)


def quoted(word: str) -> str:
  """Writes a word for a shell, on one line whatever it holds."""
  if word.isprintable():
    return shlex.quote(word)
  escaped = word.encode('unicode_escape').decode().replace("'", r'\'')
  return f"$'{escaped}'"


def _excepthook(kind, error, traceback):
  """Also while a program loads; a traceback may hold any name."""
  if issubclass(kind, KeyboardInterrupt):
    end(error, 'nothing was begun')
  lines = format_exception(kind, error, traceback)
  text.show(''.join(lines).rstrip(), file=sys.stderr)


sys.excepthook = _excepthook
