"""Orbax behind one door: whole, verified steps or a reason why not.

A step, see `saved_step`, is written under another name and renamed once it is
on the disk, manifest and all, so a numbered folder is a whole step or damage,
never work in progress.

Orbax's CheckpointManager counts damaged steps among those that it keeps, so
that the last good one is deleted for them; an empty folder is its latest step.
"""

import contextlib
import json
import math
import operator
import os
import pathlib
import re
import reprlib
import textwrap
from typing import Any

import numpy as np
from absl import logging
from flax import traverse_util

from fr_poison import checks, files, leaves, processes, saved_step, text
from fr_poison.types import InputError

_MAX_RATIO = 100  # of arrays to their files, as of archives
_LEFTOVER = r'[0-9]+(\.unverified)?(\.orbax-checkpoint-tmp.*)?'


class Checkpoints:
  """The steps of one run.

  With several processes all of them call every method, in the same order.
  Process 0 alone writes, to a file system that all of them see.
  """

  def __init__(
    self,
    folder: str | os.PathLike,
    *,
    keep: int = 3,
    description: dict | None = None,
  ):
    """Checks the settings, and writes nothing yet.

    Args:
      folder: made at the first save.
      keep: newest verified steps that are kept.
      description: JSON, kept with each step (network, config).

    Raises:
      InputError: keep below 1, a description that is not JSON, or a folder
        that is a file or cannot be read.
    """
    self._keep = checks.whole('keep', keep)
    try:
      self._description = json.loads(json.dumps(description, allow_nan=False))
    except (TypeError, ValueError) as error:
      raise InputError(f'description: not JSON ({error})') from error
    self._folder = pathlib.Path(folder).absolute()
    _contents(self._folder)

  def save(self, step: int, state: Any) -> None:
    """Saves `state`, and deletes steps above `keep`.

    A damaged step of this number is replaced, an intact one is not: after a
    restore, save later steps only.

    Args:
      step: number, above that of every verified step of the folder.
      state: any pytree of arrays (replicated, or of this process) and Python
        numbers.

    Raises:
      InputError: the step is not a new one, or the state cannot be stored; the
        steps before it are unharmed.
    """
    # int32 for the other processes, from an array in a train state.
    step = checks.whole('step', operator.index(step), 0, 2**31 - 1)
    named = leaves.named(state, 'state')
    arrays = {name: np.asarray(leaf) for name, leaf in named.items()}
    processes.on_first(lambda: self._save(step, arrays))

  def delete_old(self) -> None:
    """Deletes steps above `keep`, as each save does unless it is killed."""
    processes.on_first(self._delete_old)

  def latest(self) -> int | None:
    """Finds the newest verified step, if any, warning of damaged ones.

    Raises:
      InputError: there are steps, and all are damaged.
    """
    return processes.on_first(lambda: _newest(self._folder))

  def restore(self, target: Any) -> tuple[int, Any] | None:
    """Reads the newest verified step and its state; None if there is none.

    Args:
      target: a pytree of arrays, `jax.ShapeDtypeStruct` and Python numbers;
        gives structure, shapes and dtypes. What was saved on any devices is
        restored to the host (where the target has NumPy arrays) or the
        default device.

    Raises:
      InputError: all steps are damaged; the target has another architecture
        (every differing leaf is named; nothing is cast); the newest step is of
        another training than ours, which `description` says.
    """
    if (step := self.latest()) is None:
      return None
    saved = saved_step.find(self._folder / str(step), step)
    leaves.check(target, saved.arrays, saved.path)
    if self._description is not None:
      self._check_training(saved)
    arrays = saved.read(saved.arrays)
    return step, leaves.filled(target, arrays)

  def _check_training(self, saved):
    old, new = (
      traverse_util.flatten_dict(x, sep='.') if isinstance(x, dict) else {}
      for x in (saved.description, self._description)
    )
    changed = [
      f'{name} {reprlib.repr(old.get(name))}, now {reprlib.repr(new.get(name))}'
      for name in dict.fromkeys([*old, *new])
      if old.get(name) != new.get(name)
    ]
    if saved.description != self._description:
      raise InputError(
        f'{saved.path}: of another training ({"; ".join(changed)}); choose '
        'another folder, or go on as it began'
      )

  def _save(self, step, arrays):
    unverified = self._folder / f'{step}.unverified'
    try:
      with files.output(self._folder):
        self._prepare(step)
        saved_step.write(unverified, step, arrays, self._description)
        files.rename(unverified, self._folder / str(step))
        saved_step.sync(self._folder)
    except InputError:
      raise
    except Exception as error:  # of the file system, Orbax, TensorStore
      reason = textwrap.shorten(str(error), 200)
      raise InputError(
        f'{self._folder}: step {step} could not be saved ({reason})'
      ) from error
    finally:
      self._remove_leftovers()
    self._delete_old()

  def _remove_leftovers(self):
    with contextlib.suppress(InputError):  # A save says what cannot be written.
      for leftover in _contents(self._folder)[1]:
        files.remove(leftover)

  def _prepare(self, step):
    self._remove_leftovers()
    numbers, _ = _contents(self._folder)
    for number in reversed(numbers):
      if number >= step and not saved_step.damage(
        self._folder / str(number), number
      ):
        raise InputError(
          f'step: {step} is not new, {self._folder} has {number}'
        )
    if step in numbers:
      logging.warning(
        '%s: damaged step %d replaced', text.clean(self._folder), step
      )
      files.remove(self._folder / str(step))

  def _delete_old(self):
    kept = 0
    for number in reversed(_contents(self._folder)[0]):
      path = self._folder / str(number)
      if kept < self._keep:
        kept += not saved_step.damage(path, number)
      else:
        with contextlib.suppress(InputError):  # or at the next save
          files.remove(path)


