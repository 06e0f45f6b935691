"""How every experiment starts: bad input is one line and exit status 2."""

import sys

from absl import app, flags, logging

from fr_poison.types import InputError

# ml_collections reports a wrong --config override by one of these.
_BAD_FLAGS = (flags.Error, AttributeError, KeyError, TypeError, ValueError)


def _parse(argv):
  try:
    return flags.FLAGS(argv)
  except _BAD_FLAGS as error:
    _exit(error)


def _exit(error: Exception) -> None:
  message = error.args[0] if error.args else error
  print('error: ' + ' '.join(str(message).split()), file=sys.stderr)
  sys.exit(2)


def run(main) -> None:
  """`app.run(main)`, with user errors as one line on stderr and status 2."""

  def guarded(argv):
    # jax announces every accelerator it does not find, at level INFO.
    if not flags.FLAGS['verbosity'].present:
      logging.set_verbosity(logging.WARNING)
    try:
      main(argv)
    except InputError as error:
      _exit(error)

  app.run(guarded, flags_parser=_parse)
