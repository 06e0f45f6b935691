"""Named face data sets."""

import importlib

from fr_poison.data.faces import FaceSet
from fr_poison.types import InputError

NAMES = ('orl',)


def load(name: str, **kwargs) -> FaceSet:
  """Loads the data set `name`; `kwargs` go to `load` of its module."""
  if name not in NAMES:
    raise InputError(f'dataset: {name!r} is unknown, known: {", ".join(NAMES)}')
  return importlib.import_module(f'{__name__}.{name}').load(**kwargs)
