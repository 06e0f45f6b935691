"""The fields of a config of evaluate.py, checked before anything is loaded."""

import contextlib
import dataclasses
import math
from collections.abc import Iterable

import config_fields
import trained_surrogates

from fr_poison import checks, evaluation, extractors
from fr_poison.adversaries import adversarial_training, history, puface
from fr_poison.data import squeeze
from fr_poison.evaluation import cloaks as cloaking
from fr_poison.evaluation import learning
from fr_poison.recognizers import end_to_end, tracking
from fr_poison.training import Recipe
from fr_poison.types import InputError

# Where the config does not say how many.
_MOST_PROTECTED, _MOST_TARGETS = 10, 10
_MOST_SEEDS = 100


@dataclasses.dataclass(frozen=True)
class Settings(config_fields.Fields):
  """See configs/orl.py and configs/adaptive.py for each field.

  Raises:
    InputError: a value that cannot be run, naming its field. Nothing has
      been loaded or compiled by then.
  """

  dataset: str
  align: str
  strict: bool
  num_people: checks.Count | None  # None until the data set was read: all
  num_public: checks.CountOrZero
  # None likewise: a quarter, 10 at most, if needed.
  num_targets: checks.CountOrZero | None
  # None likewise: half of the others, 10 at most.
  num_protected: checks.Count | None
  test_fraction: checks.Between
  num_splits: checks.Count
  networks: tuple[str, ...]
  input_size: dict[str, checks.Count]
  surrogates: tuple[str, ...]
  attacks: dict[str, dict]
  histories: dict[str, dict]
  noise_control: bool
  recognizers: dict[str, dict]
  adversaries: dict[str, dict]
  extractor: dict
  batch_size: checks.Count
  seed: checks.Seed
  person_level: str = 'first'
  min_pictures: config_fields.MinPictures = 2
  standard: str = ''  # a frozen list of people; the numbers above are its own
  protect: str = 'test'  # or 'tuning': those on whom recipes are chosen
  controls: tuple[str, ...] = evaluation.CONTROLS
  saved: dict[str, tuple] = dataclasses.field(default_factory=dict)
  cells: tuple[str, ...] = ('1A',)  # whose pictures are cloaked
  others: str = 'clean'  # other protected people's in the gallery
  retrieval: bool = False

  @property
  def num_evaluated(self) -> float:
    """People among whom the protected ones are drawn; inf: not known yet."""
    number = self.num_people
    if number is None:
      return math.inf
    return number - self.num_public - self._num_targets(number)

  @property
  def trainers_networks(self) -> list[str]:
    """All that an answer is given for."""
    names = list(members(self.networks))
    for adversary in self.adversaries.values():
      names += adversary.get('networks', ())
    return list(dict.fromkeys(names))

  @property
  def cloaks_probes(self) -> bool:
    """Whether some cell has cloaked probes."""
    cells = (evaluation.CELLS[name] for name in self.cells)
    return any(cell.probe == 'cloaked' for cell in cells)

  def for_people(self, number: int) -> 'Settings':
    """These settings with so many people in all, and of each group.

    Raises:
      InputError: that is too few.
    """
    targets = self._num_targets(number)
    protected = self.num_protected
    if protected is None:
      half = max((number - self.num_public - targets) // 2, 1)
      protected = min(half, _MOST_PROTECTED)
    return dataclasses.replace(
      self, num_people=number, num_targets=targets, num_protected=protected
    )

  def _num_targets(self, number):
    """Of so many people those set aside, to be looked like."""
    if self.standard:
      return 0
    if self.num_targets is not None:
      return self.num_targets
    attacks = self.attacks.items() if self.surrogates else ()
    is_needed = any(cloaking.is_targeted(*attack) for attack in attacks)
    if self.num_public or not is_needed or number < 3:
      return 0
    return min(max(number // 4, 1), _MOST_TARGETS)

  def __post_init__(self):
    """Checks every value."""
    check_known = config_fields.check_known
    self.check_source()
    self.check_standard()
    for name, settings in self.attacks.items():
      cloaking.make_attack(f'config.attacks.{name}', name, [], **settings)
      self._check_has_targets(name, settings)
    known = extractors.names()
    config_fields.check_networks('networks', members(self.networks), known)
    known += (*trained_surrogates.names(self.adversaries),)
    config_fields.check_networks('surrogates', members(self.surrogates), known)
    self._check_numbers()
    for name in self.controls:
      check_known('controls', name, evaluation.CONTROLS)
    for label, filters in self.saved.items():
      with _naming(f'saved.{label}: '):
        squeeze.chain(filters)
    for name in self.cells or ('',):
      check_known('cells', name, evaluation.CELLS)
    check_known('others', self.others, ('clean', 'cloaked'))
    self._check_recognizers()
    self._check_adversaries()
    for name, shares in self.histories.items():
      for version in shares:
        known = (history.CLEAN, *self.attacks)
        check_known(f'histories.{name}', version, known)
      with _naming(f'histories.{name}: '):
        history.check_shares(shares)
    if unknown := sorted(self.extractor.keys() - {'checkpoint'}):
      raise InputError(f'config.extractor.{unknown[0]}: unknown')

  def _check_has_targets(self, label, settings):
    if not self.surrogates or self.num_people is None:
      return
    outside = self.num_public or self._num_targets(self.num_people)
    if cloaking.is_targeted(label, settings) and not outside:
      raise InputError(
        'config.num_targets: 0, and config.num_public: 0, but '
        f'config.attacks.{label} takes its targets from people outside the '
        'evaluation; give one of the two'
      )

  def _check_numbers(self):
    known = self.num_people is not None
    # Those of a standard are no part of the people evaluated.
    if known and not self.standard and 2 * self.num_public > self.num_people:
      raise InputError(
        f'config.num_public: {self.num_public} of {self.num_people} people; '
        'the paper lets at most half of them be public'
      )
    # One at a time, so that all of them may be.
    if not (self.num_protected or 1) <= self.num_evaluated > 1:
      raise InputError(
        f'config.num_protected: {self.num_protected} of {self.num_evaluated} '
        'people; one is known from the others, so two or more are needed'
      )

  def _check_recognizers(self):
    kinds = evaluation.RECOGNIZERS
    config_fields.check_kinds('recognizers', self.recognizers, kinds)
    config_fields.check_names('recognizers', self.recognizers)
    for entry in config_fields.entries(self.recognizers, kinds):
      _check_recognizer(*entry, self.num_evaluated)

  def _check_adversaries(self):
    config_fields.check_kinds('adversaries', self.adversaries, _FIELDS)
    names = []
    for label, kind, settings in config_fields.entries(
      self.adversaries, _FIELDS
    ):
      self._check_adversary(label, kind, settings)
      filters = settings.get('filters', {})
      own = [f'{label} {name}' for name in filters] or [label]
      names += own if kind != 'oblivious' else []
    trained_surrogates.in_order(self.adversaries, self.surrogates)
    # Those who wait are called by what cloaks were made on.
    waiting = 'baseline', 'oblivious'
    config_fields.check_names('adversaries', names, waiting)

  def _check_adversary(self, label, kind, settings):
    field, known = f'adversaries.{label}', _FIELDS[kind]
    for key in settings:
      config_fields.check_known(f'{field}, field', key, known)
    if missing := [k for k in known if k not in (*settings, *_OPTIONAL)]:
      raise InputError(f'config.{field}.{missing[0]}: missing')
    config_fields.check_networks(
      f'{field}.networks', settings.get('networks', ()), extractors.names()
    )
    for key, names in (
      ('attacks', self.attacks),
      ('surrogates', self.surrogates),
    ):
      for value in settings.get(key, ()):
        config_fields.check_known(f'{field}.{key}', value, names)
    if kind in (*learning.TRAINED, 'puface'):
      config_fields.check_least('num_public', self.num_public, 2)
      number = settings.get('training_seeds', 1)
      checks.whole(f'config.{field}.training_seeds', number, 1, _MOST_SEEDS)
      checks.whole(f'config.{field}.round', settings.get('round', 1))
      read = puface.recipe if kind == 'puface' else Recipe.from_config
      recipe = read(settings['training'], f'{field}.training')
      for one in learning.retrainings(settings).values():
        read(one['training'], f'{field}.training')
      if kind == 'puface':
        with _naming(f'{field}.'):
          learning.puface_of(settings)
      if kind == 'adversarial_training':
        _check_attack_in_loop(f'{field}.', settings, recipe)
    if kind == 'dyntracker':
      self._check_tracker(field, settings)
    for name, filters in settings.get('filters', {}).items():
      with _naming(f'{field}.filters.{name}: '):
        squeeze.chain(filters)
    if 'robust' in known:
      self._check_combination(field, settings)

  def _check_tracker(self, field, settings):
    is_set, is_oracle = 'false_rate' in settings, settings['oracle']
    if not isinstance(is_oracle, bool):
      raise InputError(
        f'config.{field}.oracle: {is_oracle!r:.80}; True or False expected'
      )
    if is_set == is_oracle:
      state = 'given for an oracle' if is_set else 'missing'
      raise InputError(f'config.{field}.false_rate: {state}')
    if is_set:
      config_fields.check_least('num_public', self.num_public, 2)
      own = {'false_rate': settings['false_rate']}
      checks.check_settings(tracking.calibrate, own, f'config.{field}.')

  def _check_combination(self, field, settings):
    # Its trainer is there only if they wait; pixels are not fine-tuned.
    waits = config_fields.entries(self.adversaries, ('oblivious',))
    waits = self.networks if waits else ()
    able = [name for name in waits if name != extractors.PIXELS]
    config_fields.check_known(f'{field}.accurate', settings['accurate'], able)
    if 'quantile' in settings:  # of distances
      kinds = [s.get('kind', label) for label, s in self.recognizers.items()]
      config_fields.check_known('recognizers', 'nearest_neighbor', kinds)
      checks.number(
        f'config.{field}.quantile', settings['quantile'], 0, 1, ends='()'
      )
    trained = config_fields.entries(self.adversaries, learning.TRAINED)
    labels = [label for label, _, _ in trained]
    config_fields.check_known(f'{field}.robust', settings['robust'], labels)


_FIELDS = {  # of adversaries, by kind
  'oblivious': (),
  # surrogates: that they cloak for themselves; all of the config if left out.
  # training_seeds: so many networks, each from a training seed of its own.
  # round: of a contest, see contest.py.
  'adaptive': (
    *('networks', 'attacks', 'surrogates'),
    *('training', 'training_seeds', 'round'),
  ),
  'adversarial_training': (
    *('networks', 'attack', 'share'),
    *('training', 'training_seeds'),
  ),
  'puface': (
    *('networks', 'attacks', 'surrogates'),
    *('training', 'training_seeds', 'round'),
    *('amplification', 'feature_weight', 'channels', 'depth'),
  ),
  # false_rate: of the honest form, see tracking.calibrate.
  'dyntracker': ('networks', 'oracle', 'false_rate'),
  'squeezing': ('networks', 'filters'),
  'top2': ('accurate', 'robust'),
  'threshold': ('accurate', 'robust', 'quantile'),
}
_OPTIONAL = (
  *('surrogates', 'training_seeds', 'round'),
  *('amplification', 'feature_weight', 'channels', 'depth', 'false_rate'),
)


def members(names: Iterable[str]) -> list[str]:
  """The networks named, those of an ensemble 'a+b' one by one."""
  return [member for name in names for member in name.split('+')]


@contextlib.contextmanager
def _naming(place):
  """What cannot be built is refused with its place in the config."""
  try:
    yield
  except (InputError, TypeError) as error:
    raise InputError(f'config.{place}{error}') from error


def _check_attack_in_loop(field, settings, recipe):
  with _naming(f'{field}attack: '):
    adversarial_training.make_attack(
      None, recipe.make_head(), **settings['attack']
    )
  with _naming(field):
    adversarial_training.wrap_with_attack(None, None, settings['share'])


def _check_recognizer(label, kind, settings, num_people):
  field = f'recognizers.{label}'
  for name in ('num_splits', 'num_seeds'):
    checks.whole(f'config.{field}.{name}', settings.get(name, 1))
  checks.whole(f'config.{field}.top_k', settings.get('top_k', 1), 1, num_people)
  shared = ('num_splits', 'num_seeds', 'top_k')
  own = {k: v for k, v in settings.items() if k not in shared}
  if kind != 'end_to_end':
    fit = evaluation.RECOGNIZERS[kind].fit
    checks.check_settings(fit, own, f'config.{field}.')
    return
  if 'training' not in settings:
    raise InputError(f'config.{field}.training: missing')
  for key in own:
    config_fields.check_known(
      f'{field}, field', key, ('public', 'start_head', 'training')
    )
  recipe = Recipe.from_config(settings['training'], f'{field}.training')
  with _naming(f'{field}.'):
    end_to_end.check_start_head(settings.get('start_head', 'random'), recipe)
