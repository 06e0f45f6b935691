"""Metrics of a training as JSON lines, and to TensorBoard where asked."""

import json
import os
import pathlib

from fr_poison.files import write_atomic
from fr_poison.types import InputError


class MetricsFile:
  """One line per report; those that a stop has outdated are dropped."""

  def __init__(
    self, path: pathlib.Path, *, after: int, tensorboard: bool = False
  ):
    """Opens the file for steps above `after`.

    Args:
      path: made if it is not there; its folder must be.
      after: the step that training goes on from; -1: it begins.
      tensorboard: write event files beside it, too.

    Raises:
      InputError: it cannot be written, or tensorboardX is not installed.
    """
    self._path, self._writer = path, None
    if tensorboard:
      self._writer = _event_writer(path.parent, after)
    kept = ''.join(line + '\n' for line in _lines(path, after))
    write_atomic(path, kept.encode())

  def write(self, step: int, values: dict[str, float]) -> None:
    """Appends {'step': step, **values}; it is on the disk on return.

    Raises:
      InputError: it cannot be written.
    """
    line = json.dumps({'step': step} | values, allow_nan=False)
    try:
      with self._path.open('a') as file:
        file.write(line + '\n')
        file.flush()
        os.fsync(file.fileno())  # before the checkpoint that continues it is
    except OSError as error:
      raise InputError(f'{self._path}: {error.strerror}') from error
    if self._writer:
      for name, value in values.items():
        self._writer.add_scalar(name, value, step)
      self._writer.flush()

  def close(self) -> None:
    """Ends the event file."""
    if self._writer:
      self._writer.close()


def _lines(path, after):
  try:
    lines = path.read_text(errors='replace').splitlines()
  except FileNotFoundError:
    return
  except OSError as error:
    raise InputError(f'{path}: {error.strerror}') from error
  for line in lines:
    try:
      if json.loads(line)['step'] <= after:
        yield line
    except (ValueError, KeyError, TypeError):
      return  # a killed process wrote half of it


def _event_writer(folder, after):
  try:
    import tensorboardX
  except ImportError as error:
    raise InputError(
      "--tensorboard: pip install 'fr_poison[tensorboard]' first"
    ) from error
  return tensorboardX.SummaryWriter(str(folder), purge_step=after + 1)
