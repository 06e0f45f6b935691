"""How every experiment starts and ends: what is wrong is one line, status 2.

Ctrl-C and SIGTERM are one line, too: what is kept and how to go on; a pipe that
is closed ends a program without a word.
"""

import collections
import contextlib
import errno
import fractions
import itertools
import logging as std_logging
import pathlib
import sys
import textwrap
import traceback
import warnings

import interruption
import jax
import program_help
from absl import app, flags, logging

from fr_poison import checks, processes, text
from fr_poison.types import InputError, Stopped

# What absl and ml_collections raise for a command line.
_BAD_FLAGS = (flags.Error, AttributeError, KeyError, TypeError, ValueError)
_EXPECTED = {
  'bool': 'true or false expected',
  'int': 'a whole number expected',
  'float': 'a number expected',
}
_HELP = {
  program_help.brief: {'help', 'helpshort', 'h', '?'},
  program_help.full: {'helpfull'},
}
# Below HOME it keeps a list of fonts, and warns where it cannot.
std_logging.getLogger('matplotlib').setLevel(std_logging.ERROR)


def names(argv: list[str]) -> list[str]:
  """Lists the flags of a command line, whose first word is the program."""
  words = itertools.takewhile(lambda word: word != '--', argv[1:])
  return [
    word.lstrip('-').partition('=')[0] for word in words if word[:1] == '-'
  ]


def parse(argv: list[str], values: flags.FlagValues = flags.FLAGS) -> list[str]:
  """Reads a command line into flags, and returns what is left of it.

  Raises:
    InputError: one line: the flag, what came, and what is expected.
  """
  try:
    left = values(argv)
  except _BAD_FLAGS as error:
    raise _explained(error, values) from error
  counts = collections.Counter(
    name if name in values else name.removeprefix('no') for name in names(argv)
  )
  for name in filter(values.__contains__, counts):
    flag = values[name]
    if counts[name] > 1 and not isinstance(flag, flags.MultiFlag):
      raise InputError(f'--{name}: given {counts[name]} times')
    if isinstance(flag.value, int) and abs(flag.value) >= 2**63:
      raise InputError(f'--{name}: {flag.value} has more than 64 bits')
  return left


def _explained(error, values):
  # The parser of --config says it already, and absl only repeats it.
  if isinstance(error.__context__, InputError):
    return error.__context__
  if isinstance(error, flags.UnrecognizedFlagError):
    name = error.flagname
    hint = checks.suggestion(name, values, '--{}')
    if name.startswith('config.'):
      hint = '; a --config that has it comes first'
    return InputError(f'--{name}: no such flag{hint}')
  message = str(error.args[0] if error.args else error)
  head, _, rest = message.partition(': ')
  name, mark, given = head.removeprefix('flag --').partition('=')
  if not mark or name not in values:
    return InputError(message)
  if 'must have a value' in rest or 'must be specified' in rest:
    return InputError(f'--{name}: missing')
  if 'invalid literal' in rest or 'argument' in rest or 'convert' in rest:
    kind = values[name].flag_type()
    rest = _EXPECTED.get(kind, rest) + _fraction(kind, given)
  return InputError(f'--{name}: {given!r}: {rest}')


def _fraction(kind, given):
  """8/255 as the number that it is."""
  try:
    number = float(fractions.Fraction(given))
  except (ValueError, ArithmeticError):
    return ''
  return f' (did you mean {number:.6g}?)' if kind == 'float' else ''


class _Formatter(logging.PythonFormatter):
  """Of every logger's lines, those of packages too: clean text."""

  def format(self, record):
    return text.clean(super().format(record))


def _clean_warnings(format_warning=warnings.formatwarning):
  logging.get_absl_handler().setFormatter(_Formatter())
  warnings.formatwarning = lambda *args, **kwargs: text.clean(
    format_warning(*args, **kwargs)
  )


def exit_with(error: Exception) -> None:
  """Ends with one line, whatever the names in it hold, and status 2."""
  message = str(error.args[0] if error.args else error)
  interruption.exit_with(f'error: {text.line(message)}', 2)


def _read(argv, doc):
  """Reads the command line; ends where it asks for help."""
  asked = set(names(argv))
  for write, its_names in _HELP.items():
    if asked & its_names:
      text.show(write(doc, flags.FLAGS))
      raise Stopped('')
  return parse(argv)


def _refuse_strays(argv):
  if len(argv) > 1:
    name, mark, _ = argv[1].partition('=')
    known = mark and name in flags.FLAGS
    hint = f'; did you mean --{argv[1]}?' if known else ''
    raise InputError(f'{argv[1]}: unexpected argument{hint}')


@contextlib.contextmanager
def _ended_by_a_line(kept=None):
  """Makes whatever ends the block early one line."""
  try:
    yield
  except InputError as error:
    exit_with(error)
  except Stopped as stop:
    if str(stop):
      text.show(f'{stop}; to go on: {interruption.command()}')
    sys.exit(stop.status)
  except jax.errors.JaxRuntimeError as error:
    if processes.is_alone():
      raise
    # A collective fails at once where JAX takes its time to be sure.
    reason = textwrap.shorten(str(error), 200)
    interruption.exit_with(f'error: {interruption.lost()} ({reason})', 1)
  except (KeyboardInterrupt, BrokenPipeError) as error:
    interruption.end(error, kept)
  except OSError as error:
    sys.stdout = None  # It would fail again when it is flushed in the end.
    exit_with(InputError(_of_system(error)))


def _of_system(error):
  """Names the file that the system refused, or where that was."""
  reason = error.strerror or str(error) or type(error).__name__
  if error.filename is not None:
    return f'{error.filename}: {reason}'
  if error.errno == errno.ENOSPC:
    return f'standard output: {reason}'
  *_, last = traceback.extract_tb(error.__traceback__)
  return f'{reason} ({pathlib.Path(last.filename).name}, line {last.lineno})'


def run(main, kept: str | None = None) -> None:
  """Runs `main` as a program, whose every early end is one line.

  Args:
    main: takes what is left of the command line, which is nothing. The
      docstring of its module is what --help prints, see `program_help`.
    kept: what a program that is stopped leaves behind, and finds again when it
      is started anew, in words; None for nothing.
  """

  def read(argv):
    with _ended_by_a_line():
      return _read(argv, main.__globals__['__doc__'])

  def guarded(argv):
    # jax announces every accelerator it does not find, at level INFO.
    if not flags.FLAGS['verbosity'].present:
      logging.set_verbosity(logging.WARNING)
    _clean_warnings()
    interruption.on_terminate()
    with _ended_by_a_line(kept):
      _refuse_strays(argv)
      main(argv)
      processes.barrier()  # Those who are done wait for the others.
      if sys.stdout:  # or it would fail where nobody listens
        sys.stdout.flush()

  app.run(guarded, flags_parser=read)
