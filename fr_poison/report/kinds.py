"""Kinds of result records: what each may hold, checked when written or read.

A record is a dict, one JSON line, for every number that is reported. Rates,
intervals and `linf` are fractions in [0, 1], `psnr` is in dB. A kind is a
class, whose annotations say what a field may hold; a field with a default may
be missing, and a record may carry more.
"""

import dataclasses
import reprlib
import types
import typing
from typing import Annotated, Any, Literal

from fr_poison import checks
from fr_poison.checks import Range, Share
from fr_poison.types import InputError

Cloak = Literal[
  *('lowkey', 'fawkes', 'fawkes_v03', 'fawkes_v1'),
  *('pgd', 'eot_pgd', 'evading_pgd'),
  *('feature_shift', 'protected_set'),
  *('opom', 'chameleon', 'protego_planar', 'tip_im', 'diverse'),
  'history',  # several of them over the years
  'given',  # as files, made by whatever tool
]
# As evaluation names them, and their rates' fields begin on a cloak's record.
CONTROLS = {'spectrum': 'noise', 'envelope': 'envelope', 'another': 'another'}
RECOGNIZERS = ('nearest_neighbor', 'linear', 'end_to_end')
# As much as tables and figures bear.
_MOST, _LONGEST = 2**53, 4096
Count = Annotated[int, Range(1, _MOST, is_whole=True)]
CountOrZero = Annotated[int, Range(0, _MOST, is_whole=True)]
Number = Annotated[float, Range(-_MOST, _MOST)]
NotNegative = Annotated[float, Range(0, _MOST)]
Name = Annotated[str, 'not blank']
Interval = tuple[Share, Share]
State = Literal['clean', 'cloaked']
Points = list[tuple[Number, Number]]


@dataclasses.dataclass(kw_only=True)
class _Run:
  """What every record of a cloak against a trainer's recognizer says."""

  attack: Literal[Cloak, 'noise', 'none']
  surrogate: list[Name]
  network: Name
  recognizer: Literal[RECOGNIZERS]
  adversary: Name  # the trainer's name
  num_people: Count  # the protected ones, as num_protected
  config_hash: Name
  versions: dict[Name, Name]
  device: Name
  num_protected: Count = None
  num_gallery_people: Count = None  # whom the recognizer knows
  # Of the trainer's network to those that the cloak was made on.
  relation: Literal['white-box', 'same family', 'another family'] | None = None
  standard: Name = None  # the frozen list of people, see fr_poison.data
  standard_digest: Name = None
  tool: Name = None  # that made the cloaks, where they are given
  kind: Name = None  # of trainer, where the name does not begin with it
  recipe: Name = None  # the name of the recognizer's settings
  training_seeds: list[CountOrZero] = None  # of a network trained here
  over_seeds: list[Share] = None  # rates of the protection that were averaged
  control_of: Cloak = None
  control: Literal[*CONTROLS] = None  # which one of it; None: 'spectrum'
  saved: Name | None = None  # how, before it was scraped; None: as made
  history: Name = None  # which one
  # The attack's unit, and who is cloaked; a record without them is of 1A.
  group: Literal['picture', 'person'] = 'picture'
  gallery: State = 'cloaked'  # the protected person's pictures there
  probe: State = 'clean'  # of that person
  others: State = 'clean'  # other protected people's pictures in the gallery
  # After which move of a contest the trainer was trained, 0 is before any; and
  # after which the cloak was made.
  round: CountOrZero | None = None
  cloak_round: CountOrZero | None = None
  dataset: Name = None  # what a page says of the pictures, in words
  split: Name = None  # and of which were trained on, which tested on
  not_tested: list[Name] = None  # sentences
  warnings: list[Name] = None  # the same
  alignment: Name = None  # see FaceSet
  left_out: list[tuple[Name, Name]] = None  # pictures and reasons
  # Of the whole run, on its first record; None where some of it was there.
  run_seconds: NotNegative | None = None


@dataclasses.dataclass(kw_only=True)
class Map:
  """Points of an embedding map, and their share of the variance."""

  neighbours: Points
  clean: Points
  cloaked: Points
  explained: Number


