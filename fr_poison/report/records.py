"""Result records: one dict, one JSON line, for every number that is reported.

Reports are made from these alone, so a table can be traced and redone. Rates,
intervals and `linf` are fractions in [0, 1], `psnr` is in dB. The required
fields are those of `_FIELDS`; a record may carry more.
"""

import importlib.metadata
import math
import numbers
import os
import pathlib
import platform
import reprlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from fr_poison import strict_json, types, version
from fr_poison.data import decode

CLOAKS = (
  *('lowkey', 'fawkes', 'fawkes_v03', 'fawkes_v1'),
  *('pgd', 'eot_pgd', 'evading_pgd'),
  *('feature_shift', 'protected_set'),
  'history',  # several of them over the years
  'given',  # as files, made by whatever tool
)
ATTACKS = (*CLOAKS, 'noise', 'none')
UNKNOWN = 'unknown'  # what network a given cloak was made for
RECOGNIZERS = ('nearest_neighbor', 'linear', 'end_to_end')
_PACKAGES = ('jax', 'jaxlib', 'flax', 'optax', 'numpy')


class _Field(NamedTuple):
  expected: str
  accepts: Callable[[Any], bool]


def _is_number(x, low=-math.inf, high=math.inf):
  is_real = isinstance(x, numbers.Real) and not isinstance(x, bool)
  return is_real and math.isfinite(x) and low <= x <= high


def _is_interval(x):
  is_pair = isinstance(x, (list, tuple)) and len(x) == 2
  return is_pair and all(_is_number(y, 0, 1) for y in x) and x[0] <= x[1]


def _is_count(x, low=0):
  return isinstance(x, numbers.Integral) and _is_number(x, low)


def _is_name(x):
  return isinstance(x, str) and bool(x.strip())


def _are_names(x, kinds=(list, tuple)):
  return isinstance(x, kinds) and all(map(_is_name, x))


def _one_of(names):
  return _Field(f'one of {", ".join(names)}', lambda x: x in names)


def _or_null(field):
  return _Field(
    f'{field.expected} or null', lambda x: x is None or field.accepts(x)
  )


_NAME = _Field('a name', _is_name)
_NAMES = _Field('a list of names', _are_names)
_NAME_DICT = _Field(
  'an object of names',
  lambda x: _are_names(x, dict) and _are_names([*x.values()]),
)
_NUMBER = _Field('a finite number', _is_number)
_FRACTION = _Field('a number in [0, 1]', lambda x: _is_number(x, 0, 1))
_INTERVAL = _Field('[low, high] in [0, 1]', _is_interval)
_COUNT = _Field('a positive integer', lambda x: _is_count(x, 1))
_ROWS = _Field(
  'a list of [picture, reason]',
  lambda x: (
    isinstance(x, list) and all(_are_names(row) and len(row) == 2 for row in x)
  ),
)

_FIELDS = {
  'attack': _one_of(ATTACKS),
  'epsilon': _or_null(_FRACTION),
  'surrogate': _NAMES,
  'network': _NAME,
  'recognizer': _one_of(RECOGNIZERS),
  'adversary': _NAME,
  'num_people': _COUNT,
  'num_test_images': _COUNT,
  'protection_rate': _FRACTION,
  'protection_ci': _INTERVAL,
  'accuracy': _FRACTION,
  'accuracy_ci': _INTERVAL,
  'dssim': _or_null(_NUMBER),
  'psnr': _or_null(_NUMBER),  # null also where no pixel differs: infinite
  'linf': _or_null(_FRACTION),
  'seed': _Field('a non-negative integer', _is_count),
  'wall_seconds': _Field('seconds', lambda x: _is_number(x, 0)),
  'config_hash': _NAME,
  'weights': _NAME_DICT,
  'versions': _NAME_DICT,
  'device': _NAME,
}
_OPTIONAL = {
  'noise_protection_rate': _or_null(_FRACTION),
  'noise_protection_ci': _or_null(_INTERVAL),
  'control_of': _one_of(CLOAKS),
  'history': _NAME,  # which one
  'dataset': _NAME,  # what a page says of the pictures, in words
  'split': _NAME,  # and of which were trained on, which tested on
  'not_tested': _NAMES,  # sentences
  'warnings': _NAMES,  # the same
  'alignment': _NAME,  # see FaceSet
  'left_out': _ROWS,
}


