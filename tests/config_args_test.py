import pytest

from fr_poison import config_args
from fr_poison.types import InputError

DEFAULTS = {'smoke': False, 'steps': 30, 'lr': 0.5, 'attack': 'lowkey'}


def test_each_value_keeps_its_type():
  assert config_args.parse(None, **DEFAULTS) == DEFAULTS
  values = config_args.parse('smoke,steps=3,lr=2,attack=fawkes', **DEFAULTS)
  assert values == {'smoke': True, 'steps': 3, 'lr': 2.0, 'attack': 'fawkes'}
  assert config_args.parse('smoke=false', **DEFAULTS)['smoke'] is False


@pytest.mark.parametrize(
  'arg, message',
  [
    ('smok', "'smok' is unknown; did you mean 'smoke'. known: "),
    ('steps=2.5', "steps: '2.5' is not int"),
    ('smoke=maybe', "smoke: 'maybe' is not bool"),
    ('size=huge', "size: 'huge' is unknown; known: small, large"),
  ],
)
def test_leftovers_and_wrong_types_are_refused(arg, message):
  with pytest.raises(InputError, match=message):
    config_args.parse(arg, size=('small', 'large'), **DEFAULTS)


def test_a_choice_starts_with_the_default():
  sizes = ('small', 'large')
  assert config_args.parse('', size=sizes) == {'size': 'small'}
  assert config_args.parse('size=large', size=sizes) == {'size': 'large'}
