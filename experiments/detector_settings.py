"""The fields of a config of detect.py, checked before anything is loaded."""

import dataclasses
from collections.abc import Callable

import config_fields

from fr_poison import checks, extractors
from fr_poison.adversaries import purifying
from fr_poison.data import datasets, folder, squeeze
from fr_poison.detectors import (
  autoencoder,
  feature_space,
  residual_network,
  reverse_engineering,
  squeezing,
  statistics,
)
from fr_poison.evaluation import cloaks as cloaking
from fr_poison.training import Recipe
from fr_poison.types import InputError

# Settings that each kind of detector has, beside those of what makes it.
KINDS = {
  'statistics': (),
  'feature_space': ('features', 'training'),
  'autoencoder': (),
  'reverse_engineering': ('method', 'features'),
  'squeezing': ('features',),
}
_METHODS = {
  'residual': residual_network.fit,
  'consistency': reverse_engineering.consistency,
}
# What a trainer may clean pictures with besides a detector's knowledge.
FILTERS = {
  'jpeg': squeeze.make('jpeg', quality=50),
  'blur': squeeze.make('gaussian', sigma=1.5),
  'bits': squeeze.make('bit_depth', bits=4),
  'resize': purifying.resize(0.5),
}
_PURIFYING = ('autoencoder', 'reverse_engineering')


@dataclasses.dataclass(frozen=True)
class Settings:
  """See configs/detect.py for each field.

  Raises:
    InputError: a value that cannot be run, naming its field.
  """

  dataset: str
  num_people: checks.Count
  num_train: checks.Count
  num_validation: checks.Count
  num_targets: checks.CountOrZero
  surrogate: str
  attacks: dict[str, dict]
  unseen_attacks: dict[str, dict]
  epsilons: tuple[checks.Epsilon, ...]
  jpeg: tuple[tuple[int, str], ...]
  train_sets: tuple[tuple[str, ...], ...]
  evasion: dict
  detectors: dict[str, dict]
  false_positive_rate: checks.Between
  pipeline: dict
  input_size: dict[str, checks.Count]
  batch_size: checks.Count
  seed: checks.Seed
  person_level: str = 'first'

  @classmethod
  def from_config(cls, config: dict) -> 'Settings':
    """From a config's dict; a field that nobody reads is an error."""
    config_fields.check_fields(cls, config)
    return cls(**config)

  @property
  def num_tested(self) -> int:
    """People who are left to be tested."""
    used = self.num_train + self.num_validation + self.num_targets
    return self.num_people - used

  def __post_init__(self):
    """Checks every value."""
    check_known = config_fields.check_known
    check_known('dataset', self.dataset, datasets.NAMES)
    check_known('person_level', self.person_level, folder.PERSON_LEVELS)
    for field in ('attacks', 'unseen_attacks'):
      for name, settings in getattr(self, field).items():
        cloaking.make_attack(f'config.{field}.{name}', name, [], **settings)
    for name in self.surrogate.split('+'):
      check_known('surrogate', name, extractors.names())
    checks.check_fields(self, 'config.')
    if self.num_tested < 2:
      raise InputError(
        f'config.num_people: {self.num_people} leaves nobody to test on beside '
        f'{self.num_people - self.num_tested} for training, validation and '
        'targets'
      )
    for names in self.train_sets:
      for name in names or ('',):
        check_known('train_sets', name, self.attacks)
    for label, settings in self.detectors.items():
      _check_detector(label, settings)
    for quality, subsampling in self.jpeg:
      squeeze.make('jpeg', quality=quality, subsampling=subsampling)
    self._check_pipeline()
    if self.evasion:
      self._check_evasion()

  def _check_evasion(self):
    settings = dict(self.evasion)
    label = settings.pop('detector', None)
    config_fields.check_known('evasion.detector', label, self.detectors)
    chosen = self.detectors[label]
    if chosen['name'] != 'feature_space' or chosen.get('training'):
      raise InputError(
        f'config.evasion.detector: {label!r} is no frozen feature_space'
      )
    cloaking.make_attack('config.evasion', 'evading_pgd', [], **settings)

  def _check_pipeline(self):
    known = (
      *('network', 'filters', 'purifiers', 'purify_probes'),
      *('num_protected', 'num_splits'),
    )
    if wrong := sorted(self.pipeline.keys() ^ set(known)):
      raise InputError(f'config.pipeline.{wrong[0]}: fields: {list(known)}')
    config_fields.check_known(
      'pipeline.network', self.pipeline['network'], extractors.names()
    )
    for label in self.pipeline['filters']:
      config_fields.check_known('pipeline.filters', label, self.detectors)
    able = [n for n, d in self.detectors.items() if d['name'] in _PURIFYING]
    for name in self.pipeline['purifiers']:
      config_fields.check_known('pipeline.purifiers', name, (*FILTERS, *able))
    checks.whole('config.pipeline.num_splits', self.pipeline['num_splits'])
    number = self.pipeline['num_protected']
    checks.whole('config.pipeline.num_protected', number, 1, self.num_tested)


def _check_detector(label, settings):
  field, check_known = f'detectors.{label}', config_fields.check_known
  kind = settings.get('name')
  check_known(f'{field}.name', kind, KINDS)
  checks.whole(f'config.{field}.every', settings.get('every', 1))
  if kind == 'reverse_engineering':
    check_known(f'{field}.method', settings.get('method'), _METHODS)
  if 'features' in KINDS[kind] and settings.get('method') != 'residual':
    known = extractors.names()
    if kind == 'feature_space':
      known = (feature_space.ALEXNET, *known)
    check_known(f'{field}.features', settings.get('features'), known)
  if settings.get('training'):
    Recipe.from_config(settings['training'], f'{field}.training')
  if kind == 'autoencoder':
    chosen = settings.get('kind', 'plain')
    check_known(f'{field}.kind', chosen, autoencoder.KINDS)
  own = ('name', 'every', *KINDS[kind])
  rest = {key: value for key, value in settings.items() if key not in own}
  checks.check_settings(_maker(settings), rest, f'config.{field}.')


def _maker(settings) -> Callable:
  """The function that takes the rest of a detector's settings."""
  if settings['name'] == 'feature_space':
    tuned = settings.get('training')
    return feature_space.fine_tune if tuned else feature_space.fit
  return {
    'statistics': statistics.fit,
    'autoencoder': autoencoder.fit,
    'reverse_engineering': _METHODS.get(settings.get('method')),
    'squeezing': squeezing.make,
  }[settings['name']]
