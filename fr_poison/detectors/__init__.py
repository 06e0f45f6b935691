"""Pictures -> how likely each of them is cloaked, and without the cloak."""

import dataclasses

from fr_poison import checks, extractors
from fr_poison.detectors import (
  autoencoder,
  feature_space,
  residual,
  reverse_engineering,
  squeezing,
  statistics,
  trunks,
)
from fr_poison.detectors.base import Detector, OnNetwork, Recipe, threshold
from fr_poison.detectors.folds import CrossFitted, cross_fit
from fr_poison.types import InputError

__all__ = [
  'CrossFitted',
  'Detector',
  'OnNetwork',
  'Recipe',
  'cross_fit',
  'recipe',
  'threshold',
]

_RECIPES = {
  'statistics': statistics.Statistics,
  'feature_space': feature_space.FeatureSpace,
  'autoencoder': autoencoder.Autoencoder,
  'reverse_engineering': {
    'residual': residual.Residual,
    'consistency': reverse_engineering.Consistency,
  },
  'squeezing': squeezing.Squeezing,
}


def recipe(name: str, **settings) -> Recipe:
  """Makes the recipe of a detector by name, its settings checked.

  Args:
    name: 'statistics', 'squeezing', 'autoencoder', 'feature_space', which is
      fine-tuned where `training` is given, or 'reverse_engineering' by the
      `method` 'residual' or 'consistency'.
    **settings: of the recipe, see there.

  Raises:
    InputError: an unknown name or setting, or one out of range.
  """
  checks.known('name', name, _RECIPES)
  kind = _RECIPES[name]
  if isinstance(kind, dict):
    checks.known('method', method := settings.pop('method', None), kind)
    kind = kind[method]
  if 'training' in settings and name == 'feature_space':
    kind = feature_space.FineTuned
  known = [field.name for field in dataclasses.fields(kind)]
  for setting in settings:
    checks.known('setting', setting, known)
  if issubclass(kind, OnNetwork):
    networks = (*trunks.NAMES, *extractors.names())
    checks.known('features', settings.get('features'), networks)
  try:
    return kind(**settings)
  except TypeError as error:
    raise InputError(f'{name}: {error}') from error
