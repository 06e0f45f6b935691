"""Ctrl-C, SIGTERM and closed pipes: how a program ends before its end.

Imported first by cli.py, so that Ctrl-C while JAX is loading is a line, too.
"""

import contextlib
import os
import shlex
import signal
import sys

_CLOSED_PIPE = 128 + signal.SIGPIPE if hasattr(signal, 'SIGPIPE') else 1
_ANEW = ('--overwrite', '-overwrite')  # would throw away what is kept


class Terminated(KeyboardInterrupt):
  """SIGTERM, where nobody saves first; see `training.preemption`."""


def on_terminate() -> None:
  """From here on SIGTERM is an exception, as Ctrl-C is."""

  def terminate(number, frame):
    raise Terminated

  signal.signal(signal.SIGTERM, terminate)


def command() -> str:
  """The command line of this process, as a shell takes it."""
  words = [word for word in sys.argv if word.partition('=')[0] not in _ANEW]
  return ' '.join(['python', *map(_quoted, words)])


def describe(kept: str | None) -> str:
  """One line: what is kept, and the command that goes on."""
  if kept is None:
    return f'stopped: nothing is kept; to start again: {command()}'
  return f'stopped: {kept}; to go on: {command()}'


def end(error: KeyboardInterrupt, kept: str | None) -> None:
  """Ends the process with that line and the shells' status of the signal."""
  is_terminated = isinstance(error, Terminated)
  _end(
    128 + (signal.SIGTERM if is_terminated else signal.SIGINT), describe(kept)
  )


def end_quietly() -> None:
  """Ends the process whose output nobody reads any more, as `head` does."""
  _end(_CLOSED_PIPE)


def _end(status, line=None):
  with contextlib.suppress(OSError):
    sys.stdout.flush()
  with contextlib.suppress(OSError):
    if line:
      print(line, file=sys.stderr, flush=True)
  # Not sys.exit: JAX may still compute in another thread, and crashes when
  # Python is taken down meanwhile. All files are closed by now.
  os._exit(status)


def _quoted(word):
  """For a shell, in one line whatever the word holds."""
  if word.isprintable():
    return shlex.quote(word)
  escaped = word.encode('unicode_escape').decode().replace("'", r'\'')
  return f"$'{escaped}'"


def _excepthook(kind, error, traceback):
  """While a program is being loaded."""
  if not issubclass(kind, KeyboardInterrupt):
    sys.__excepthook__(kind, error, traceback)
    return
  _end(128 + signal.SIGINT, describe('nothing was begun'))


sys.excepthook = _excepthook
