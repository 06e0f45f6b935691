"""No number that cannot be meant gets past a config, whichever field it is."""

import copy
import math
import runpy

import detector_settings
import extractor_settings
import hypothesis
import poison_settings
import pytest
import settings
from hypothesis import strategies as st
from properties import hostile

from fr_poison import config_args
from fr_poison.types import InputError

CONFIGS = {
  'adaptive': settings.Settings,
  'arcface_from_scratch': extractor_settings.Settings,
  'detect': detector_settings.Settings,
  'end_to_end': settings.Settings,
  'fawkes_high': poison_settings.Settings,
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
