"""--list_fields: every field with its type, its value and its comment."""

import importlib
import pathlib

import config_flag
import field_list
import pytest
from absl import flags
from ml_collections import ConfigDict

from fr_poison.types import InputError, Stopped

CONFIGS = pathlib.Path(field_list.__file__).parent / 'configs'
NAMES = [path.stem for path in CONFIGS.glob('*.py')]
OWN = """
from configs import orl
from ml_collections import ConfigDict

def get_config(arg=None):
  # This is not about a field.
  few = {'width': 3}  # neither is this

  # Who there is,
  # drawn or not.
  config.people = 2  # at most
  config.more = 1
  recipe = {
    'rate': 0.1,  # a step
    # Steps of
    # each.
    'inner': {'steps': 2},
  }
  config.training = ConfigDict({'inner': {'rate': 1}, 'one': recipe})
  (config.pair,) = ('a',)  # the only one
"""


@pytest.fixture
def own(tmp_path):
  path = tmp_path / 'own.py'
  path.write_text(OWN)
  return path


def test_a_comment_is_of_what_it_stands_above_or_beside(own):
  config = ConfigDict(
    {
      'people': 2,
      'more': 1,
      'few': {'width': 3},
      'pair': 'a',
      'training': {
        'inner': {'rate': 1},
        'one': {'rate': 0.1, 'inner': {'steps': 2}},
        'none': {},
      },
      'test_fraction': 0.3,  # as orl.py has it
    }
  )
  assert list(field_list.lines(own, config)) == [
    'config.few.width: int = 3',
    'config.more: int = 1',
    "config.pair: str = 'a'",
    '    the only one',
    'config.people: int = 2',
    '    Who there is, drawn or not. at most',
    'config.test_fraction: float = 0.3',
    "    of each person's pictures, rounded down",
    'config.training.inner: dict',
    '    Steps of each.',
    'config.training.inner.rate: int = 1',
    '    a step',
    'config.training.none: dict = {}',
    'config.training.one.inner: dict',
    '    Steps of each.',
    'config.training.one.inner.steps: int = 2',
    'config.training.one.rate: float = 0.1',
    '    a step',
  ]


@pytest.mark.parametrize('name', NAMES)
def test_every_field_of_a_config_that_ships_has_a_comment(name):
  config = importlib.import_module(f'configs.{name}').get_config()
  lines = list(field_list.lines(CONFIGS / f'{name}.py', config))
  lines.append('config.')
  for name in config:
    first = next(
      i for i, x in enumerate(lines) if x.startswith(f'config.{name}:')
    )
    assert lines[first + 1].startswith('    '), name


def test_the_flag_lists_and_ends(own, monkeypatch, capsys):
  monkeypatch.chdir(CONFIGS.parents[1])
  values = flags.FlagValues()
  argv = [
    *('program', '--config=experiments/configs/orl.py:smoke'),
    *('--config.seed=3', '--list_fields'),
  ]
  config = config_flag.define(values, argv)
  listed = flags.DEFINE_bool('list_fields', False, '', flag_values=values)
  monkeypatch.setattr(config_flag.flags, 'FLAGS', values)
  monkeypatch.setattr(config_flag, 'CONFIG', config)
  monkeypatch.setattr(config_flag, '_LIST_FIELDS', listed)
  values(argv[:1])
  with pytest.raises(InputError, match='--config: missing, e.g. experiments/c'):
    config_flag.given('orl.py')
  values(argv)
  with pytest.raises(Stopped) as end:
    config_flag.given('orl.py')
  assert end.value.status == 0
  text = capsys.readouterr().out
  assert 'config.num_people: int = 8\n    So many people of the data' in text
  assert 'config.seed: int = 3\n    of everything random' in text
  values(['program', '--nolist_fields'])
  assert config_flag.given('orl.py').seed == 3
