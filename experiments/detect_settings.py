"""The fields of a config of detect.py, checked before anything is loaded."""

import dataclasses
import functools

import config_fields

from fr_poison import checks, detectors, extractors
from fr_poison.adversaries import purifying
from fr_poison.data import squeeze
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
_PURIFYING = ('autoencoder', 'reverse_engineering')
_PIPELINE = (
  *('network', 'filters', 'purifiers', 'purify_probes'),
  *('num_protected', 'num_splits'),
)


@dataclasses.dataclass(frozen=True)
class Settings(config_fields.Fields):
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
  align: str = 'auto'
  min_pictures: config_fields.MinPictures = 2

  @functools.cached_property
  def recipes(self) -> dict[str, detectors.Recipe]:
    """Makes the recipe of every detector, by label."""
    found = {}
    for label, chosen in self.detectors.items():
      field = f'config.detectors.{label}'
      own = {k: v for k, v in chosen.items() if k not in ('name', 'every')}
      checks.whole(f'{field}.every', self.every(label))
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

  @property
  def members(self) -> list[str]:
    """Lists the networks of the surrogate."""
    return self.surrogate.split('+')

  def __post_init__(self):
    """Checks every value."""
    known = config_fields.check_known
    self.check_source()
    for field in ('attacks', 'unseen_attacks'):
      for name, settings in getattr(self, field).items():
        make_attack(f'config.{field}.{name}', name, [], **settings)
    for name in self.members:
      known('surrogate', name, extractors.names())
    used = self.num_train + self.num_validation + self.num_targets
    if self.num_people - used < 2:
      raise InputError(
        f'config.num_people: {self.num_people} leaves nobody to test on beside '
        f'{used} for training, validation and targets'
      )
    for names in self.train_sets:
      for name in names or ('',):
        known('train_sets', name, self.attacks)
    for quality, subsampling in self.jpeg:
      squeeze.make('jpeg', quality=quality, subsampling=subsampling)
    recipes, pipeline = self.recipes, self.pipeline
    if wrong := sorted(pipeline.keys() ^ set(_PIPELINE)):
      raise InputError(f'config.pipeline.{wrong[0]}: fields: {list(_PIPELINE)}')
    known('pipeline.network', pipeline['network'], extractors.names())
    for label in pipeline['filters']:
      known('pipeline.filters', label, recipes)
    able = [n for n, d in self.detectors.items() if d['name'] in _PURIFYING]
    for name in pipeline['purifiers']:
      known('pipeline.purifiers', name, (*FILTERS, *able))
    checks.whole('config.pipeline.num_splits', pipeline['num_splits'])
    number = pipeline['num_protected'], 1, self.num_people - used
    checks.whole('config.pipeline.num_protected', *number)
    if self.evasion:
      settings = dict(self.evasion)
      label = settings.pop('detector', None)
      known('evasion.detector', label, recipes)
      if not isinstance(recipes[label], feature_space.FeatureSpace):
        raise InputError(
          f'config.evasion.detector: {label!r} is no frozen feature_space'
        )
      make_attack('config.evasion', 'evading_pgd', [], **settings)
