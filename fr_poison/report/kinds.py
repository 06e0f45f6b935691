"""Kinds of result records: what each may hold, checked when it is read.

A record is a dict, one JSON line, for every number that is reported. Rates,
intervals and `linf` are fractions in [0, 1], `psnr` is in dB. A kind is a
class, whose annotations say what a field may hold; a field with a default may
be missing, and a record may carry more.
"""

import dataclasses
import math
import numbers
import reprlib
from collections.abc import Callable
from typing import Any

from fr_poison.types import InputError

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


@dataclasses.dataclass(frozen=True)
class _Kind:
  """What a field may hold: in words, and as a test."""

  expected: str
  accepts: Callable[[Any], bool]

  def __or__(self, null):
    return _Kind(
      f'{self.expected} or null', lambda x: x is null or self.accepts(x)
    )


def _is_number(x, low=-math.inf, high=math.inf):
  is_real = isinstance(x, numbers.Real) and not isinstance(x, bool)
  return is_real and math.isfinite(x) and low <= x <= high


def _is_count(x, low=0):
  return isinstance(x, numbers.Integral) and _is_number(x, low)


def _is_interval(x):
  is_pair = _are_numbers(x, 0, 1) and len(x) == 2
  return is_pair and x[0] <= x[1]


def _are_numbers(x, low=-math.inf, high=math.inf):
  is_list = isinstance(x, (list, tuple))
  return is_list and all(_is_number(y, low, high) for y in x)


def _are_names(x, kinds=(list, tuple)):
  is_name = lambda y: isinstance(y, str) and bool(y.strip())
  return isinstance(x, kinds) and all(map(is_name, x))


def _is_curve(x):
  ends = (x.get('fpr'), x.get('tpr')) if isinstance(x, dict) else (0, 0)
  return all(map(_are_numbers, ends)) and len(ends[0]) == len(ends[1]) > 0


def _is_map(x):
  are_points = lambda y: (
    isinstance(y, list)
    and all(_are_numbers(point) and len(point) == 2 for point in y)
  )
  return isinstance(x, dict) and (
    _is_number(x.get('explained'))
    and all(x.get(name) and are_points(x[name]) for name in MAPPED)
  )


def _one_of(*names):
  return _Kind(f'one of {", ".join(names)}', lambda x: x in names)


_TEXT = _Kind('a text', lambda x: isinstance(x, str))
_NAME = _Kind('a name', lambda x: _are_names([x]))
_NAMES = _Kind('a list of names', _are_names)
_NAME_DICT = _Kind(
  'an object of names',
  lambda x: _are_names(x, dict) and _are_names([*x.values()]),
)
_NUMBER = _Kind('a finite number', _is_number)
_FRACTION = _Kind('a number in [0, 1]', lambda x: _is_number(x, 0, 1))
_INTERVAL = _Kind('[low, high] in [0, 1]', _is_interval)
_COUNT = _Kind('a positive integer', lambda x: _is_count(x, 1))
_WHOLE = _Kind('a non-negative integer', _is_count)
_SECONDS = _Kind('seconds', lambda x: _is_number(x, 0))
_ROWS = _Kind(
  'a list of [picture, reason]',
  lambda x: (
    isinstance(x, list) and all(_are_names(row) and len(row) == 2 for row in x)
  ),
)
_RATES = _Kind(
  'rates in [0, 1], that of 0.01 among them',
  lambda x: (
    isinstance(x, dict) and '0.01' in x and _are_numbers([*x.values()], 0, 1)
  ),
)
_CURVE = _Kind('an object of fpr and tpr, as many numbers each', _is_curve)
MAPPED = ('neighbours', 'clean', 'cloaked')  # points of an embedding map
_MAP = _Kind(f'an object of points: {", ".join(MAPPED)}', _is_map)
_CHECK = _Kind(
  'an object of num_people, real, model and difference',
  lambda x: (
    isinstance(x, dict)
    and _are_numbers(
      [x.get(k) for k in ('num_people', 'real', 'model', 'difference')]
    )
  ),
)


@dataclasses.dataclass(kw_only=True)
class _Run:
  """What every record of a cloak against a trainer's recognizer says."""

  attack: _one_of(*ATTACKS)
  surrogate: _NAMES
  network: _NAME
  recognizer: _one_of(*RECOGNIZERS)
  adversary: _NAME
  num_people: _COUNT
  config_hash: _NAME
  versions: _NAME_DICT
  device: _NAME
  control_of: _one_of(*CLOAKS) = None
  history: _NAME = None  # which one
  dataset: _NAME = None  # what a page says of the pictures, in words
  split: _NAME = None  # and of which were trained on, which tested on
  not_tested: _NAMES = None  # sentences
  warnings: _NAMES = None  # the same
  alignment: _NAME = None  # see FaceSet
  left_out: _ROWS = None


