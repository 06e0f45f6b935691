"""A folder of steps: saved in the background, deleted late, verified first.

A step is written under another name and renamed once its manifest is on the
disk, so a numbered folder is a whole step or damage, never work in progress.
"""

import contextlib
import json
import operator
import os
import pathlib
import shutil
from collections.abc import Iterator
from concurrent import futures
from typing import Any

from absl import logging

from fr_poison import processes
from fr_poison.checkpoints import reading, tree
from fr_poison.checkpoints import step as steps
from fr_poison.types import InputError


class Checkpoints:
  """The steps of one run; a context manager that waits for the last save.

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
    """Nothing is written yet.

    Args:
      folder: made at the first save.
      keep: newest verified steps that are kept.
      description: JSON, kept with each step (network, config).

    Raises:
      InputError: keep below 1, a description that is not JSON, or a folder
        that is a file or cannot be read.
    """
    if keep < 1:
      raise InputError(f'keep: {keep}, at least 1 step expected')
    try:
      self._description = json.loads(json.dumps(description, allow_nan=False))
    except (TypeError, ValueError) as error:
      raise InputError(f'description: not JSON ({error})') from error
    self._folder = pathlib.Path(folder).absolute()
    reading.numbers(self._folder)
    self._keep = keep
    self._intact = set()  # verified or written by this process
    self._worker = futures.ThreadPoolExecutor(1, 'checkpoints')
    self._pending = None  # (step, future)

  def __enter__(self) -> 'Checkpoints':
    """Itself."""
    return self

  def __exit__(self, kind, error, traceback) -> None:
    """Closes; a failed save does not hide the error that ended the block."""
    if error is None:
      self.close()
      return
    self._worker.shutdown()  # asks no other process: it may not be failing
    step, future = self._pending or (None, None)
    if future is not None and (failure := future.exception()):
      logging.error('step %d could not be saved (%s)', step, failure)

  def close(self) -> None:
    """Waits as `wait` does, and ends the background thread."""
    self._worker.shutdown()
    self.wait()

  def save(self, step: int, state: Any) -> None:
    """Saves `state` in the background, once its arrays are copied.

    Waits for the save before this one. A damaged step of this number is
    replaced, an intact one is not: after a restore, save later steps only.

    Args:
      step: number, above that of every verified step of the folder.
      state: any pytree of arrays (replicated, or of this process), keys and
        Python numbers.

    Raises:
      InputError: an earlier save failed (this one is then not begun; call
        again), the step is not a new one, or the state cannot be stored.
    """
    self.wait()
    step = operator.index(step)
    if not 0 <= step < 2**31:  # the others are told steps as int32
      raise InputError(f'step: {step}, expected one in [0, 2^31)')
    arrays, entries = tree.to_host(state)
    processes.on_first(lambda: self._prepare(step))
    future = None
    if processes.is_first():
      future = self._worker.submit(self._write, step, arrays, entries)
    self._pending = step, future

  def wait(self) -> None:
    """Until what was saved is on disk, its manifest too.

    Raises:
      InputError: it could not be saved; the steps before it are unharmed.
    """
    if self._pending is None:
      return
    step, future = self._pending

    def result():
      with _one_line(f'{self._folder}: step {step} could not be saved'):
        future.result()

    try:
      processes.on_first(result)
    finally:  # an interrupt ends the wait, not the save
      if future is None or future.done():
        self._pending = None

  def delete_old(self) -> None:
    """Deletes steps above `keep`, as each save does unless it is killed."""
    self.wait()
    processes.on_first(self._delete_old)

  def latest(self) -> int | None:
    """The newest verified step; damaged ones are skipped with a warning.

    None if there is no step at all.

    Raises:
      InputError: there are steps, and all are damaged; a failed save.
    """
    self.wait()
    return processes.on_first(self._find_latest)

  def restore(
    self, target: Any, step: int | None = None
  ) -> tuple[int, Any] | None:
    """The newest verified step and its state; None if there is no step at all.

    Args:
      target: a pytree of arrays, `jax.ShapeDtypeStruct`s, keys and Python
        numbers; gives structure, shapes and dtypes. What was saved on any
        devices is restored to the host (where the target has NumPy arrays)
        or the default device.
      step: that one, and no other.

    Raises:
      InputError: all steps, or the one asked for, are damaged; the target has
        another architecture (every differing leaf is named); a failed save.
    """
    self.wait()
    if step is None and (step := self.latest()) is None:
      return None
    path = self._folder / str(step)
    if not path.is_dir():
      raise InputError(f'step: no {step} in {self._folder}')
    manifest = steps.check(path, step)
    arrays = steps.load(path, manifest)
    state = tree.to_target(target, arrays, manifest['arrays'], str(path))
    return step, state

  def _find_latest(self):
    # What was intact may not be any more; above the newest, nothing is.
    earlier, self._intact = self._intact, set()
    step = reading.newest(self._folder)
    if step is not None:
      self._intact = {step, *(n for n in earlier if n < step)}
    return step

  def _prepare(self, step):
    """Clears the way for a new step; on process 0, with no save running."""
    with _one_line(f'{self._folder}: cannot be written to'):
      self._folder.mkdir(parents=True, exist_ok=True)
      for path in reading.leftovers(self._folder):
        shutil.rmtree(path)
      for number in reversed(reading.numbers(self._folder)):
        if number >= step and self._is_intact(number):
          raise InputError(
            f'step: {step} is not new, {self._folder} has {number}'
          )
      if (self._folder / str(step)).exists():
        logging.warning('%s: damaged step %d replaced', self._folder, step)
        shutil.rmtree(self._folder / str(step))

  def _is_intact(self, number):
    if number not in self._intact:
      with contextlib.suppress(InputError):
        steps.check(self._folder / str(number), number)
        self._intact.add(number)
    return number in self._intact

  def _write(self, step, arrays, entries):
    path = self._folder / f'{step}.unverified'
    steps.write(path, step, arrays, entries, self._description)
    path.rename(self._folder / str(step))
    steps.sync_folder(self._folder)
    self._intact.add(step)
    self._delete_old()

  def _delete_old(self):
    kept = 0
    for number in reversed(reading.numbers(self._folder)):
      if kept < self._keep:
        kept += self._is_intact(number)
        continue
      path = self._folder / str(number)
      try:
        shutil.rmtree(path)
      except OSError as error:
        logging.warning('%s: old step not deleted (%s)', path, error)


@contextlib.contextmanager
def _one_line(what: str) -> Iterator[None]:
  try:
    yield
  except InputError:
    raise
  except Exception as error:  # of the file system, Orbax, TensorStore
    reason = ' '.join(str(error).split())[:200]
    raise InputError(f'{what} ({reason})') from error
