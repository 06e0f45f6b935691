import copy
import runpy

import pytest
from configs import detect_lfw
from detect_settings import Settings

from fr_poison.types import InputError


@pytest.fixture
def config(root):
  path = root / 'experiments' / 'configs' / 'detect.py'
  return runpy.run_path(str(path))['get_config']().to_dict()


def test_the_shipped_config_is_right(config):
  settings = Settings.from_config(config)
  assert settings.num_public < settings.num_people


@pytest.mark.parametrize(
  'field, value, message',
  [
    ('num_public', 39, 'config.num_people: 40 leaves nobody'),
    ('num_public', 0, 'config.num_public: 0; a whole'),
    ('num_folds', 1, 'config.num_folds: 1; a whole'),
    ('num_folds', 21, 'config.num_folds: 21; a whole number from 2 to 20'),
    ('surrogate', 'arcnet', "config.surrogate: 'arcnet'"),
    ('train_sets', (('pgd',),), "config.train_sets: 'pgd'"),
    ('train_sets', ((),), "config.train_sets: ''"),
    ('false_positive_rate', 0.0, 'config.false_positive_rate: 0.0'),
    (
      'processing',
      {'x': ({'name': 'jpeg', 'quality': 0},)},
      'config.processing.x: quality: 0',
    ),
    ('processing', {'x': ({'quality': 75},)}, 'config.processing.x: .*name'),
    ('standard', 'lfw-0', "config.standard: 'lfw-0'"),
    ('standard', 'fr_poison-lfw-1', "config.dataset: 'orl'"),
    ('protect', 'tuning', 'config.protect: there is no config.standard'),
    ('momentum', 1, 'config.momentum: unknown'),
  ],
)
def test_wrong_values_are_named(config, field, value, message):
  with pytest.raises(InputError, match=message):
    Settings.from_config(config | {field: value})


@pytest.mark.parametrize(
  'detector, message',
  [
    ({'name': 'nose'}, "detectors.x.name: 'nose'"),
    (
      {'name': 'statistics', 'c': 1},
      "detectors.x.setting: 'c' is unknown; known: C",
    ),
    ({'name': 'statistics', 'every': 0}, 'detectors.x.every: 0; a whole'),
    ({'name': 'statistics', 'folds': 1}, 'detectors.x.folds: 1; a whole'),
    ({'name': 'statistics', 'folds': 21}, 'detectors.x.folds: 21; a whole'),
    ({'name': 'statistics', 'changed': 'no'}, 'detectors.x.changed: expected'),
    ({'name': 'statistics', 'features': 'alexnet'}, "x.setting: 'features'"),
    (
      {
        'name': 'feature_space',
        'features': 'alexnet',
        'C': 1.0,
        'training': {'num_epochs': 1},
      },
      "detectors.x.setting: 'C'",
    ),
    (
      {'name': 'reverse_engineering', 'method': 'residual', 'num_steps': 3},
      "detectors.x.setting: 'num_steps'",
    ),
    (
      {'name': 'feature_space', 'features': 'arcnet'},
      "detectors.x.features: 'arcnet'",
    ),
    ({'name': 'squeezing', 'features': 'alexnets'}, 'detectors.x.features'),
    (
      {'name': 'reverse_engineering', 'method': 'guessing'},
      "detectors.x.method: 'guessing'",
    ),
    (
      {
        'name': 'feature_space',
        'features': 'alexnet',
        'training': {'num_epochs': 0},
      },
      'detectors.x.training.*num_epochs: 0',
    ),
  ],
)
def test_wrong_detectors_are_named(config, detector, message):
  wrong = copy.deepcopy(config)
  wrong['detectors']['x'] = detector
  with pytest.raises(InputError, match=message):
    Settings.from_config(wrong)


@pytest.mark.parametrize('label', ['statistics', 'alexnet tuned', 'nobody'])
def test_only_a_frozen_network_can_be_evaded(config, label):
  wrong = copy.deepcopy(config)
  wrong['evasion']['detector'] = label
  with pytest.raises(InputError, match='config.evasion.detector: '):
    Settings.from_config(wrong)


def test_every_threshold_has_a_file_of_its_own(config):
  wrong = copy.deepcopy(config)
  wrong['detectors']['X'] = wrong['detectors']['x'] = {'name': 'statistics'}
  with pytest.raises(InputError, match="'x-.* and 'X-.* would be one file"):
    Settings.from_config(wrong)
  wrong = copy.deepcopy(config)
  wrong['detectors']['a/b'] = {'name': 'statistics'}
  with pytest.raises(InputError, match="'a/b-.*' is no name of a file"):
    Settings.from_config(wrong)


def test_who_learns_no_cloak_is_trained_once(config):
  trainings = Settings.from_config(config).trainings
  counts = {label: 0 for label in config['detectors']}
  for label, attacks in trainings:
    counts[label] += 1
    assert counts[label] > 1 or attacks == ('lowkey', 'fawkes')
  once = {label for label, count in counts.items() if count == 1}
  assert once == {'squeezing', 'autoencoder', 'variational', 'consistency'}
  assert set(counts.values()) == {1, 3}


def test_what_a_detector_has_of_its_own(config):
  settings = Settings.from_config(config)
  assert (settings.folds('vgg16'), settings.folds('residual')) == (5, 2)
  assert (settings.every('vgg16'), settings.every('residual')) == (5, 1)
  assert settings.is_changed('vgg16') and not settings.is_changed('squeezing')


def test_a_standard_says_how_many_there_are():
  settings = Settings.from_config(detect_lfw.get_config().to_dict())
  assert settings.num_people is None and settings.num_public == 50
  assert settings.standard == 'fr_poison-lfw-1' and settings.protect == 'test'
  assert settings.pipeline['num_protected'] == 40
  assert {'vgg16', 'alexnet', 'statistics'} < set(settings.detectors)
  with pytest.raises(InputError, match='num_protected: 40; a whole number fr'):
    settings.check_protected(39)


def test_a_filter_has_to_be_one_of_the_detectors(config):
  wrong = copy.deepcopy(config)
  wrong['pipeline']['filters'] = ('sniffing',)
  with pytest.raises(InputError, match="pipeline.filters: 'sniffing'"):
    Settings.from_config(wrong)


def test_a_purifier_has_to_know_the_change(config):
  wrong = copy.deepcopy(config)
  wrong['pipeline']['purifiers'] = ('jpeg', 'residual', 'statistics')
  with pytest.raises(InputError, match="pipeline.purifiers: 'statistics'"):
    Settings.from_config(wrong)
