"""The fields of a config of evaluate.py, and what they leave open."""

import copy
import runpy

import pytest
from settings import Settings

from fr_poison.types import InputError


@pytest.fixture
def config(root):
  path = root / 'experiments' / 'configs' / 'orl.py'
  return runpy.run_path(str(path))['get_config']('smoke').to_dict()


def test_a_field_that_nobody_reads_is_refused(config):
  Settings.from_config(config)
  with pytest.raises(InputError, match='config.momentum: unknown'):
    Settings.from_config(config | {'momentum': 0.9})
  del config['seed']
  with pytest.raises(InputError, match='config.seed: missing'):
    Settings.from_config(config)


def test_any_network_may_be_mirrored(config):
  names = 'mobileface', 'mobileface mirrored'
  found = Settings.from_config(config | {'networks': names})
  assert found.trainers_networks == list(names)
  with pytest.raises(InputError, match="config.networks: 'face' is unknown"):
    Settings.from_config(config | {'networks': ('face mirrored',)})


@pytest.mark.parametrize(
  'room, field, value, message',
  [
    ('attacks', 'lowkey', {'epsilon': 2}, 'config.attacks.lowkey.epsilon'),
    ('attacks', 'lowkey', {'eps': 1}, 'config.attacks.lowkey: .*eps'),
    (
      'attacks',
      'sticker',
      {'epsilon': 0.1},
      "config.attacks.sticker, attack: 'sticker'",
    ),
    ('recognizers', 'svm', {}, "config.recognizers: 'svm'"),
    (
      'recognizers',
      'nearest_neighbor',
      {'neighbours': 3},
      'config.recognizers.nearest_neighbor.neighbours: unknown',
    ),
    (
      'recognizers',
      'end_to_end',
      {'training': {'optimizer': {'learning_rate': -1.0}}},
      'config.recognizers.end_to_end.training.*learning_rate: -1.0',
    ),
    ('recognizers', 'end_to_end', {}, 'end_to_end.training: missing'),
    ('adversaries', 'hoping', {}, "config.adversaries: 'hoping'"),
    ('adversaries', 'squeezing', {}, 'squeezing.networks: missing'),
    (
      'adversaries',
      'squeezing',
      {'networks': (), 'filters': {'x': ({'name': 'jpeg', 'quality': 0},)}},
      'squeezing.filters.x: .*quality',
    ),
    (
      'adversaries',
      'adaptive',
      {'networks': ('mobileface',), 'attacks': (), 'training': {}},
      'config.num_public: 0 is below 2',
    ),
    ('recognizers', 'nearest_neighbor', {'k': 0}, 'nearest_neighbor.k: 0;'),
    ('recognizers', 'linear', {'num_seeds': 0}, 'linear.num_seeds: 0;'),
    (
      'recognizers',
      'nearest_neighbor',
      {'top_k': 9},
      'nearest_neighbor.top_k: 9; a whole number from 1 to 6',
    ),
    ('histories', 'years', {'sticker': 1.0}, "histories.years: 'sticker'"),
    ('histories', 'years', {'clean': 0.5}, 'histories.years: .* add up to 0.5'),
    (
      'adversaries',
      'top2',
      {'accurate': 'pixels', 'robust': 'adaptive'},
      "top2.accurate: 'pixels'",
    ),
    (
      'recognizers',
      'raw',
      {'kind': '1-NN'},
      "config.recognizers.raw.kind: '1-NN' is unknown; known: nearest_n",
    ),
    (
      'recognizers',
      'linear',
      {'kind': 'nearest_neighbor'},
      'recognizers.linear: called as one kind, but of another: nearest_n',
    ),
    (
      'recognizers',
      'nearest neighbor',
      {'kind': 'nearest_neighbor'},
      "recognizers: a page would call 'nearest neighbor' 'nearest neighbor'",
    ),
    ('recognizers', ' ', {'kind': 'linear'}, "recognizers: .* call ' ' ''"),
    (
      'recognizers',
      'raw',
      {'kind': 'nearest_neighbor', 'k': 0},
      'recognizers.raw.k: 0;',
    ),
    (
      'adversaries',
      'adaptive, mine',
      {'kind': 'oblivious', 'training': {}},
      "adversaries.adaptive, mine, field: 'training' is unknown",
    ),
    (
      'adversaries',
      'baseline',
      {'kind': 'squeezing', 'networks': (), 'filters': {}},
      "adversaries: a page would call 'baseline'",
    ),
    ('extractor', 'weights', 'x', 'config.extractor.weights: unknown'),
  ],
)
def test_nested_fields_are_checked(config, room, field, value, message):
  wrong = copy.deepcopy(config)
  wrong[room][field] = value
  with pytest.raises(InputError, match=message):
    Settings.from_config(wrong)


@pytest.fixture
def open_config(config):
  """The numbers of people as shipped, but for `smoke`: none."""
  numbers = ('num_people', 'num_targets', 'num_protected')
  return config | dict.fromkeys(numbers)


@pytest.mark.parametrize(
  'number, targets, protected', [(3, 1, 1), (5, 1, 2), (40, 10, 10)]
)
def test_what_the_config_leaves_open_the_data_decide(
  open_config, number, targets, protected
):
  found = Settings.from_config(open_config).for_people(number)
  assert (found.num_people, found.num_targets) == (number, targets)
  assert found.num_protected == protected
  # With people of the trainer's own nobody is set aside.
  found = Settings.from_config(open_config | {'num_public': 1})
  assert found.for_people(number).num_evaluated == number - 1
  # Nor for cloaks that look like nobody.
  del open_config['attacks']['fawkes']
  found = Settings.from_config(open_config).for_people(number)
  assert found.num_evaluated == number


