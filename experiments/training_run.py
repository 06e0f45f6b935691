"""A training with files: metrics, checkpoints, and going on after a stop."""

import contextlib
import dataclasses
import json
import math
import pathlib
import time
from collections.abc import Callable

import jax
from interruption import Stopped
from metrics_file import MetricsFile
from preemption import Preemption
from progress import Progress

from fr_poison import locks, processes
from fr_poison.checkpoints import Checkpoints
from fr_poison.files import write_atomic
from fr_poison.training import Trainer, TrainState
from fr_poison.training.loop import Means
from fr_poison.training.sampling import Sampler
from fr_poison.types import InputError

_NUM_SHOWN = 60  # letters of a value that differs


def run(
  trainer: Trainer,
  sampler: Sampler,
  folder: pathlib.Path,
  *,
  description: dict,
  label: str = 'training',
  save_every: float = 1.0,
  keep: int = 3,
  evaluate: Callable[[TrainState], dict] | None = None,
  eval_every: int = 1,
  tensorboard: bool = False,
) -> TrainState:
  """Trains to the end, from the newest verified checkpoint if there is one.

  With several processes all of them call it; the first one writes.

  Args:
    trainer: the recipe, ready.
    sampler: its batches.
    folder: gets metrics.jsonl, training.json and checkpoints/.
    description: JSON, kept with each checkpoint; `network` makes it loadable.
    label: for the progress line.
    save_every: epochs between checkpoints.
    keep: checkpoints that stay.
    evaluate: more metrics of a state on the host; the first one is `init`'s.
    eval_every: epochs between these; the last epoch has them, too.
    tensorboard: write event files, too.

  Returns:
    The last state, on the host.

  Raises:
    InputError: the loss is no longer finite; a folder that cannot be written,
      checkpoints that are damaged, another network's or another training's.
    Stopped: SIGTERM or Ctrl-C came; the last finished step is saved.
  """
  epoch = sampler.steps_per_epoch
  save_steps = max(1, math.ceil(save_every * epoch))
  with contextlib.ExitStack() as stack:
    stack.enter_context(locks.held(folder))
    checkpoints = Checkpoints(
      folder / 'checkpoints', keep=keep, description=description
    )
    preemption = stack.enter_context(Preemption())
    # 1. The newest verified checkpoint of this folder. 2. Else the beginning.
    first, means = _restore(checkpoints, trainer.init(), epoch)
    state, step, last = first, int(first.step), trainer.num_steps
    processes.on_first(lambda: _claim(folder, description, is_new=not step))
    checkpoints.delete_old()  # which a killed run may have left
    log = stack.enter_context(_Log(folder, step, last, label, tensorboard))
    if evaluate and not step:
      log.write(0, evaluate(jax.device_get(first)))
    for state, sums in trainer.steps(first, sampler):
      step += 1
      means.add(sums)
      stop = preemption.reached(step)
      is_epoch = step == last or step % epoch == 0
      is_save = step == last or stop or step % save_steps == 0
      if is_epoch or is_save:
        # Before anything is saved: a loss that is not finite ends here.
        _check_finite(means, step, checkpoints, folder)
      if is_epoch:
        values = means.take(step)
        if evaluate and (step == last or step % (eval_every * epoch) == 0):
          values |= evaluate(jax.device_get(state))
        log.write(step, _known(values, trainer))
      if is_save:
        checkpoints.save(step, _saved(state, means.sums(step)))
      if stop and step < last:
        text = f'stopped at step {step} of {last}, which is saved in {folder}'
        raise Stopped(text * processes.is_first(), preemption.status)
      log.update(sums)
  return jax.device_get(state)


class _Log:
  """What the first process says and writes; the others are silent."""

  def __init__(self, folder, step, last, label, tensorboard):
    self._start, self._label, self._left = time.monotonic(), label, last - step
    self._previous, self._progress, self._file = None, None, None
    if processes.is_first():
      self._progress = Progress(last, 'step')
      for _ in range(step):
        self._progress.skip()
    processes.on_first(lambda: self._open(folder, step, tensorboard))

  def _open(self, folder, step, tensorboard):
    self._file = MetricsFile(
      folder / 'metrics.jsonl', after=step or -1, tensorboard=tensorboard
    )

  def __enter__(self):
    self._show()
    return self

  def __exit__(self, *error):
    if self._progress:
      self._progress.close()
    if self._file:
      self._file.close()

  def write(self, step, values):
    if self._file:
      seconds = round(time.monotonic() - self._start, 3)
      self._file.write(step, values | {'seconds': seconds})

  def update(self, sums):
    # Steps are only begun here. Without waiting for the one before, a signal
    # would find hundreds of them under way, and the progress line would lie.
    jax.block_until_ready(self._previous)
    self._previous = sums
    self._left -= 1
    self._show()

  def _show(self):
    if self._progress and self._left:
      self._progress.update(self._label)


def _claim(folder, description, *, is_new):
  """Notes whose folder it is; refuses to go on with another training."""
  path, wanted = folder / 'training.json', json.dumps(description)
  try:
    folder.mkdir(parents=True, exist_ok=True)
    found = None if is_new else json.loads(path.read_text())
  except FileNotFoundError:
    found = None  # a folder of checkpoints alone
  except (OSError, ValueError, RecursionError) as error:
    raise InputError(f'{path}: {error}') from error
  if found is None:
    write_atomic(path, (wanted + '\n').encode())
  elif changed := _changes(found, json.loads(wanted)):
    raise InputError(
      f'{folder}: holds another training ({"; ".join(changed)}); choose '
      'another folder, or go on as it began'
    )


def _changes(old, new, name=''):
  """The values that differ, by their names in the description."""
  if not (isinstance(old, dict) and isinstance(new, dict)):
    was, now = _short(old), _short(new)
    return [] if old == new else [f'{name[1:]} {was}, now {now}']
  names = dict.fromkeys([*old, *new])
  return [
    change
    for key in names
    for change in _changes(old.get(key), new.get(key), f'{name}.{key}')
  ]


def _short(value):
  """A long list would hide the message."""
  text = repr(value)
  return text if len(text) <= _NUM_SHOWN else f'{text[:_NUM_SHOWN]}...'


def _fields(state):
  return {f.name: getattr(state, f.name) for f in dataclasses.fields(state)}


def _saved(state, sums):
  """What a checkpoint holds: a step may be in the middle of an epoch."""
  return _fields(state) | {'sums': sums}


def _restore(checkpoints, state, epoch):
  found = checkpoints.restore(_saved(state, Means().sums(0)))
  if not found:
    return state, Means()
  step, saved = found
  sums = saved.pop('sums')
  return TrainState(**saved), Means(step - step % epoch, sums)


def _check_finite(means, step, checkpoints, folder):
  try:
    means.sums(step)
  except InputError as error:
    found = checkpoints.latest()
    path = 'none' if found is None else folder / 'checkpoints' / str(found)
    raise InputError(f'{error}; last good checkpoint: {path}') from error


def _known(values, trainer):
  """Without the accuracy of a head that has no classes."""
  has_classes = trainer.recipe.make_head().logits is not None
  return {k: v for k, v in values.items() if has_classes or k != 'accuracy'}
