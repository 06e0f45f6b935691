"""Finding what can be read in a folder of steps, and reading it."""

import os
import pathlib
import re
from collections.abc import Iterator
from typing import Any

from absl import logging

from fr_poison.checkpoints import step as steps
from fr_poison.checkpoints import tree
from fr_poison.types import InputError


def numbers(folder: pathlib.Path) -> list[int]:
  """Steps of a folder, damaged or not, in ascending order; none if no folder.

  '007' or '5.unverified' are not steps, nor is an empty folder.

  Raises:
    InputError: it is a file, or cannot be read.
  """
  try:
    found = list(folder.iterdir())
    return sorted(int(p.name) for p in found if _is_step(p))
  except FileNotFoundError:
    return []
  except OSError as error:
    raise InputError(f'{folder}: {error.strerror}') from error


def _is_step(path):
  is_number = re.fullmatch('0|[1-9][0-9]*', path.name)
  return is_number and path.is_dir() and any(path.iterdir())


def leftovers(folder: pathlib.Path) -> Iterator[pathlib.Path]:
  """What killed saves left: no step yet, or emptied, whoever began it."""
  unfinished = r'[0-9]+(\.unverified)?(\.orbax-checkpoint-tmp.*)?'
  for path in folder.iterdir():
    if not path.is_dir() or not re.fullmatch(unfinished, path.name):
      continue
    if not path.name.isdecimal() or not any(path.iterdir()):
      yield path


def newest(folder: pathlib.Path) -> int | None:
  """The newest verified step; None if there are none, damaged or not.

  Raises:
    InputError: there are steps, and all are damaged.
  """
  damages = []
  for number in reversed(numbers(folder)):
    try:
      steps.check(folder / str(number), number)
    except InputError as error:
      damages.append(str(error))
      continue
    for damage in damages:
      logging.warning('%s; going on with step %d', damage, number)
    return number
  if damages:
    raise InputError(
      f'{folder}: no step is intact; move them away to start anew. '
      + '; '.join(damages)
    )
  return None


def read(path: str | os.PathLike) -> tuple[dict, Any]:
  """What was saved, without a target, and the description saved with it.

  Args:
    path: a folder of steps, of which the newest verified one is taken, or the
      folder of one step.

  Returns:
    Nested dict of NumPy arrays (Python numbers have no dimensions, keys are
    their data, tuples have '0', '1', ... for keys), and the description.

  Raises:
    InputError: no step there, or none that is intact.
  """
  path = pathlib.Path(path).absolute()
  if not os.path.exists(path / steps.MANIFEST):
    step = newest(path)
    if step is None:
      raise InputError(f'{path}: holds no checkpoint')
    path = path / str(step)
  manifest = steps.check(path)
  arrays = steps.load(path, manifest)
  return tree.nested(arrays), manifest['description']
