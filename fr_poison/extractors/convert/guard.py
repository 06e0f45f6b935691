"""What the readers of foreign files share: one error, optional packages."""

import contextlib
import importlib
import os
import types
from collections.abc import Iterator

from fr_poison.types import InputError


@contextlib.contextmanager
def reading(path: str | os.PathLike) -> Iterator[None]:
  """Turns whatever a damaged file raises into one line with its name."""
  try:
    yield
  except InputError as error:
    raise InputError(_one_line(error)) from error
  except OSError as error:
    raise InputError(f'{path}: {error.strerror or error}') from error
  except ValueError as error:  # the readers' own reasons
    raise InputError(f'{path}: {_one_line(error)}') from error
  except Exception as error:  # Damaged files raise nearly everything.
    told = f'{type(error).__name__}: {_one_line(error)}'
    raise InputError(f'{path}: damaged ({told})') from error


def _one_line(error):
  """The names that a file gives its parts may have several."""
  return ' '.join(str(error).splitlines())


def optional(package: str) -> types.ModuleType:
  """A package of the extra `convert`.

  Raises:
    InputError: it is not installed; says how to.
  """
  try:
    return importlib.import_module(package)
  except ImportError as error:
    raise InputError(
      f"{package}: not installed; pip install 'fr_poison[convert]' "
      f'or pip install {package}'
    ) from error