@dataclasses.dataclass(kw_only=True)
class Protection(_Run):
  """The rate of a protection, and the accuracy on everybody else."""

  epsilon: Share | None
  num_test_images: Count
  protection_rate: Share
  protection_ci: Interval
  accuracy: Share
  accuracy_ci: Interval
  protection_icc: Share | None = None  # of `intervals.Interval`
  # Of protected people: label, wrong pictures, pictures.
  protection_counts: list[tuple[NotNegative, NotNegative, NotNegative]] = None
  dssim: Number | None
  psnr: Number | None  # null also where no pixel differs: infinite
  linf: Share | None
  seed: CountOrZero
  wall_seconds: NotNegative
  weights: dict[Name, Name]
  retrieval_recall: Share | None = None  # of the protected people's pictures
  retrieval_recall_ci: Interval | None = None
  noise_protection_rate: Share | None = None
  noise_protection_ci: Interval | None = None
  envelope_protection_rate: Share | None = None
  envelope_protection_ci: Interval | None = None
  another_protection_rate: Share | None = None
  another_protection_ci: Interval | None = None
  embedding_map: Map = None


@dataclasses.dataclass(kw_only=True)
class Check:
  """How far the nearest strangers are, and those of their model."""

  num_people: Number
  real: Number
  model: Number
  difference: Number


@dataclasses.dataclass(kw_only=True)
class Distractors(Protection):
  """The same among strangers in the gallery."""

  num_distractors: CountOrZero
  distractors: Literal['none', 'real', 'model']
  check: Check = None  # of the model


@dataclasses.dataclass(kw_only=True)
class Trainers(_Run):
  """What is left behind a detector or a purifier.

  A rate is null where there is nobody to take it of, as where nobody is
  enrolled.
  """

  protection_rate: Share | None
  protection_ci: Interval | None
  not_enrolled_rate: Share | None
  not_enrolled_ci: Interval | None
  error_rate: Share | None
  error_ci: Interval | None
  others_not_enrolled_rate: Share | None
  others_not_enrolled_ci: Interval | None
  epsilon: Share | None = None
  accuracy: Share | None = None
  accuracy_ci: Interval | None = None


@dataclasses.dataclass(kw_only=True)
class Curve:
  """A ROC curve, as many numbers each."""

  fpr: list[Share]
  tpr: list[Share]


@dataclasses.dataclass(kw_only=True)
class Detection:
  """How well a detector separates cloaked pictures from clean ones."""

  detector: Name
  features: Name
  train_attack: Name
  test_attack: Name
  epsilon: Number | None
  jpeg: str  # '' for pictures as they were saved
  processing: str = ''  # what else was done to clean and cloaked pictures
  auc: Share
  auc_ci: Interval
  average_precision: Share
  tpr_at_fpr: dict[Name, Share]
  num_people: Count
  surrogate: list[Name] = None
  roc: Curve = None
  standard: Name = None  # as above
  standard_digest: Name = None
  run_seconds: NotNegative | None = None  # as above
  threshold: Number = None
  threshold_from: Name = None  # whose clean pictures
  threshold_folds: list[Number] = None  # of each fold of these people alone
  # By the threshold, and by the classifier's own decision where there is one.
  precision: Share | None = None
  precision_ci: Interval | None = None
  recall: Share | None = None
  recall_ci: Interval | None = None
  argmax_precision: Share | None = None
  argmax_precision_ci: Interval | None = None
  argmax_recall: Share | None = None
  argmax_recall_ci: Interval | None = None
  # By what was done to clean pictures, each with its interval.
  false_positive_rates: dict[Name, Share] = None
  false_positive_rates_ci: dict[Name, Interval] = None


@dataclasses.dataclass(kw_only=True)
class Verification:
  """How well a network knows whether two pictures show one person."""

  network: Name
  input_size: Count
  num_pairs: Count
  num_folds: Count
  accuracy: Share
  accuracy_ci: Interval
  accuracy_std: NotNegative  # of the folds
  tar_at_far: dict[Name, Share]
  roc: Curve  # true against false accepts
  dataset: Name
  alignment: Name  # see FaceSet
  assumed: list[tuple[Name, Name]]  # pictures without a face, and reasons
  wall_seconds: NotNegative
  run_seconds: NotNegative | None = None  # as above
  weights: dict[Name, Name]
  config_hash: Name
  versions: dict[Name, Name]
  device: Name
  pairs: dict[Name, Name] = None  # the lists and their SHA-256
  # Left, top, width and height of what it was shown of the frame.
  crop: tuple[Number, Number, Number, Number] = None


