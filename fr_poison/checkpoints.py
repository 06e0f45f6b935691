"""Orbax behind one door: whole, verified steps or a reason why not.

Orbax gives back flipped bits without a word, so every step carries a manifest,
which lists each of its files with size and SHA-256 and has a sum of itself; a
step is read only if all of it agrees. A step is written under another name and
renamed once it is on the disk, manifest and all, so a numbered folder is a
whole step or damage, never work in progress.

Orbax's CheckpointManager does less than that: an empty folder is its latest
step, saving a step that exists answers False, and damaged steps count among
those that it keeps, so that the last good one is deleted for them.
"""

import contextlib
import hashlib
import json
import operator
import os
import pathlib
import re
import shutil
from concurrent import futures
from importlib import metadata
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from absl import logging
from flax import traverse_util

from fr_poison import named_arrays, processes
from fr_poison.types import InputError

MANIFEST = 'manifest.json'
FORMAT = 1
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
    if keep < 1:
      raise InputError(f'keep: {keep}, at least 1 step expected')
    try:
      self._description = json.loads(json.dumps(description, allow_nan=False))
    except (TypeError, ValueError) as error:
      raise InputError(f'description: not JSON ({error})') from error
    self._folder = pathlib.Path(folder).absolute()
    _contents(self._folder)
    self._keep = keep

  def save(self, step: int, state: Any) -> None:
    """Saves `state`, and deletes steps above `keep`.

    A damaged step of this number is replaced, an intact one is not: after a
    restore, save later steps only.

    Args:
      step: number, above that of every verified step of the folder.
      state: any pytree of arrays (replicated, or of this process), keys and
        Python numbers.

    Raises:
      InputError: the step is not a new one, or the state cannot be stored; the
        steps before it are unharmed.
    """
    step = operator.index(step)
    if not 0 <= step < 2**31:  # the other processes get steps as int32
      raise InputError(f'step: {step}, expected one in [0, 2^31)')
    arrays, entries = named_arrays.to_host(state)
    processes.on_first(lambda: self._save(step, arrays, entries))

  def delete_old(self) -> None:
    """Deletes steps above `keep`, as each save does unless it is killed."""
    processes.on_first(self._delete_old)

  def latest(self) -> int | None:
    """Finds the newest verified step, skipping damaged ones with a warning.

    None if there is no step at all.

    Raises:
      InputError: there are steps, and all are damaged.
    """
    return processes.on_first(lambda: _newest(self._folder))

  def restore(
    self, target: Any, step: int | None = None
  ) -> tuple[int, Any] | None:
    """Reads the newest verified step and its state; None if there is none.

    Args:
      target: a pytree of arrays, `jax.ShapeDtypeStruct`s, keys and Python
        numbers; gives structure, shapes and dtypes. What was saved on any
        devices is restored to the host (where the target has NumPy arrays)
        or the default device.
      step: that one, and no other.

    Raises:
      InputError: all steps, or the one asked for, are damaged; the target has
        another architecture (every differing leaf is named).
    """
    if step is None and (step := self.latest()) is None:
      return None
    path = self._folder / str(step)
    if not path.is_dir():
      raise InputError(f'step: no {step} in {self._folder}')
    arrays, manifest = _load(path, step)
    return step, named_arrays.to_target(
      target, arrays, manifest['arrays'], str(path)
    )

  def _save(self, step, arrays, entries):
    path = self._folder / str(step)
    unverified = path.with_name(f'{step}.unverified')
    try:
      self._prepare(path, step)
      _write(unverified, step, arrays, entries, self._description)
      unverified.rename(path)
      _sync(self._folder)
    except InputError:
      raise
    except Exception as error:  # of the file system, Orbax, TensorStore
      reason = ' '.join(str(error).split())[:200]
      raise InputError(
        f'{self._folder}: step {step} could not be saved ({reason})'
      ) from error
    self._delete_old()

  def _prepare(self, path, step):
    self._folder.mkdir(parents=True, exist_ok=True)
    numbers, leftovers = _contents(self._folder)
    for leftover in leftovers:
      shutil.rmtree(leftover)
    for number in reversed(numbers):
      if number >= step and _is_intact(self._folder, number):
        raise InputError(
          f'step: {step} is not new, {self._folder} has {number}'
        )
    if step in numbers:
      logging.warning('%s: damaged step %d replaced', self._folder, step)
      shutil.rmtree(path)

  def _delete_old(self):
    kept = 0
    for number in reversed(_contents(self._folder)[0]):
      if kept < self._keep:
        kept += _is_intact(self._folder, number)
        continue
      path = self._folder / str(number)
      try:
        shutil.rmtree(path)
      except OSError as error:
        logging.warning('%s: old step not deleted (%s)', path, error)


def read(path: str | os.PathLike) -> tuple[dict, Any]:
  """Reads what was saved, without a target, and its description.

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
  if not os.path.exists(path / MANIFEST):
    step = _newest(path)
    if step is None:
      raise InputError(f'{path}: holds no checkpoint')
    path = path / str(step)
  arrays, manifest = _load(path)
  return named_arrays.nested(arrays), manifest['description']


def _contents(folder: pathlib.Path) -> tuple[list[int], list[pathlib.Path]]:
  """The rising numbers of steps, damaged or not; what killed saves left.

  '007' is neither, an empty folder is no step. There may be no folder.

  Raises:
    InputError: it is a file, or cannot be read.
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


def _newest(folder: pathlib.Path) -> int | None:
  """The newest verified step; None if there are none, damaged or not."""
  damages = []
  for number in reversed(_contents(folder)[0]):
    try:
      _verify(folder / str(number), number)
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


