"""Trains with files: metrics, checkpoints, and going on after a stop."""

import contextlib
import json
import math
import pathlib
import time
from collections.abc import Callable

import jax

from fr_poison import checks, files, locks, processes
from fr_poison.checkpoints import Checkpoints
from fr_poison.data import batches
from fr_poison.training.loop import Means, Trainer
from fr_poison.training.preemption import Preemption
from fr_poison.training.sampling import Sampler
from fr_poison.training.step import TrainState
from fr_poison.types import InputError, Stopped


@checks.checked
def run(
  trainer: Trainer,
  sampler: Sampler,
  folder: pathlib.Path,
  *,
  description: dict,
  label: str = 'training',
  save_every: checks.Positive = 1.0,
  keep: checks.Count = 3,
  evaluate: Callable[[TrainState], dict] | None = None,
  eval_every: checks.Count = 1,
  tensorboard: bool = False,
  progress: Callable[[str, str], batches.Progress] | None = None,
) -> TrainState:
  """Trains to the end, from the newest verified checkpoint if there is one.

  With several processes all of them call it; the first one writes.

  Args:
    trainer: the recipe, ready.
    sampler: its batches.
    folder: gets metrics.jsonl, training.json and checkpoints/.
    description: JSON, kept with each checkpoint; `network` makes it loadable.
    label: what is shown to be in progress.
    save_every: epochs between checkpoints.
    keep: checkpoints that stay.
    evaluate: more metrics of a state on the host; the first one is `init`'s.
    eval_every: epochs between these; the last epoch has them, too.
    tensorboard: write event files, too.
    progress: (label, unit) -> what shows the loop; None shows nothing.

  Returns:
    The last state, on the host.

  Raises:
    InputError: the loss is no longer finite; a folder that cannot be written,
      checkpoints that are damaged, another network's or another training's.
    Stopped: SIGTERM or Ctrl-C came; the last finished step is saved.
  """
  epoch, last = sampler.steps_per_epoch, trainer.num_steps
  save_steps = max(1, math.ceil(save_every * epoch))
  is_shown = progress and processes.is_first()
  shown = progress(label, 'step') if is_shown else batches.silent
  with (
    locks.held(folder),
    Preemption() as preemption,
    contextlib.closing(_Metrics(folder)) as metrics,
  ):
    checkpoints = Checkpoints(
      folder / 'checkpoints', keep=keep, description=description
    )
    state, means = _restore(checkpoints, trainer.init(), epoch)
    first = int(state.step)
    processes.on_first(lambda: _describe(folder, description))
    checkpoints.delete_old()  # which a killed run may have left
    processes.on_first(lambda: metrics.open(first, tensorboard))
    if evaluate and not first:
      metrics.write(0, evaluate(jax.device_get(state)))
    steps = _steps(trainer, sampler, state, shown)
    for step, state, sums in steps:
      means.add(sums)
      is_stop = preemption.reached(step)
      is_epoch = step == last or step % epoch == 0
      is_save = step == last or is_stop or step % save_steps == 0
      if is_epoch or is_save:
        # Before anything is saved: a loss that is not finite ends here.
        _check_finite(means, step, checkpoints, folder)
      if is_epoch:
        values = means.take(step, has_classes=trainer.has_classes)
        if evaluate and (step == last or step % (eval_every * epoch) == 0):
          values |= evaluate(jax.device_get(state))
        metrics.write(step, values)
      if is_save:
        checkpoints.save(step, _saved(state, means.sums(step)))
      if is_stop and step < last:
        text = f'stopped at step {step} of {last}, which is saved in {folder}'
        raise Stopped(text * processes.is_first(), preemption.status)
  return jax.device_get(state)


def _steps(trainer, sampler, state, shown):
  """Number, state and sums of each step that is left.

  They are only begun here. Without waiting for the one before, a signal would
  find hundreds of them under way.
  """
  steps, before = trainer.steps(state, sampler), None
  left = range(int(state.step) + 1, trainer.num_steps + 1)
  for step in shown(left, len(left)):
    state, sums = next(steps)
    yield step, state, sums
    jax.block_until_ready(before)
    before = sums


class _Metrics:
  """metrics.jsonl, a line a report; only the first process writes it."""

  def __init__(self, folder):
    self._path, self._writer = folder / 'metrics.jsonl', None
    self._start = time.monotonic()

  def open(self, step, tensorboard):
    """Drops the lines that a stop has outdated; training goes on at `step`."""
    if tensorboard:
      self._writer = _event_writer(self._path.parent, step)
    kept = b''.join(line + b'\n' for line in self._lines(step or -1))
    files.write_atomic(self._path, kept)

  def write(self, step, values):
    if not processes.is_first():
      return
    seconds = round(time.monotonic() - self._start, 3)
    values = values | {'seconds': seconds}
    line = json.dumps({'step': step} | values, allow_nan=False)
    # On disk before the checkpoint that continues it is.
    files.append(self._path, f'{line}\n'.encode())
    if self._writer:
      with files.named(self._path.parent):
        for name, value in values.items():
          self._writer.add_scalar(name, value, step)
        self._writer.flush()

  def close(self):
    if self._writer:
      self._writer.close()

  def _lines(self, last):
    if not self._path.exists():
      return
    lines = files.read(self._path, max_bytes=files.LARGE).splitlines()
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
      for line in lines:  # of which a killed process wrote half of the last
        if json.loads(line)['step'] <= last:
          yield line


def _event_writer(folder, step):
  try:
    import tensorboardX
  except ImportError as error:
    raise InputError(
      "--tensorboard: pip install 'fr_poison[tensorboard]' first"
    ) from error
  for file in folder.glob('events.out.tfevents.*'):
    files.place(file)  # It may write to one that is there.
  return tensorboardX.SummaryWriter(str(folder), purge_step=step + 1)


def _describe(folder, description):
  """Notes what is trained; each step says so, too, and is compared."""
  path, data = folder / 'training.json', f'{json.dumps(description)}\n'.encode()
  with contextlib.suppress(InputError):  # There is none yet.
    if files.read(path) == data:
      return
  files.write_atomic(path, data)


def _saved(state, sums):
  """What a checkpoint holds: a step may be in the middle of an epoch."""
  return vars(state) | {'sums': sums}


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