def validate(record: dict) -> None:
  """Refuses a record with a required field missing or of the wrong kind.

  Args:
    record: as the module describes; extra fields are left alone.

  Raises:
    InputError: naming the first field that is wrong.
  """
  if not isinstance(record, dict):
    raise types.InputError(f'expected an object, got {reprlib.repr(record)}')
  for name, field in (_FIELDS | _OPTIONAL).items():
    if name not in record:
      if name in _OPTIONAL:
        continue
      raise types.InputError(f'{name}: missing')
    if not field.accepts(record[name]):
      raise types.InputError(
        f'{name}: expected {field.expected}, got {reprlib.repr(record[name])}'
      )
  attack = record['attack']
  if attack != 'none':
    for name in ('surrogate', 'dssim', 'linf'):
      if record[name] in (None, [], ()):
        raise types.InputError(f'{name}: missing, but the attack is {attack}')
  if attack == 'noise' and 'control_of' not in record:
    raise types.InputError('control_of: missing, but the attack is noise')
  _check_inside(record, 'protection_rate', 'protection_ci')
  _check_inside(record, 'accuracy', 'accuracy_ci')


def write(path: str | os.PathLike, records: Iterable[dict]) -> None:
  """Writes the records, one JSON line each, all of them or nothing.

  Args:
    path: the file, replaced if there; its folder must exist.
    records: valid records; NumPy scalars become plain numbers.

  Raises:
    InputError: a record is not valid or cannot be said in strict JSON.
  """
  lines = []
  for i, record in enumerate(records, 1):
    try:
      validate(record)
      lines.append(strict_json.dumps(strict_json.sealed(record)) + '\n')
    except types.InputError as error:
      raise types.InputError(f'record {i}: {error}') from error
  write_text(path, ''.join(lines))


def read(path: str | os.PathLike) -> list[dict]:
  """The records of a file that `write` made.

  Raises:
    InputError: the file cannot be read, or naming it and the line that is
      not strict JSON, altered or not a valid record. An empty file is one
      such line.
  """
  try:
    lines = pathlib.Path(path).read_bytes().removesuffix(b'\n').split(b'\n')
  except OSError as error:
    raise types.InputError(f'{path}: {error.strerror}') from error
  records = []
  for i, line in enumerate(lines, 1):
    try:
      records.append(strict_json.loads(line))
      validate(records[-1])
    except (ValueError, RecursionError) as error:
      raise types.InputError(f'{path}, line {i}: {error}') from error
  return records


def config_hash(config: dict) -> str:
  """16 hex digits of the SHA-256 of a config, whatever its keys' order.

  Raises:
    InputError: the config holds something that JSON cannot say.
  """
  return strict_json.digest(config)


def environment() -> dict:
  """The record fields `versions` and `device` of this process."""
  import jax

  versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
  versions['python'] = platform.python_version()
  versions['fr_poison'] = version.__version__
  devices = jax.devices()
  kind = devices[0].device_kind
  if devices[0].platform == 'cpu':
    kind = _cpu_name() or kind
  return {
    'versions': versions,
    'device': (
      f'{devices[0].platform} x{len(devices)} ({kind}), {os.cpu_count()} cores'
    ),
  }


def write_text(path: str | os.PathLike, text: str) -> None:
  """Writes a UTF-8 file that is never seen half written.

  Raises:
    InputError: it cannot be written.
  """
  # A name read from JSON may hold a lone surrogate, which UTF-8 cannot say.
  decode.write_atomic(path, text.encode(errors='replace'))


def _check_inside(record, name, ci):
  low, high = record[ci]
  # A millionth for the rounding of an interval that ends at the rate itself.
  if not low - 1e-6 <= record[name] <= high + 1e-6:
    raise types.InputError(f'{ci}: {record[name]} is not in [{low}, {high}]')


def _cpu_name():
  try:
    lines = pathlib.Path('/proc/cpuinfo').read_text().splitlines()
  except OSError:  # not Linux
    return platform.processor()
  names = (x.split(':', 1)[1].strip() for x in lines if 'model name' in x)
  return next(names, platform.processor())
