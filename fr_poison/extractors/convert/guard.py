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
  except Exception as error:  # Damaged files raise nearly everything.
    # The names that a file gives its parts may have several lines.
    reason = ' '.join(str(error).splitlines())
    if isinstance(error, OSError):
      reason = error.strerror or reason
    elif not isinstance(error, ValueError):  # which are the readers' own
      reason = f'damaged ({type(error).__name__}: {reason})'
    if not isinstance(error, InputError):
      reason = f'{path}: {reason}'
    raise InputError(reason) from error


def optional(package: str) -> types.ModuleType:
  """Imports a package of the extra `convert`.

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
