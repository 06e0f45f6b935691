"""How every experiment starts and ends: what is wrong is one line, status 2.

Ctrl-C and SIGTERM are one line, too: what is kept and how to go on; a pipe that
is closed ends a program without a word.
"""

import collections
import logging as std_logging
import sys
from collections.abc import Iterator

import interruption
from absl import app, flags, logging

from fr_poison import checks
from fr_poison.types import InputError, Stopped

# What absl and ml_collections raise for a command line.
_BAD_FLAGS = (flags.Error, AttributeError, KeyError, TypeError, ValueError)
_EXPECTED = {
  'bool': 'true or false expected',
  'int': 'a whole number expected',
  'float': 'a number expected',
}
# Below HOME it keeps a list of fonts, and warns where it cannot.
std_logging.getLogger('matplotlib').setLevel(std_logging.ERROR)


def given(argv: list[str]) -> Iterator[tuple[str, str | None, str | None]]:
  """The flags of a command line.

  Args:
    argv: of which the first is the program.

  Yields:
    name; its value, None where there is no `=`; the word behind it, which may
    be its value then.
  """
  words = argv[1:]
  for word, behind in zip(words, [*words, None][1:], strict=True):
    if word == '--':
      return
    if word.startswith('-') and word != '-':
      name, mark, text = word.lstrip('-').partition('=')
      yield name, (text if mark else None), behind


def parse(argv: list[str], values: flags.FlagValues = flags.FLAGS) -> list[str]:
  """Reads a command line; what is left of it.

  Args:
    argv: of which the first is the program.
    values: the flags that there are.

  Raises:
    InputError: one line: the flag, what came, and what is expected.
  """
  counts = collections.Counter(_flag(n, values) for n, *_ in given(argv))
  for name, count in counts.items():
    is_single = name in values and not isinstance(values[name], flags.MultiFlag)
    if is_single and count > 1:
      raise InputError(f'--{name}: given {count} times')
  names = list(counts)
  fields = [name for name in names if name.startswith('config.')]
  if 'config' in values and fields:
    if 'config' not in counts:
      raise InputError(f'--config: missing, though --{fields[0]} is given')
    if names.index('config') > names.index(fields[0]):
      raise InputError(f'--{fields[0]}: has to come after --config')
  try:
    left = values(argv)
  except _BAD_FLAGS as error:
    raise _explained(error, values) from error
  for name in filter(values.__contains__, counts):
    value = values[name].value
    if isinstance(value, int) and abs(value) >= 2**63:
      raise InputError(f'--{name}: {value} has more than 64 bits')
  return left


def _flag(name, values):
  """Without the `no` of a bool."""
  is_negated = name not in values and name.startswith('no')
  return name[2:] if is_negated and name[2:] in values else name


def _explained(error, values) -> InputError:
  # The parser of --config says it already, and absl only repeats it.
  if isinstance(error.__context__, InputError):
    return error.__context__
  if isinstance(error, flags.UnrecognizedFlagError):
    name = error.flagname
    hint = checks.suggestion(name, values, '--{}')
    return InputError(f'--{name}: no such flag{hint}')
  message = str(error.args[0] if error.args else error)
  head, _, rest = message.partition(': ')
  name, mark, text = head.removeprefix('flag --').partition('=')
  if not mark or name not in values:
    return InputError(message)
  if 'must have a value' in rest or 'must be specified' in rest:
    return InputError(f'--{name}: missing')
  if 'invalid literal' in rest or 'argument' in rest or 'convert' in rest:
    rest = _EXPECTED.get(values[name].flag_type(), rest)
  return InputError(f'--{name}: {text!r}: {rest}')


def exit_with(error: Exception) -> None:
  """One line, whatever the names in it hold; status 2."""
  message = str(error.args[0] if error.args else error)
  shown = ''.join(
    c if c.isprintable() or c.isspace() else repr(c)[1:-1] for c in message
  )
  print('error: ' + ' '.join(shown.split()), file=sys.stderr)
  sys.exit(2)


def _parse_or_exit(argv):
  try:
    return parse(argv)
  except InputError as error:
    return exit_with(error)


def _refuse_strays(argv):
  if len(argv) > 1:
    name, mark, _ = argv[1].partition('=')
    known = mark and name in flags.FLAGS
    hint = f'; did you mean --{argv[1]}?' if known else ''
    raise InputError(f'{argv[1]}: unexpected argument{hint}')


def run(main, kept: str | None = None) -> None:
  """`app.run(main)`; every end before the end is one line, and no traceback.

  Args:
    main: takes what is left of the command line, which is nothing.
    kept: what a program that is stopped leaves behind, and finds again when it
      is started anew, in words; None for nothing.
  """

  def guarded(argv):
    # jax announces every accelerator it does not find, at level INFO.
    if not flags.FLAGS['verbosity'].present:
      logging.set_verbosity(logging.WARNING)
    interruption.on_terminate()
    try:
      _refuse_strays(argv)
      main(argv)
      sys.stdout.flush()  # or it would fail where nobody listens
    except InputError as error:
      exit_with(error)
    except Stopped as stop:
      if str(stop):
        print(f'{stop}; to go on: {interruption.command()}', flush=True)
      sys.exit(stop.status)
    except KeyboardInterrupt as error:
      interruption.end(error, kept)
    except BrokenPipeError:
      interruption.end_quietly()
    except OSError as error:
      if error.filename is None:
        raise
      exit_with(InputError(f'{error.filename}: {error.strerror}'))

  app.run(guarded, flags_parser=_parse_or_exit)
