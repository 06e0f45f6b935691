"""The fields of a config of study.py, checked before anything is loaded."""

import dataclasses

import config_fields
import detect_settings
import extractor_settings
import network_loader
import strangers
from settings import Settings

from fr_poison import checks
from fr_poison.types import InputError

_SHARED = (
  *('dataset', 'num_people', 'num_targets', 'input_size', 'batch_size'),
  *('seed', 'person_level'),
)


@dataclasses.dataclass(frozen=True)
class StudySettings:
  """See configs/study.py for each field.

  Attributes:
    grid: what evaluate.py takes, without networks that have no weights here.
    cells: patterns of those that are run.
    trained: settings of train_extractor.py, by label.
    detect: what detect.py takes; None for none.
    distractors: what distractors.py takes; None for none.
    num_distractors: of the latter.
    left_out: sentences, on what of the full grid is not run and why.
  """

  grid: Settings
  cells: tuple[str, ...]
  trained: dict[str, dict]
  detect: dict | None
  distractors: dict | None
  left_out: tuple[str, ...]

  @classmethod
  def from_config(cls, config: dict) -> 'StudySettings':
    """From a config's dict; a field that nobody reads is an error.

    Raises:
      InputError: naming the field.
    """
    config = dict(config)
    own = {}
    for name in ('cells', 'trained', 'detect', 'distractors', 'left_out'):
      if name not in config:
        raise InputError(f'config.{name}: missing')
      own[name] = config.pop(name)
    Settings.from_config(config)  # also of the networks that are not here
    here = tuple(filter(network_loader.is_here, config['networks']))
    absent = [n for n in config['networks'] if n not in here]
    left_out = tuple(own['left_out'])
    if absent:
      left_out += (
        f'Networks without weights here: {", ".join(absent)}; '
        'experiments/convert_weights.py makes them of the published files.',
      )
    grid = Settings.from_config(config | {'networks': here})
    for label, chosen in own['trained'].items():
      _check_trained(label, chosen, grid)
    return cls(
      grid,
      tuple(own['cells']),
      own['trained'],
      _detect(own['detect'], config) if own['detect'] else None,
      _distractors(own['distractors'], config) if own['distractors'] else None,
      left_out,
    )


def _check_trained(label, chosen, grid):
  try:
    settings = extractor_settings.Settings.from_config(chosen)
  except InputError as error:
    message = str(error).replace('config.', f'config.trained.{label}.', 1)
    raise InputError(message) from error
  number = settings.num_train_people + settings.num_eval_people
  if settings.dataset != grid.dataset or number > grid.num_public:
    raise InputError(
      f'config.trained.{label}: {number} people of {settings.dataset}, but '
      f'only {grid.num_public} of {grid.dataset} are public'
    )


def _detect(own, config):
  """The config of detect.py on the same people, with the same tools."""
  if config['align'] != 'none':
    raise InputError(
      f'config.detect: takes pictures as they are, but config.align is '
      f'{config["align"]}; None for no detectors'
    )
  attacks = config['attacks']
  for field in ('attacks', 'unseen_attacks'):
    for label in own.get(field, ()):
      config_fields.check_known(f'detect.{field}', label, attacks)
  for field in ('attacks', 'unseen_attacks', 'num_validation'):
    if field not in own:
      raise InputError(f'config.detect.{field}: missing')
  checks.whole('config.detect.num_validation', own['num_validation'])
  found = {name: config[name] for name in _SHARED} | own
  found |= {
    'num_train': config['num_public'] - own['num_validation'],
    'attacks': {label: attacks[label] for label in own['attacks']},
    'unseen_attacks': {n: attacks[n] for n in own['unseen_attacks']},
  }
  detect_settings.Settings.from_config(found)
  return found


def _distractors(own, config):
  """The config of distractors.py: the same people, 1-NN alone."""
  known = ('networks', 'surrogates', 'attacks', 'num_distractors')
  for name in own.keys() ^ set(known):
    raise InputError(f'config.distractors.{name}: fields: {list(known)}')
  for label in own['attacks']:
    config_fields.check_known('distractors.attacks', label, config['attacks'])
  kind = 'nearest_neighbor'
  found = config | own
  found |= {
    'attacks': {label: config['attacks'][label] for label in own['attacks']},
    'recognizers': {kind: config['recognizers'][kind]},
    'adversaries': {'oblivious': {}},
    'histories': {},
    'noise_control': False,
  }
  counts = tuple(found['num_distractors'])
  rest = {k: v for k, v in found.items() if k != 'num_distractors'}
  strangers.check_config(Settings.from_config(rest), counts)
  return found