def find(path: str | os.PathLike) -> saved_step.Saved:
  """Opens a verified step, and reads no array of it.

  Args:
    path: a folder of steps, of which the newest verified one is taken, or the
      folder of one step.

  Raises:
    InputError: no step there, or none that is intact.
  """
  path = pathlib.Path(path).absolute()
  if not os.path.exists(path / saved_step.MANIFEST):
    step = _newest(path)
    if step is None:
      raise InputError(f'{path}: holds no checkpoint')
    path = path / str(step)
  return saved_step.find(path)


def read(path: str | os.PathLike) -> tuple[dict, Any]:
  """Reads all that was saved, without a target, and its description.

  Args:
    path: as of `find`.

  Returns:
    Nested dict of NumPy arrays (Python numbers have no dimensions, tuples have
    '0', '1', ... for keys), and the description.

  Raises:
    InputError: as `find`, or the arrays are more than 100 times as large as
      their files, which only many zeros are.
  """
  saved = find(path)
  size = sum(
    math.prod(x.shape) * x.dtype.itemsize for x in saved.arrays.values()
  )
  if size > _MAX_RATIO * saved.size:
    raise InputError(f'{saved.path}: {size} bytes of arrays in {saved.size}')
  arrays = saved.read(saved.arrays)
  return traverse_util.unflatten_dict(arrays, sep='/'), saved.description


def _contents(folder: pathlib.Path) -> tuple[list[int], list[pathlib.Path]]:
  """The rising numbers of steps, damaged or not; what killed saves left.

  '007' is neither, an empty folder is no step. There may be no folder.
  """
  numbers, leftovers = [], []
  try:
    for path in folder.iterdir():
      if not path.is_dir() or not re.fullmatch(_LEFTOVER, path.name):
        continue
      if not path.name.isdecimal() or not any(path.iterdir()):
        leftovers.append(path)
      elif path.name == str(int(path.name)):
        numbers.append(int(path.name))
  except FileNotFoundError:
    pass
  except OSError as error:
    raise InputError(f'{folder}: {error.strerror}') from error
  return sorted(numbers), leftovers


def _newest(folder):
  """The newest verified step; None if there are none, damaged or not."""
  damages = []
  for number in reversed(_contents(folder)[0]):
    if damage := saved_step.damage(folder / str(number), number):
      damages.append(damage)
      continue
    for damage in damages:
      logging.warning('%s; going on with step %d', text.clean(damage), number)
    return number
  if damages:
    raise InputError(
      f'{folder}: no step is intact; move them away to start anew. '
      + '; '.join(damages)
    )
  return None