# Where on the curve, at least.
_REPORTED = {
  Detection: ('tpr_at_fpr', '0.01'),
  Verification: ('tar_at_far', '0.001'),
}


def of(record: dict) -> type:
  """Returns the class that a record has to keep to."""
  if 'tar_at_far' in record:
    return Verification
  if 'detector' in record:
    return Detection
  if 'not_enrolled_rate' in record:
    return Trainers
  return Distractors if 'num_distractors' in record else Protection


def validate(record: dict) -> None:
  """Refuses a record with a required field missing or of the wrong kind.

  Raises:
    InputError: it is no object, or naming the first field that is wrong.
  """
  _expect('record', 'an object', record, isinstance(record, dict))
  kind = of(record)
  _check_fields('', kind, record)
  attack = record.get('attack', 'none')
  for name in () if attack == 'none' else ('surrogate', 'dssim', 'linf'):
    if record.get(name, 0) in (None, [], ()):
      raise InputError(f'{name}: missing, but the attack is {attack}')
  if attack == 'noise' and 'control_of' not in record:
    raise InputError('control_of: missing, but the attack is noise')
  for field in dataclasses.fields(kind):
    if field.name.endswith('_ci'):
      _check_interval(field.name, record)
  if kind in _REPORTED:
    name, rate = _REPORTED[kind]
    if rate not in record[name]:
      raise InputError(f'{name}: that of {rate} is missing')
    roc = record.get('roc', {'fpr': [], 'tpr': []})
    if len(roc['fpr']) != len(roc['tpr']):
      raise InputError('roc: as many numbers of fpr as of tpr expected')


def _check_fields(prefix, kind, record):
  for field in dataclasses.fields(kind):
    name = prefix + field.name
    if field.name in record:
      _check(name, field.type, record[field.name])
    elif field.default is dataclasses.MISSING:
      raise InputError(f'{name}: missing')


def _check(name: str, kind: Any, value: Any) -> None:
  """Refuses what is not of an annotation's kind."""
  origin, args = typing.get_origin(kind), typing.get_args(kind)
  if checks.ranges(kind) and origin is Annotated:
    checks.ranges(kind)[0].check(name, value)
  elif origin is types.UnionType or origin is typing.Union:
    if value is not None:
      _check(name, args[0], value)
  elif origin is Literal:
    _expect(name, f'one of {", ".join(args)}', value, value in args)
  elif origin in (list, tuple):
    _expect(name, 'a list', value, isinstance(value, (list, tuple)))
    if origin is tuple:
      _expect(name, f'{len(args)} values', value, len(value) == len(args))
    if kind in (list[Number], list[Share], Points):
      _expect(name, 'a number or more', value, len(value) > 0)
    for each in value:
      _check(name, args[0], each)
  elif origin is dict:
    _expect(name, 'an object', value, isinstance(value, dict))
    for key, each in value.items():
      _check(name, args[0], key)
      _check(name, args[1], each)
  elif dataclasses.is_dataclass(kind):
    _expect(name, 'an object', value, isinstance(value, dict))
    _check_fields(f'{name}.', kind, value)
  else:
    is_name = isinstance(value, str) and (kind is str or value.strip())
    _expect(name, 'a text' if kind is str else 'a name', value, is_name)
    if len(value) > _LONGEST:
      raise InputError(f'{name}: longer than {_LONGEST} characters')


def _check_interval(name, record):
  share = name.removesuffix('_ci')
  rate, ends = record.get(f'{share}_rate', record.get(share)), record.get(name)
  if isinstance(ends, dict):
    _expect(
      share, f'rates of {[*ends]}', rate, (rate or {}).keys() == ends.keys()
    )
    for kind in ends:
      _check_ends(f'{name}.{kind}', rate[kind], ends[kind])
  elif ends is not None:
    _check_ends(name, rate, ends)
  elif rate is not None:
    raise InputError(f'{name}: missing')


def _check_ends(name, rate, ends):
  low, high = ends
  rate = low if rate is None else rate
  # A millionth for the rounding of an interval that ends at the rate itself.
  if low > high or not low - 1e-6 <= rate <= high + 1e-6:
    raise InputError(f'{name}: {rate} is not in [{low}, {high}]')


def _expect(name, expected, value, holds):
  if not holds:
    raise InputError(f'{name}: expected {expected}, got {_shown(value)}')


def _shown(value):
  return f'{type(value).__name__} {reprlib.repr(value)}'
