"""--config, of all programs: a file, its argument, overrides of its fields.

ml_collections reads them. What is wrong with them is found here before, since
it names neither field nor remedy.
"""

import ast
import difflib
import fractions
import importlib.machinery
import importlib.util
import inspect
import os
import pathlib
import re
import sys
import traceback
from collections.abc import Iterator

import cli
from absl import flags
from ml_collections import ConfigDict, config_flags
from ml_collections.config_flags import config_path

from fr_poison.types import InputError

_CONFIGS = pathlib.Path(__file__).parent / 'configs'
_SIMILAR = 0.7  # of 1, for names that may be meant


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
    'config', None, 'What to do.', flag_values=values, sys_argv=argv
  )
  values['config'].parser = _Parser(argv)
  return holder


class _Parser(flags.ArgumentParser):
  def __init__(self, argv):
    self._argv = argv

  def parse(self, argument):
    path, mark, arg = argument.partition(':')
    config = load(pathlib.Path(path), arg if mark else None)
    argv = sys.argv if self._argv is None else self._argv
    check_overrides(config, flags.FLAGS.read_flags_from_files(argv))
    config.lock()
    return config


def load(path: pathlib.Path, arg: str | None) -> ConfigDict:
  """What a config file's get_config(arg) gives.

  Raises:
    InputError: there is no such file, or it does not; with its line.
  """
  if not path.is_file():
    state = 'a folder' if path.is_dir() else 'no such file'
    raise InputError(f'--config: {path}: {state}{_files_like(path)}')
  loader = importlib.machinery.SourceFileLoader('config_file', str(path))
  module = importlib.util.module_from_spec(
    importlib.util.spec_from_loader(loader.name, loader)
  )
  sys.modules[loader.name] = module  # as dataclasses want it
  try:
    loader.exec_module(module)
    if not callable(getattr(module, 'get_config', None)):
      raise InputError('has no function get_config')
    takes_arg = bool(inspect.signature(module.get_config).parameters)
    if arg and not takes_arg:
      raise InputError(f'takes no argument, but {arg!r} was given')
    config = module.get_config(arg) if takes_arg else module.get_config()
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
  line = None
  if isinstance(error, SyntaxError):  # of the file, or of one that it imports
    path, line, text = error.filename or path, error.lineno, error.msg
  else:
    text = str(error)
    for frame in traceback.extract_tb(error.__traceback__):
      if frame.filename == str(path):
        line = frame.lineno
  where = f'{path}, line {line}' if line else path
  return f'{where}: {type(error).__name__}: {text}'


def _files_like(path):
  """'; did you mean ...?' of the files beside it, or of those that ship."""
  places = (path, path.parent, _CONFIGS)
  folder = next(place for place in places if place.is_dir())
  names = {file.stem: os.path.relpath(file) for file in folder.glob('*.py')}
  found = difflib.get_close_matches(path.stem, names, 1)
  if found:
    return f'; did you mean {names[found[0]]}?'
  return f'; there are: {", ".join(sorted(names))}' if names else ''


def check_overrides(config: ConfigDict, argv: list[str]) -> None:
  """Refuses --config.FIELD=VALUE that cannot be.

  Raises:
    InputError: no such field, a value of another type, or a field given twice.
  """
  seen = set()
  for name, text, behind in cli.given(argv):
    head, _, field = name.partition('.')
    if head not in ('config', 'noconfig') or not field:
      continue
    kind = _type(config, field)
    if field in seen and kind is not tuple:  # whose elements it may give
      raise InputError(f'--config.{field}: given twice')
    seen.add(field)
    if head == 'noconfig' and kind is not bool:
      raise InputError(f'--{name}: config.{field} is not true or false')
    if text is None and kind is not bool:
      text = behind
    if text is not None:
      _check_value(field, kind, text)


def _type(config, field):
  try:
    parts = config_path.split(field)
  except ValueError as error:
    raise InputError(f'--config.{field}: not the name of a field') from error
  value, kind = config, ConfigDict
  for number, part in enumerate(parts):
    holder = 'config' + ''.join(f'.{x}' for x in parts[:number])
    if not isinstance(value, ConfigDict):
      raise InputError(
        f'--config.{field}: no such field; {holder} is {value!r}'
      )
    if part not in value:
      hint = _fields_like(config, field)
      hint = hint or f'; fields of {holder}: {", ".join(map(str, value))}'
      if number:
        hint += f' (--{holder}="{{...}}" replaces them all)'
      raise InputError(f'--config.{field}: no such field{hint}')
    kind, value = value.get_type(part), value[part]
  return ConfigDict if issubclass(kind, ConfigDict) else kind


def _fields_like(config, field):
  """'; did you mean ...?' of all fields, by their last names before all."""
  alike = lambda a, b: difflib.SequenceMatcher(None, a, b).ratio()
  last = lambda name: name.rpartition('.')[2]
  scores = {
    name: alike(last(field), last(name)) + alike(field, name)
    for name in _names(config)
    if alike(last(field), last(name)) > _SIMILAR
  }
  if not scores:
    return ''
  return f'; did you mean --config.{max(scores, key=scores.get)}?'


def _names(config, prefix='') -> Iterator[str]:
  for key, value in config.items():
    yield f'{prefix}{key}'
    if isinstance(value, ConfigDict):
      yield from _names(value, f'{prefix}{key}.')


def _check_value(field, kind, text):
  say = lambda expected: InputError(
    f'--config.{field}: {text!r}: {expected} expected'
  )
  if kind in (bool, int, float):
    try:
      value = _PARSERS[kind].parse(text)
    except ValueError as error:
      raise say(_EXPECTED[kind] + _fraction(kind, text)) from error
    if kind is int and abs(value) >= 2**63:
      raise say('a whole number of at most 64 bits')
  elif kind is tuple:
    names = re.findall(r'[^\s()\[\],\'"]+', text)
    if _literal(text) is None and (set(text) & set('(),') or not names):
      example = tuple(names) or ('a', 'b')
      raise say(f'a tuple, such as "{example!r}",')
  elif kind is ConfigDict:
    if not isinstance(_literal(text), dict):
      raise say(f'a dict in quotes, or one of its fields (--config.{field}.X),')
  elif kind is not str:
    raise InputError(
      f'--config.{field}: cannot be given on the command line, where its type '
      'is unknown; copy the config file'
    )


_PARSERS = {
  bool: flags.BooleanParser(),
  int: flags.IntegerParser(),
  float: flags.FloatParser(),
}
_EXPECTED = {
  bool: 'true or false',
  int: 'a whole number',
  float: 'a number',
}


def _fraction(kind, text):
  """8/255 as the number that it is."""
  try:
    number = fractions.Fraction(text) if kind is float else None
  except (ValueError, ZeroDivisionError):
    return ''
  return '' if number is None else f' (did you mean {float(number):.6g}?)'


def _literal(text):
  try:
    return ast.literal_eval(text)
  except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
    return None


try:
  CONFIG = define()
except flags.Error as error:  # a --flagfile that cannot be read
  cli.exit_with(error)
