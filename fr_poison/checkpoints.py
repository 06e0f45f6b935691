"""Orbax behind one door: whole, verified steps or a reason why not.

Orbax gives back flipped bits without a word, so every step carries a manifest,
which lists each of its files with size and SHA-256 and has a sum of itself; a
step is read only if all of it agrees. A step is written under another name and
renamed once it is on the disk, manifest and all, so a numbered folder is a
whole step or damage, never work in progress. Nor does Orbax mind another shape
or dtype than is asked for: arrays go by name, and each is compared.

Orbax's CheckpointManager counts damaged steps among those that it keeps, so
that the last good one is deleted for them; an empty folder is its latest step.
"""

import contextlib
import hashlib
import json
import math
import operator
import os
import pathlib
import re
import textwrap
from concurrent import futures
from importlib import metadata
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from flax import traverse_util

from fr_poison import checks, files, processes, text
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
    named = _named(state, 'state')
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
      target: a pytree of arrays, `jax.ShapeDtypeStruct`s and Python numbers;
        gives structure, shapes and dtypes. What was saved on any devices is
        restored to the host (where the target has NumPy arrays) or the
        default device.

    Raises:
      InputError: all steps are damaged; the target has another architecture
        (every differing leaf is named; nothing is cast).
    """
    if (step := self.latest()) is None:
      return None
    path = self._folder / str(step)
    return step, _to_target(target, _load(path, step)[0], path)

  def _save(self, step, arrays):
    unverified = self._folder / f'{step}.unverified'
    try:
      with files.output(self._folder):
        self._prepare(step)
        _write(unverified, step, arrays, self._description)
        files.rename(unverified, self._folder / str(step))
        _sync(self._folder)
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
      if number >= step and not _damage(self._folder / str(number), number):
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
        kept += not _damage(path, number)
      else:
        with contextlib.suppress(InputError):  # or at the next save
          files.remove(path)


def read(path: str | os.PathLike) -> tuple[dict, Any]:
  """Reads what was saved, without a target, and its description.

  Args:
    path: a folder of steps, of which the newest verified one is taken, or the
      folder of one step.

  Returns:
    Nested dict of NumPy arrays (Python numbers have no dimensions, tuples have
    '0', '1', ... for keys), and the description.

  Raises:
    InputError: no step there, or none that is intact.
  """
  path = pathlib.Path(path).absolute()
  if not os.path.exists(path / MANIFEST):
    step = _newest(path)
    if step is None:
      raise InputError(f'{path}: holds no checkpoint')
    path = path / str(step)
  arrays, description = _load(path)
  return traverse_util.unflatten_dict(arrays, sep='/'), description


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
    if damage := _damage(folder / str(number), number):
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


def _damage(path, number=None) -> str:
  """What is wrong with a step (of any number if None), in a line, or ''."""
  try:
    problems = ', '.join(_problems(path, number))
  except (OSError, InputError) as error:
    problems = str(error)
  except Exception:  # whatever the JSON of anything else gives
    problems = f'{MANIFEST} unreadable'
  one_line = ' '.join(problems.split())  # names can be anything
  return one_line and f'{path}: step is damaged: {one_line}'


def _problems(path, number):
  if not (path / MANIFEST).is_file():
    yield f'{MANIFEST} missing'
    return
  body = json.loads(files.read_text(path / MANIFEST))
  if body.pop('sha256') != _digest(body):
    yield f'{MANIFEST} altered'
  elif body['format'] != FORMAT:
    yield f'{MANIFEST} has format {body["format"]}'
  elif number not in (None, body['step']):
    yield f'{MANIFEST} is of step {body["step"]}'
  else:
    found, expected = _files(path), body['files']
    for name in sorted(found.keys() ^ expected.keys()):
      yield f'{name} {"missing" if name in expected else "unexpected"}'
    for name in sorted(found.keys() & expected.keys()):
      size, wanted = found[name]['size'], expected[name]['size']
      if size != wanted:
        yield f'{name} has {size} bytes, expected {wanted}'
      elif found[name] != expected[name]:
        yield f'{name} altered (SHA-256)'


def _write(path, number, arrays, description):
  """Writes all of a step to the disk, past its cache, into the new `path`."""
  tree = traverse_util.unflatten_dict(arrays, sep='/')
  # Not on the main thread: older releases of Orbax warn that they wait there.
  with futures.ThreadPoolExecutor(1) as worker, _checkpointer() as checkpointer:
    worker.submit(checkpointer.save, path, tree).result()
  body = {
    'format': FORMAT,
    'step': number,
    'description': description,
    'versions': {p: metadata.version(p) for p in ('jax', 'orbax-checkpoint')},
    'arrays': {
      name: {'shape': list(array.shape), 'dtype': array.dtype.name}
      for name, array in arrays.items()
    },
    'files': _files(path),
  }
  text = json.dumps(body | {'sha256': _digest(body)}, indent=1)
  files.write_atomic(path / MANIFEST, text.encode())
  for written in (*path.rglob('*'), path):
    _sync(written)


def _load(path, number=None) -> tuple[dict[str, np.ndarray], Any]:
  """The arrays of a verified step, by name, and its description."""
  if damage := _damage(path, number):
    raise InputError(damage)
  manifest = json.loads(files.read(path / MANIFEST))
  try:
    with _checkpointer() as checkpointer:
      tree = checkpointer.restore(path)
    tree = jax.tree.map(np.asarray, tree)
  except Exception as error:  # Orbax and TensorStore have many
    raise InputError(
      f'{path}: intact, but unreadable here; written with '
      f'{manifest["versions"]} ({textwrap.shorten(str(error), 200)})'
    ) from error
  return traverse_util.flatten_dict(tree, sep='/'), manifest['description']


def _checkpointer():
  import orbax.checkpoint as ocp  # takes a second

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
  with files.opened(path, max_bytes=math.inf) as file:
    digest = hashlib.file_digest(file, 'sha256').hexdigest()
    return {'size': os.fstat(file.fileno()).st_size, 'sha256': digest}


def _digest(body):
  text = json.dumps(body, sort_keys=True, separators=(',', ':'))
  return hashlib.sha256(text.encode()).hexdigest()


def _sync(path):
  """Makes a file, or the names in a folder, survive a loss of power."""
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


def _to_target(target, arrays, source):
  """The pytree `target` with these arrays for leaves."""
  wanted = _named(target, 'target')
  saved, asked = (
    {name: f'{x.dtype}{list(x.shape)}' for name, x in named.items()}
    for named in (arrays, wanted)
  )
  differences = {
    'missing': asked.keys() - saved.keys(),
    'unexpected': saved.keys() - asked.keys(),
    'different': [
      f'{name} ({saved[name]}, wanted {asked[name]})'
      for name in saved.keys() & asked.keys()
      if saved[name] != asked[name]
    ],
  }
  texts = [f'{k} {", ".join(sorted(x))}' for k, x in differences.items() if x]
  if texts:
    listed = textwrap.shorten('; '.join(texts), 1000)
    raise InputError(f'target: another architecture than in {source}: {listed}')
  names = iter(wanted)  # in the order of the leaves
  return jax.tree.map(lambda leaf: _like(leaf, arrays[next(names)]), target)


def _named(tree, field):
  """Leaves by their paths, 'params/conv/kernel': arrays or shapes of numbers.

  Orbax joins names with dots, so neither a dot nor a slash tells two apart.
  """
  named, places = {}, set()
  for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
    name = jax.tree_util.keystr(path, simple=True, separator='/')
    place = name.replace('/', '.')
    if not all(name.split('/')) or place in places:
      raise InputError(f'{field}: {name!r} names no single leaf; use a dict')
    array = leaf if hasattr(leaf, 'dtype') else np.asarray(leaf)
    if not (jnp.issubdtype(array.dtype, np.number) or array.dtype == bool):
      raise InputError(f'{field}: {name}: {array.dtype} cannot be stored')
    if isinstance(leaf, jax.Array) and not (
      leaf.is_fully_addressable or leaf.is_fully_replicated
    ):
      raise InputError(f'{field}: {name} is spread over several processes')
    named[name] = array
    places.add(place)
  return named


def _like(wanted, array):
  if isinstance(wanted, int | float):
    return array.item()
  # A float64 without jax_enable_x64 would be cast on a device.
  is_cast = jax.dtypes.canonicalize_dtype(array.dtype) != array.dtype
  is_given = is_cast or isinstance(wanted, np.ndarray)
  return array if is_given else jnp.array(array)