def _is_intact(folder, number):
  with contextlib.suppress(InputError):
    return bool(_verify(folder / str(number), number))
  return False


def _write(path, number, arrays, entries, description):
  """Writes all of a step to the disk, past its cache, into the new `path`."""
  # Orbax refuses arrays without values; the manifest knows all there is to
  # know about them.
  full = {name: array for name, array in arrays.items() if array.size}
  tree = traverse_util.unflatten_dict(full, sep='/')
  # Not on the main thread: older releases of Orbax warn that they wait there.
  with futures.ThreadPoolExecutor(1) as worker, _checkpointer() as checkpointer:
    save = checkpointer.save, path
    worker.submit(*save, args=ocp.args.PyTreeSave(tree)).result()
  body = {
    'format': FORMAT,
    'step': number,
    'description': description,
    'versions': {p: metadata.version(p) for p in ('jax', 'orbax-checkpoint')},
    'arrays': entries,
    'files': _files(path),
  }
  text = json.dumps(body | {'sha256': _digest(body)}, indent=1)
  (path / MANIFEST).write_text(text, encoding='utf-8')
  for written in (*path.rglob('*'), path):
    _sync(written)


def _sync(path):
  """Makes a file, or the names in a folder, survive a loss of power."""
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


def _verify(path: pathlib.Path, number: int | None = None) -> dict:
  """The manifest of the step in `path`, after every file was compared.

  Args:
    path: the step's folder.
    number: the step it must be; None: any.

  Raises:
    InputError: naming each altered, truncated, missing or extra file.
  """
  try:
    manifest = _read_manifest(path / MANIFEST)
    if number not in (None, manifest['step']):
      raise InputError(f'{MANIFEST} is of step {manifest["step"]}')
    problems = _problems(path, manifest['files'])
  except (OSError, InputError) as error:
    problems = [str(error)]
  except Exception:  # whatever the JSON of anything else gives
    problems = [f'{MANIFEST} unreadable']
  if problems:
    listed = ' '.join(', '.join(problems).split())  # names can be anything
    raise InputError(f'{path}: step is damaged: {listed}')
  return manifest


def _read_manifest(path):
  if not path.is_file():
    raise InputError(f'{path.name} missing')
  manifest = json.loads(path.read_text(encoding='utf-8'))
  body = {key: x for key, x in manifest.items() if key != 'sha256'}
  if manifest['sha256'] != _digest(body):
    raise InputError(f'{path.name} altered')
  if manifest['format'] != FORMAT:
    raise InputError(f'{path.name} has format {manifest["format"]}')
  return manifest


def _problems(path, expected):
  found = _files(path)
  problems = [f'{name} missing' for name in expected if name not in found]
  problems += [f'{name} unexpected' for name in found if name not in expected]
  for name in sorted(expected.keys() & found.keys()):
    size, wanted = found[name]['size'], expected[name]['size']
    if size != wanted:
      problems.append(f'{name} has {size} bytes, expected {wanted}')
    elif found[name] != expected[name]:
      problems.append(f'{name} altered (SHA-256)')
  return problems


def _load(
  path: pathlib.Path, number: int | None = None
) -> tuple[named_arrays.Arrays, dict]:
  """The host arrays, by name, of a verified step, and its manifest.

  Raises:
    InputError: as `_verify`; Orbax cannot read it, or reads something else.
  """
  manifest = _verify(path, number)
  try:
    with _checkpointer() as checkpointer:
      tree = checkpointer.restore(path, args=ocp.args.PyTreeRestore())
    loaded = traverse_util.flatten_dict(tree, sep='/')
    arrays = {}
    for name, entry in manifest['arrays'].items():
      dtype, shape = jnp.dtype(entry['dtype']), tuple(entry['shape'])
      empty = 0 in shape  # see `_write`
      array = np.zeros(shape, dtype) if empty else np.asarray(loaded.pop(name))
      if (array.shape, array.dtype) != (shape, dtype):
        raise ValueError(f'{name} came back as another array')
      arrays[name] = array
    if loaded:
      raise ValueError(f'{", ".join(loaded)} came back unasked')
  except Exception as error:  # Orbax and TensorStore have many
    raise InputError(
      f'{path}: intact, but unreadable here; written with '
      f'{manifest["versions"]} ({" ".join(str(error).split())[:200]})'
    ) from error
  return arrays, manifest


def _checkpointer():
  # Only arrays of the host are written, by one process, and any may read:
  # Orbax must not wait for the others.
  me = jax.process_index()
  alone = ocp.options.MultiprocessingOptions(
    primary_host=me, active_processes={me}
  )
  handler = ocp.PyTreeCheckpointHandler(multiprocessing_options=alone)
  return ocp.Checkpointer(handler, multiprocessing_options=alone)


def _files(path):
  """Size and SHA-256 of all files but the manifest, by relative name."""
  found = {}
  for file in sorted(path.rglob('*')):
    name = file.relative_to(path).as_posix()
    if name != MANIFEST and (not file.is_dir() or file.is_symlink()):
      found[name] = _sum(file)
  return found


def _sum(path):
  with path.open('rb') as file:
    digest = hashlib.file_digest(file, 'sha256').hexdigest()
    return {'size': os.fstat(file.fileno()).st_size, 'sha256': digest}


def _digest(body):
  text = json.dumps(body, sort_keys=True, separators=(',', ':'))
  return hashlib.sha256(text.encode()).hexdigest()