@dataclasses.dataclass(kw_only=True)
class Protection(_Run):
  """The rate of a protection, and the accuracy on everybody else."""

  epsilon: _FRACTION | None
  num_test_images: _COUNT
  protection_rate: _FRACTION
  protection_ci: _INTERVAL
  accuracy: _FRACTION
  accuracy_ci: _INTERVAL
  dssim: _NUMBER | None
  psnr: _NUMBER | None  # null also where no pixel differs: infinite
  linf: _FRACTION | None
  seed: _WHOLE
  wall_seconds: _SECONDS
  weights: _NAME_DICT
  noise_protection_rate: _FRACTION | None = None
  noise_protection_ci: _INTERVAL | None = None
  embedding_map: _MAP = None


@dataclasses.dataclass(kw_only=True)
class Distractors(Protection):
  """The same among strangers in the gallery."""

  num_distractors: _WHOLE
  distractors: _TEXT  # 'none', 'real' or 'model'
  check: _CHECK = None  # of the model


@dataclasses.dataclass(kw_only=True)
class Trainers(_Run):
  """What is left behind a detector or a purifier.

  A rate is null where there is nobody to take it of, as where nobody is
  enrolled.
  """

  protection_rate: _FRACTION | None
  protection_ci: _INTERVAL | None
  not_enrolled_rate: _FRACTION | None
  not_enrolled_ci: _INTERVAL | None
  error_rate: _FRACTION | None
  error_ci: _INTERVAL | None
  others_not_enrolled_rate: _FRACTION | None
  others_not_enrolled_ci: _INTERVAL | None
  epsilon: _FRACTION | None = None
  accuracy: _FRACTION | None = None
  accuracy_ci: _INTERVAL | None = None


@dataclasses.dataclass(kw_only=True)
class Detection:
  """How well a detector tells cloaked pictures from clean ones."""

  detector: _NAME
  features: _NAME
  train_attack: _NAME
  test_attack: _NAME
  epsilon: _NUMBER | None
  jpeg: _TEXT  # '' for pictures as they were saved
  auc: _FRACTION
  auc_ci: _INTERVAL
  average_precision: _FRACTION
  tpr_at_fpr: _RATES
  num_people: _COUNT
  surrogate: _NAMES = None
  roc: _CURVE = None


def of(record: dict) -> type:
  """Returns the class that a record must keep to.

  Raises:
    InputError: it is no object.
  """
  if not isinstance(record, dict):
    raise InputError(
      f'expected an object, got {type(record).__name__} {reprlib.repr(record)}'
    )
  if 'detector' in record:
    return Detection
  if 'not_enrolled_rate' in record:
    return Trainers
  return Distractors if 'num_distractors' in record else Protection


def validate(record: dict) -> None:
  """Refuses a record with a required field missing or of the wrong kind.

  Args:
    record: of any kind of this module; extra fields are left alone.

  Raises:
    InputError: naming the first field that is wrong.
  """
  expected = of(record)
  for field in dataclasses.fields(expected):
    if field.name not in record:
      if field.default is dataclasses.MISSING:
        raise InputError(f'{field.name}: missing')
    elif not field.type.accepts(record[field.name]):
      raise InputError(
        f'{field.name}: expected {field.type.expected}, got '
        f'{reprlib.repr(record[field.name])}'
      )
  if expected is not Detection:
    _check_attack(record)
  for name in ('protection_rate', 'accuracy', 'auc'):
    _check_inside(record, name, f'{name.removesuffix("_rate")}_ci')


def _check_attack(record):
  attack = record['attack']
  if attack != 'none':
    for name in ('surrogate', 'dssim', 'linf'):
      if record.get(name, 0) in (None, [], ()):
        raise InputError(f'{name}: missing, but the attack is {attack}')
  if attack == 'noise' and 'control_of' not in record:
    raise InputError('control_of: missing, but the attack is noise')


def _check_inside(record, name, ci):
  if record.get(name) is None or record.get(ci) is None:
    return
  low, high = record[ci]
  # A millionth for the rounding of an interval that ends at the rate itself.
  if not low - 1e-6 <= record[name] <= high + 1e-6:
    raise InputError(f'{ci}: {record[name]} is not in [{low}, {high}]')
