"""No number that cannot be meant gets past a config, whichever field it is."""

import copy
import dataclasses
import math
import runpy

import detect_settings
import hypothesis
import pytest
import settings
import train_extractor
from hypothesis import strategies as st
from properties import hostile
from properties.ranges_test import bad, is_numeric, wrapped

from fr_poison import attacks, checks, config_args, photos
from fr_poison.adversaries import adversarial_training, puface
from fr_poison.attacks.fawkes import fawkes_v03, fawkes_v1
from fr_poison.detectors import (
  autoencoder,
  feature_space,
  residual,
  reverse_engineering,
  squeezing,
  statistics,
)
from fr_poison.recognizers import linear, nearest_neighbor, tracking
from fr_poison.training import Recipe, heads, make_optimizer
from fr_poison.types import InputError

CONFIGS = {
  'adaptive': settings.Settings,
  'arcface_from_scratch': train_extractor.Settings,
  'detect': detect_settings.Settings,
  'end_to_end': settings.Settings,
  'fawkes_high': photos.Settings,
}
CLASSES = CONFIGS | {
  'adversarial_training': settings.Settings,
  'linear': settings.Settings,
  'tracking': settings.Settings,
}
# The same type as before, or ml_collections refuses it.
_OTHERS = {
  int: [-1, 10**30],
  float: [math.nan, math.inf, -math.inf, -1.0],
  str: ['', 'a\nb', '../x', 'nobody'],
}
_OTHERS[bool] = []


def _leaves(tree, path=()):
  for key, value in tree.items():
    if isinstance(value, dict):
      yield from _leaves(value, (*path, key))
    elif type(value) in _OTHERS:
      yield (*path, key), value


@pytest.mark.parametrize('name', CONFIGS)
def test_a_wrong_number_or_name_is_refused(name, root):
  path = root / 'experiments' / 'configs' / f'{name}.py'
  config = runpy.run_path(str(path))['get_config']().to_dict()
  CONFIGS[name].from_config(config)  # or all of the others are refused, too
  accepted = []
  for path, value in _leaves(config):
    for other in _OTHERS[type(value)]:
      changed = copy.deepcopy(config)
      inner = changed
      for key in path[:-1]:
        inner = inner[key]
      inner[path[-1]] = other
      try:
        CONFIGS[name].from_config(changed)
      except InputError as error:
        assert '\n' not in str(error) and len(str(error)) < 500
      else:
        accepted.append(('.'.join(path), other))
  # A huge number of steps is only slow, a file may be called anything, and a
  # network refuses its size when it is loaded.
  assert not [
    (field, value)
    for field, value in accepted
    if value != 10**30
    and not field.startswith('input_size.')
    and not field.endswith('.checkpoint')
  ]


# Where a config's numbers end up: (config, path to them, whose they are).
_ROBUST = ('adversaries', 'adversarial_training')
SECTIONS = {
  'training': ('arcface_from_scratch', ('training',), Recipe),
  'optimizer': (
    'arcface_from_scratch',
    ('training', 'optimizer'),
    make_optimizer,
  ),
  'attack in the loop': (
    'adversarial_training',
    (*_ROBUST, 'attack'),
    adversarial_training.make_attack,
  ),
  'share': (
    'adversarial_training',
    _ROBUST,
    adversarial_training.wrap_with_attack,
  ),
  'linear': ('linear', ('recognizers', 'linear'), linear.fit),
  'puface': ('tracking', ('adversaries', 'puface'), puface.PuFace),
  'dyntracker': (
    'tracking',
    ('adversaries', 'dyntracker_honest'),
    tracking.calibrate,
  ),
  '1-NN': (
    'adaptive',
    ('recognizers', 'raw_nearest_neighbor'),
    nearest_neighbor.fit,
  ),
}
RECIPES = {
  'chameleon': attacks.chameleon,
  'diverse': attacks.diverse,
  'eot_pgd': attacks.eot_pgd,
  'evading_pgd': attacks.evading_pgd,
  'fawkes_v03': fawkes_v03,
  'fawkes_v1': fawkes_v1,
  'feature_shift': attacks.feature_shift,
  'lowkey': attacks.lowkey,
  'opom': attacks.opom,
  'pgd': attacks.pgd,
  'protected_set': attacks.protected_set,
  'protego_planar': attacks.protego_planar,
  'tip_im': attacks.tip_im,
}
SECTIONS |= {f'own {n}': (n, (), CONFIGS[n]) for n in CONFIGS}
SECTIONS |= {
  f'attacks {n}': ('adaptive', ('attacks', n), f) for n, f in RECIPES.items()
}
SECTIONS |= {
  f'head {n}': ('arcface_from_scratch', ('training', 'head'), f)
  for n, f in heads.HEADS.items()
}
# What a detector needs beside its numbers, and who takes those.
DETECTORS = {
  'statistics': ({}, statistics.Statistics),
  'feature_space': ({'features': 'alexnet'}, feature_space.FeatureSpace),
  'feature_space fine-tuned': (
    {'features': 'alexnet', 'training': {}},
    feature_space.FineTuned,
  ),
  'autoencoder': ({}, autoencoder.Autoencoder),
  'squeezing': ({'features': 'mobileface'}, squeezing.Squeezing),
  'reverse_engineering': ({'method': 'residual'}, residual.Residual),
  'reverse_engineering by consistency': (
    {'method': 'consistency', 'features': 'mobileface'},
    reverse_engineering.Consistency,
  ),
}
SECTIONS |= {
  f'detector {n}': ('detect', ('detectors', 'x'), f)
  for n, (_, f) in DETECTORS.items()
}
# Not from a config: the training's length makes it.
_COMPUTED = {('optimizer', 'num_steps')}
SECTION_FIELDS = [
  (section, name)
  for section, (_, _, owner) in SECTIONS.items()
  for name in checks.declared(owner)
  if (section, name) not in _COMPUTED
]


