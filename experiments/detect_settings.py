"""The fields of a config of detect.py, checked before anything is loaded."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Annotated

import config_fields

from fr_poison import checks, detectors, extractors
from fr_poison.adversaries import purifying
from fr_poison.data import file_names, squeeze
from fr_poison.detectors import feature_space
from fr_poison.evaluation.cloaks import make_attack
from fr_poison.types import InputError

# What a trainer may clean pictures with besides a detector's knowledge.
FILTERS = {
  'jpeg': squeeze.make('jpeg', quality=50),
  'blur': squeeze.make('gaussian', sigma=1.5),
  'bits': squeeze.make('bit_depth', bits=4),
  'resize': purifying.resize(0.5),
}
# Of a detector's entry, beside the settings of its recipe.
_OURS = ('name', 'every', 'folds', 'changed')
_PURIFYING = ('autoencoder', 'reverse_engineering')
_PIPELINE = (
  *('networks', 'filters', 'purifiers', 'purify_probes'),
  *('num_protected', 'num_splits', 'num_distractors'),
)


def threshold_name(label: str, attacks: Sequence[str]) -> str:
  """Names the file of a detector's threshold, by what it learned from."""
  return f'{label}-{"+".join(attacks)}.json'


@dataclasses.dataclass(frozen=True)
class Settings(config_fields.Fields):
  """See configs/detect.py for each field.

  Raises:
    InputError: a value that cannot be run, naming its field.
  """

  dataset: str
  num_people: checks.Count | None  # None: all that there are
  num_public: checks.Count
  num_folds: Annotated[int, checks.Range(2, is_whole=True)]
  num_targets: checks.CountOrZero
  surrogate: str
  attacks: dict[str, dict]
  unseen_attacks: dict[str, dict]
  epsilons: tuple[checks.Epsilon, ...]
  processing: dict[str, tuple]
  train_sets: tuple[tuple[str, ...], ...]
  evasion: dict
  detectors: dict[str, dict]
  false_positive_rate: checks.Between
  pipeline: dict
  input_size: dict[str, checks.Count]
  batch_size: checks.Count
  seed: checks.Seed
  person_level: str = 'first'
  align: str = 'auto'
  min_pictures: config_fields.MinPictures = 2
  standard: str = ''  # a frozen list of people
  protect: str = 'test'  # or 'tuning': those who cloak, and are tested

  @functools.cached_property
  def recipes(self) -> dict[str, detectors.Recipe]:
    """Makes the recipe of every detector, by label."""
    found = {}
    for label, chosen in self.detectors.items():
      field = f'config.detectors.{label}'
      own = {k: v for k, v in chosen.items() if k not in _OURS}
      checks.whole(f'{field}.every', self.every(label))
      checks.whole(f'{field}.folds', self.folds(label), 2, self.num_public)
      if not isinstance(self.is_changed(label), bool):
        raise InputError(f'{field}.changed: expected True or False')
      try:
        found[label] = detectors.recipe(chosen.get('name'), **own)
      except InputError as error:
        raise InputError(f'{field}.{error}') from error
    return found

  @property
  def trainings(self) -> list[tuple[str, tuple[str, ...]]]:
    """Lists each detector's label with each set of attacks it learns from."""
    return [
      (label, tuple(attacks))
      for label, recipe in self.recipes.items()
      for attacks in self.train_sets[: None if recipe.learns_from_cloaks else 1]
    ]

  def every(self, label: str) -> int:
    """Says of how many pictures a detector is judged on one."""
    return self.detectors[label].get('every', 1)

  def folds(self, label: str) -> int:
    """Says by how many folds a detector's threshold is found."""
    return self.detectors[label].get('folds', self.num_folds)

  def is_changed(self, label: str) -> bool:
    """Says whether a detector is judged on changed pictures, too."""
    return self.detectors[label].get('changed', True)

  @property
  def members(self) -> list[str]:
    """Lists the networks of the surrogate."""
    return self.surrogate.split('+')

  def check_protected(self, num_tested: float) -> None:
    """Refuses to protect more people than are tested."""
    number = self.pipeline['num_protected']
    checks.whole('config.pipeline.num_protected', number, 1, num_tested)

  def __post_init__(self):
    """Checks every value."""
    known = config_fields.check_known
    self.check_source()
    self.check_standard()
    for field in ('attacks', 'unseen_attacks'):
      for name, settings in getattr(self, field).items():
        make_attack(f'config.{field}.{name}', name, [], **settings)
    for name in self.members:
      known('surrogate', name, extractors.names())
    checks.whole('config.num_folds', self.num_folds, 2, self.num_public)
    used = self.num_public + self.num_targets
    if (self.num_people or math.inf) - used < 2:
      raise InputError(
        f'config.num_people: {self.num_people} leaves nobody to test on beside '
        f'{used} public people and targets'
      )
    for names in self.train_sets:
      for name in names or ('',):
        known('train_sets', name, self.attacks)
    for label, filters in self.processing.items():
      try:
        squeeze.chain(filters)
      except (InputError, TypeError) as error:
        raise InputError(f'config.processing.{label}: {error}') from error
    names = [threshold_name(*training) for training in self.trainings]
    field = 'config.train_sets, files of thresholds'
    file_names.check_apart(field, names)
    recipes, pipeline = self.recipes, self.pipeline
    if wrong := sorted(pipeline.keys() ^ set(_PIPELINE)):
      raise InputError(f'config.pipeline.{wrong[0]}: fields: {list(_PIPELINE)}')
    for name in pipeline['networks'] or ('',):
      known('pipeline.networks', name, extractors.names())
    for label in pipeline['filters']:
      known('pipeline.filters', label, recipes)
    able = [n for n, d in self.detectors.items() if d['name'] in _PURIFYING]
    for name in pipeline['purifiers']:
      known('pipeline.purifiers', name, (*FILTERS, *able))
    for name, least in (('num_splits', 1), ('num_distractors', 0)):
      checks.whole(f'config.pipeline.{name}', pipeline[name], least)
    self.check_protected((self.num_people or math.inf) - used)
    if self.evasion:
      settings = dict(self.evasion)
      label = settings.pop('detector', None)
      known('evasion.detector', label, recipes)
      if not isinstance(recipes[label], feature_space.FeatureSpace):
        raise InputError(
          f'config.evasion.detector: {label!r} is no frozen feature_space'
        )
      make_attack('config.evasion', 'evading_pgd', [], **settings)
