"""--config, of all programs: a file, its argument, overrides of its fields.

ml_collections reads the fields; what is wrong with the file, or with a field's
name, is found here before, since it names neither line nor remedy.
"""

import difflib
import inspect
import os
import pathlib
import runpy
import sys
import traceback

import cli
import field_list
from absl import flags
from ml_collections import ConfigDict, config_flags
from ml_collections.config_flags import config_path

from fr_poison.text import show
from fr_poison.types import InputError, Stopped

_CONFIGS = pathlib.Path(__file__).parent / 'configs'


def define(
  values: flags.FlagValues = flags.FLAGS, argv: list[str] | None = None
) -> flags.FlagHolder:
  """Defines --config.

  Args:
    values: the flags that it becomes one of.
    argv: the command line, of which the first is the program; None: this
      process's.
  """
  holder = config_flags.DEFINE_config_file(
    'config',
    None,
    'What to do: a config file, or FILE:ARGUMENT as the file says.',
    flag_values=values,
    sys_argv=argv,
  )
  values['config'].parser = _Parser(argv)
  return holder


def given(example: str) -> ConfigDict:
  """Returns what --config gave, or lists its fields for --list_fields.

  Args:
    example: a config file, for the message.

  Raises:
    InputError: there is no --config.
    Stopped: the fields are listed, and nothing else is to be done.
  """
  if CONFIG.value is None:
    raise InputError(f'--config: missing, e.g. experiments/configs/{example}')
  if _LIST_FIELDS.value:
    file = pathlib.Path(path().partition(':')[0])
    show(*field_list.lines(file, CONFIG.value), sep='\n')
    raise Stopped('')
  return CONFIG.value


def path() -> str:
  """Returns FILE:ARGUMENT of --config."""
  return config_flags.get_config_filename(flags.FLAGS['config'])


class _Parser(flags.ArgumentParser):
  def __init__(self, argv):
    self._argv = argv

  def parse(self, argument):
    path, mark, arg = argument.partition(':')
    config = load(pathlib.Path(path), arg if mark else None)
    argv = sys.argv if self._argv is None else self._argv
    for name in cli.names(flags.FLAGS.read_flags_from_files(argv)):
      head, _, field = name.partition('.')
      if field and head in ('config', 'noconfig'):
        _check_field(config, field)
    config.lock()
    return config


def load(path: pathlib.Path, arg: str | None) -> ConfigDict:
  """Returns what a config file's get_config(arg) gives.

  Raises:
    InputError: there is no such file, or it does not; with its line.
  """
  if not path.is_file():
    state = 'a folder' if path.is_dir() else 'no such file'
    raise InputError(f'--config: {path}: {state}{_files_like(path)}')
  try:
    get_config = runpy.run_path(str(path)).get('get_config')
    if not callable(get_config):
      raise InputError('has no function get_config')
    takes_arg = bool(inspect.signature(get_config).parameters)
    if arg and not takes_arg:
      raise InputError(f'takes no argument, but {arg!r} was given')
    config = get_config(arg) if takes_arg else get_config()
    if not isinstance(config, ConfigDict):
      kind = type(config).__name__
      raise InputError(f'get_config gives a {kind}; a ConfigDict expected')
  except InputError as error:
    raise InputError(f'--config: {path}: {error}') from error
  except OSError as error:
    raise InputError(f'--config: {path}: {error.strerror or error}') from error
  except Exception as error:
    raise InputError(f'--config: {_place(error, path)}') from error
  return config


def _place(error, path):
  """'file, line 3: NameError: ...'."""
  frames = traceback.extract_tb(error.__traceback__)
  lines = [frame.lineno for frame in frames if frame.filename == str(path)]
  text = str(error)
  if isinstance(error, SyntaxError):  # of the file, or of one that it imports
    path, text, lines = error.filename or path, error.msg, [error.lineno]
  where = f'{path}, line {lines[-1]}' if lines else path
  return f'{where}: {type(error).__name__}: {text}'


def _files_like(path):
  """'; did you mean ...?' of the files beside it, or of those that ship."""
  places = (path, path.parent, _CONFIGS)
  folder = next(place for place in places if place.is_dir())
  files = {file.stem: os.path.relpath(file) for file in folder.glob('*.py')}
  if found := difflib.get_close_matches(path.stem, files, 1):
    return f'; did you mean {files[found[0]]}?'
  return f'; there are: {", ".join(sorted(files))}' if files else ''


def _check_field(config, field):
  try:
    config_path.get_type(field, config)
  except (AttributeError, KeyError, TypeError, ValueError) as error:
    hint = _fields_like(config, field) or _fields_beside(config, field)
    raise InputError(f'--config.{field}: no such field{hint}') from error


def _fields_like(config, field):
  """'; did you mean ...?' of all fields, by their last names before all."""
  last = lambda name: name.rpartition('.')[2]
  fields = [name for name, *_ in field_list.fields(config)]
  alike = difflib.get_close_matches(last(field), map(last, fields), 1, 0.7)
  found = [name for name in fields if last(name) in alike]
  found = difflib.get_close_matches(field, found, 1, 0)
  return f'; did you mean --config.{found[0]}?' if found else ''


def _fields_beside(config, field):
  holder = field.rpartition('.')[0]
  names = [name for name, *_ in field_list.fields(config)]
  names = [name for name in names if name.rpartition('.')[0] == holder]
  shown = f'; fields: {", ".join(names)}' if names else ''
  if names and holder:
    shown += f' (--config.{holder}="{{...}}" replaces them all)'
  return shown


_LIST_FIELDS = flags.DEFINE_bool(
  'list_fields', False, 'Only list the fields of --config, with their comments.'
)
try:
  CONFIG = define()
except flags.Error as error:  # a --flagfile that cannot be read
  cli.exit_with(error)
