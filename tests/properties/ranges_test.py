"""Every number of the library declares its range, and holds to it.

Functions are found by their signatures, so one that is added is tested too.
"""

import collections.abc
import importlib
import inspect
import math
import pkgutil
import typing

import pytest
import toys

import fr_poison
from fr_poison import checks
from fr_poison.types import InputError

ROOMS = ('attacks', 'training', 'recognizers', 'detectors', 'adversaries')
MODULES = [
  importlib.import_module(info.name)
  for info in pkgutil.walk_packages(fr_poison.__path__, 'fr_poison.')
  if info.name.split('.')[1] in ROOMS or info.name.endswith('data.squeeze')
]
# Given by the library itself, of what was checked already.
INNER = {
  *('base.fold_in', 'optimizers.default_rate', 'residual.crops'),
  *('autoencoder.Network', 'residual.Network', 'loop.Means'),
  'fitting.kept',
  *('base.num_batches', 'by_person.padded_size', 'groups', 'universal'),
  'steps',
  *('gradient.Ascent', 'protego.log_determinant'),
  *('logistic', 'flags'),
  # Results and values, not settings.
  *('base.LogOdds', 'base.Attack', 'objectives.Objective'),
  *('base.AttackState', 'step.TrainState', 'networks.embed'),
  'nearest_neighbor.NearestNeighbor',
  # Thresholds of scores, which infinity may cut; they refuse NaN themselves.
  *('combining.threshold', 'detecting.filter_scrape', 'detecting.evaluate'),
}
# Labels, heights and widths of pictures, and devices, of which a number is one
# form (`parallel.chosen` refuses others).
NOT_SETTINGS = {'protected', 'size', 'devices'}


def is_numeric(annotation):
  origin, args = typing.get_origin(annotation), typing.get_args(annotation)
  if origin is collections.abc.Callable:
    return False
  return annotation in (int, float) or any(map(is_numeric, args))


def _owners():
  """(name, function or class) of what is public and of these modules."""
  for module in MODULES:
    short = module.__name__.split('.')[-1]
    for name, owner in vars(module).items():
      is_own = getattr(owner, '__module__', None) == module.__name__
      if not is_own or name.startswith('_'):
        continue
      if not (inspect.isclass(owner) or inspect.isfunction(owner)):
        continue
      if not {short, f'{short}.{name}'} & INNER:
        yield f'{short}.{name}', owner


DEPENDENT = {('pgd.pgd', 'epsilon')}  # a ball's radius is at most 1
OWNERS = dict(_owners())
DECLARED = [
  (owner, name) for owner in OWNERS for name in checks.declared(OWNERS[owner])
]


def test_every_numeric_parameter_declares_its_range():
  without = []
  for label, owner in OWNERS.items():
    try:
      parameters = inspect.signature(owner).parameters
    except ValueError:  # an exception or a type of Python's
      continue
    for name, parameter in parameters.items():
      is_number = is_numeric(parameter.annotation)
      is_known = name in checks.declared(owner) or name in NOT_SETTINGS
      if is_number and not is_known:
        without.append(f'{label}({name})')
  assert not without
  assert len(DECLARED) > 120


def bad(found: checks.Range) -> list:
  """What is in no such range: its outside, and what is no number."""
  values = [math.nan, math.inf, -math.inf, True, '1', 'nan', object()]
  if found.low > -math.inf:
    below = found.low - 1e-6 if not found.is_whole else int(found.low) - 1
    values += [below, found.low - 10.0**9]
  if found.ends[0] == '(':
    values.append(found.low)
  if found.high < math.inf:
    values += [found.high * (1 + 1e-6) + 1, found.high * 10]
    if found.ends[1] == ')':
      values.append(found.high)
  if found.is_whole:
    values += [found.low + 0.5, float(found.low)]
  return values


def good(found: checks.Range) -> list:
  """Its ends, and something between."""
  low, high = max(found.low, -1e6), min(found.high, 1e6)
  values = [found.low] if found.ends[0] == '[' and low == found.low else []
  values += [found.high] if found.ends[1] == ']' and high == found.high else []
  middle = low + (high - low) / 3
  return [*values, int(middle) or 1 if found.is_whole else middle]


def _call(owner, name, value):
  """With `value`, and anything for what else it needs."""
  given = {}
  for other, parameter in inspect.signature(owner).parameters.items():
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
      continue
    if other == 'embed_fns':
      given[other] = [toys.embed_fn]
    elif parameter.default is parameter.empty:
      known = checks.declared(owner).get(other)
      middle = known and wrapped(known, good(_range(known))[-1])
      given[other] = middle if known else object()
  return owner(**given | {name: value})


def _range(annotation):
  return checks.ranges(annotation)[0]


def wrapped(annotation, value):
  """In a list or a dict, if that is what is declared."""
  origin = typing.get_origin(annotation)
  if origin in (dict, collections.abc.Mapping):
    return {'one': value}
  is_list = origin in (tuple, collections.abc.Sequence)
  return [value] if is_list else value


@pytest.mark.parametrize('label, name', DECLARED)
def test_numbers_outside_are_refused_by_name(label, name):
  owner = OWNERS[label]
  annotation = checks.declared(owner)[name]
  for value in bad(_range(annotation)):
    with pytest.raises(InputError, match=f'^{name}(\\.one)?: ') as caught:
      _call(owner, name, wrapped(annotation, value))
    assert '\n' not in str(caught.value) and len(str(caught.value)) < 250


@pytest.mark.parametrize('label, name', DECLARED)
def test_numbers_inside_are_taken(label, name):
  if (label, name) in DEPENDENT or label == 'heads.magface':
    pytest.skip('narrower, by what else was given')
  owner = OWNERS[label]
  annotation = checks.declared(owner)[name]
  for value in good(_range(annotation)):
    try:
      _call(owner, name, wrapped(annotation, value))
    except Exception as error:  # of what else it was given
      refused = isinstance(error, InputError) and str(error).startswith(name)
      assert not refused or 'odd' in str(error) or 'add up' in str(error)


def test_zero_is_no_way_to_ask_for_the_default():
  for owner in ('pgd.pgd', 'fawkes.fawkes_plain', 'simplified.protected_set'):
    with pytest.raises(InputError, match='^learning_rate: 0 is outside'):
      _call(OWNERS[owner], 'learning_rate', 0)