def _config(name, root):
  path = root / 'experiments' / 'configs' / f'{name}.py'
  return runpy.run_path(str(path))['get_config']('smoke').to_dict()


def _with(config, path, name, value):
  """A copy of the config with one number at the path."""
  changed = copy.deepcopy(config)
  inner = changed
  for key in path:
    inner = inner.setdefault(key, {})
  inner[name] = value
  return changed


@pytest.mark.parametrize('section, name', SECTION_FIELDS)
def test_every_number_that_a_config_may_have_is_checked(section, name, root):
  config_name, path, owner = SECTIONS[section]
  config = _config(config_name, root)
  if section.startswith('head '):
    config['training']['head'] = {'name': section.removeprefix('head ')}
  if section.startswith('detector '):
    label = section.removeprefix('detector ')
    detector = {'name': label.split()[0], **DETECTORS[label][0]}
    config['detectors']['x'] = detector
  settings_class = CLASSES[config_name]
  annotation = checks.declared(owner)[name]
  (found, *_) = checks.ranges(annotation)
  for value in bad(found):
    changed = _with(config, path, name, wrapped(annotation, value))
    with pytest.raises(InputError) as caught:
      settings_class.from_config(changed)
    message = str(caught.value)
    assert name in message and '\n' not in message


@pytest.mark.parametrize('owner', [*set(CONFIGS.values()), Recipe])
def test_every_numeric_field_declares_its_range(owner):
  fields = dataclasses.fields(owner)
  numbers = {f.name for f in fields if is_numeric(f.type)}
  assert numbers == checks.declared(owner).keys()


@pytest.mark.parametrize(
  'name, field, value',
  [
    ('adaptive', 'num_splits', 10**6),
    ('adaptive', 'test_fraction', 0.999),
    ('adaptive', 'seed', 2**32 - 1),
    ('arcface_from_scratch', 'num_train_people', 2),
    ('arcface_from_scratch', 'save_every', 1e-6),
    ('detect', 'epsilons', (1.0,)),
    ('fawkes_high', 'max_dssim', 0.999),
    ('fawkes_high', 'max_dssim', None),
    ('fawkes_high', 'size', 32),
  ],
)
def test_numbers_at_the_ends_are_taken(name, field, value, root):
  CONFIGS[name].from_config(_config(name, root) | {field: value})


@hypothesis.given(
  st.lists(st.sampled_from(['smoke', 'seed', 'x', '=', ',', '3', '-', 'nan']))
)
def test_any_argument_of_a_config(tmp_path, parts):
  with hostile.watched(tmp_path):
    try:
      found = config_args.parse(''.join(parts), smoke=False, seed=0, rate=0.5)
    except InputError:
      return
  assert [type(x) for x in found.values()] == [bool, int, float]