def test_the_data_may_be_too_few(open_config):
  with pytest.raises(InputError, match='config.num_targets: 0'):
    Settings.from_config(open_config).for_people(2)
  del open_config['attacks']['fawkes']
  with pytest.raises(
    InputError, match='num_protected: 1 of 1 people; .*two or'
  ):
    Settings.from_config(open_config).for_people(1)
  settings = Settings.from_config(open_config | {'num_protected': 6})
  with pytest.raises(InputError, match='num_protected: 6 of 5 people'):
    settings.for_people(5)
  settings = Settings.from_config(open_config | {'num_public': 20})
  with pytest.raises(InputError, match='num_public: 20 of 5 people'):
    settings.for_people(5)


@pytest.fixture
def trained_config(config):
  """Two adaptive trainers, and both combinations with the second."""
  adaptive = {
    'kind': 'adaptive',
    'networks': ('mobileface',),
    'attacks': ('lowkey',),
    'training': {'num_epochs': 1},
  }
  both = {'accurate': 'mobileface', 'robust': 'adaptive, b'}
  return config | {
    'num_public': 2,
    'recognizers': {'raw': {'kind': 'nearest_neighbor'}},
    'adversaries': {
      'oblivious': {},
      'adaptive, a': adaptive,
      'adaptive, b': adaptive | {'training': {'num_epochs': 2}},
      'top2': both,
      'sure': both | {'kind': 'threshold', 'quantile': 0.9},
    },
  }


@pytest.mark.parametrize(
  'label, change, message',
  [
    (
      'top2',
      {'robust': 'adaptive'},
      "top2.robust: 'adaptive' is unknown; .* 'adaptive, b'",
    ),
    (
      'sure',
      {'robust': 'top2'},
      "sure.robust: 'top2' is unknown; known: adapt",
    ),
    ('sure', {'quantile': 2}, 'adversaries.sure.quantile: 2'),
    ('adaptive, a', {'training_seeds': 0}, 'a.training_seeds: 0; .* 1 to 100'),
    (
      'adaptive, a',
      {'training_seeds': 2, 'training': {'seed': 2**32 - 1}},
      'adaptive, a.training.seed: 4294967296',
    ),
    (
      'adaptive, a',
      {'training': {'steps_per_epoch': 3}},
      'adaptive, a.training.balanced: False, but steps_per_epoch',
    ),
    ('squeezing grey', {'kind': 'adaptive'}, "would call 'squeezing grey'"),
    ('wash', {'kind': 'puface', 'depth': 1}, 'adversaries.wash.depth: 1'),
    (
      'wash',
      {'kind': 'puface', 'training': {'head': {'name': 'match'}}},
      'wash.training.head: a purifier has none',
    ),
    ('wash', {'kind': 'puface', 'share': 1}, "wash, field: 'share' is unk"),
  ],
)
def test_several_of_a_kind_have_names_of_their_own(
  trained_config, label, change, message
):
  adversaries = trained_config['adversaries']
  chain = ({'name': 'grayscale'},)
  adversaries['squeezing'] = {'networks': (), 'filters': {'grey': chain}}
  Settings.from_config(trained_config)
  before = adversaries.get(label, adversaries['adaptive, a'])
  adversaries[label] = before | change
  with pytest.raises(InputError, match=message):
    Settings.from_config(trained_config)


@pytest.mark.parametrize(
  'change, message',
  [
    ({'oracle': 'False'}, "follows.oracle: 'False'; True or False"),
    ({'oracle': 1}, 'follows.oracle: 1; True or False'),
    ({'oracle': False}, 'follows.false_rate: missing'),
    ({'oracle': True, 'false_rate': 0.1}, 'false_rate: given for an oracle'),
    ({'oracle': False, 'false_rate': 2}, 'follows.false_rate: 2'),
  ],
)
def test_who_follows_people_is_an_oracle_or_has_a_threshold(
  trained_config, change, message
):
  follows = {'kind': 'dyntracker', 'networks': ('mobileface',), 'oracle': True}
  trained_config['adversaries']['follows'] = follows
  Settings.from_config(trained_config)
  trained_config['adversaries']['follows'] = follows | change
  with pytest.raises(InputError, match=message):
    Settings.from_config(trained_config)


def test_a_threshold_needs_distances(trained_config):
  trained_config['recognizers'] = {'linear': {}}
  with pytest.raises(InputError, match="recognizers: 'nearest_neighbor'"):
    Settings.from_config(trained_config)


def test_surrogates_may_be_what_a_trainer_trains(trained_config):
  own = 'mobileface adaptive, a'
  trained_config['surrogates'] = ('mobileface', f'mobileface+{own}')
  adversaries = trained_config['adversaries']
  adversaries['adaptive, a']['surrogates'] = ('mobileface',)
  adversaries['adaptive, b'] |= {'surrogates': (f'mobileface+{own}',)}
  Settings.from_config(trained_config)
  # Without surrogates of its own an adversary cloaks on all.
  for changed in ({}, {'surrogates': (f'mobileface+{own}',)}):
    adversaries['adaptive, a'] = {
      k: v for k, v in adversaries['adaptive, a'].items() if k != 'surrogates'
    } | changed
    with pytest.raises(InputError, match=f"a.surrogates: '{own}' is trained"):
      Settings.from_config(trained_config)
  trained_config['surrogates'] = ('mobileface', 'mobileface nobody')
  with pytest.raises(InputError, match="surrogates: 'mobileface nobody' is un"):
    Settings.from_config(trained_config)
