"""One step on disk: what Orbax wrote, and a manifest that vouches for it.

The manifest lists every file with its size and SHA-256, and carries a sum of
itself. A folder is a step only if all of it agrees.
"""

import hashlib
import json
import os
import pathlib
from importlib import metadata
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from flax import traverse_util

from fr_poison.checkpoints.tree import Arrays, Entries
from fr_poison.types import InputError

MANIFEST = 'manifest.json'
FORMAT = 1
_FIELDS = {
  'format': int,
  'step': int,
  'description': object,
  'versions': dict,
  'arrays': dict,
  'files': dict,
}


def write(
  path: pathlib.Path,
  number: int,
  arrays: Arrays,
  entries: Entries,
  description: Any,
) -> None:
  """Writes a step into the new folder `path`, the manifest last.

  All of it is on the disk, not just in its cache, when this returns.
  """
  # Orbax refuses arrays without values; the manifest knows all there is to
  # know about them.
  full = {name: array for name, array in arrays.items() if array.size}
  with _checkpointer() as checkpointer:
    checkpointer.save(path, args=ocp.args.PyTreeSave(_to_tree(full)))
  body = {
    'format': FORMAT,
    'step': number,
    'description': description,
    'versions': {p: metadata.version(p) for p in ('jax', 'orbax-checkpoint')},
    'arrays': entries,
    'files': {name: _sum(path / name, sync=True) for name in _files(path)},
  }
  text = json.dumps(body | {'sha256': _digest(body)}, indent=1)
  with (path / MANIFEST).open('x', encoding='utf-8') as file:
    file.write(text)
    file.flush()
    os.fsync(file.fileno())
  for folder in (path, *(p for p in path.rglob('*') if p.is_dir())):
    sync_folder(folder)


def check(path: pathlib.Path, number: int | None = None) -> dict:
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
  except (KeyError, TypeError):
    problems = [f'{MANIFEST} unreadable']
  if problems:
    listed = ' '.join(', '.join(problems).split())  # names can be anything
    raise InputError(f'{path}: step is damaged: {listed}')
  return manifest


def _read_manifest(path):
  if not path.is_file():
    raise InputError(f'{path.name} missing')
  try:
    manifest = json.loads(path.read_text(encoding='utf-8'))
    body = {k: v for k, v in manifest.items() if k != 'sha256'}
    intact = manifest['sha256'] == _digest(body)
    for name, kind in _FIELDS.items():
      if not isinstance(manifest[name], kind):
        raise TypeError
  except Exception as error:  # whatever the JSON of anything else gives
    raise InputError(f'{path.name} unreadable') from error
  if not intact:
    raise InputError(f'{path.name} altered')
  if manifest['format'] != FORMAT:
    raise InputError(f'{path.name} has format {manifest["format"]}')
  return manifest


def _problems(path, expected):
  found = _files(path)
  problems = [f'{name} missing' for name in expected if name not in found]
  problems += [f'{name} unexpected' for name in found if name not in expected]
  for name in sorted(expected.keys() & set(found)):
    size = (path / name).stat().st_size
    if size != expected[name]['size']:
      wanted = expected[name]['size']
      problems.append(f'{name} has {size} bytes, expected {wanted}')
    elif _sum(path / name) != expected[name]:
      problems.append(f'{name} altered (SHA-256)')
  return problems


def load(path: pathlib.Path, manifest: dict) -> Arrays:
  """The host arrays, by name, of a step that `check` found intact.

  Raises:
    InputError: Orbax cannot read it, or reads something else.
  """
  try:
    with _checkpointer() as checkpointer:
      tree = checkpointer.restore(path, args=ocp.args.PyTreeRestore())
    return _arrays(tree, manifest['arrays'])
  except Exception as error:  # Orbax and TensorStore have many
    versions = ', '.join(f'{k} {v}' for k, v in manifest['versions'].items())
    raise InputError(
      f'{path}: intact, but unreadable here; written with {versions} '
      f'({" ".join(str(error).split())[:200]})'
    ) from error


def _arrays(tree, entries):
  loaded = traverse_util.flatten_dict(tree, sep='/')
  arrays = {}
  for name, entry in entries.items():
    dtype, shape = jnp.dtype(entry['dtype']), tuple(entry['shape'])
    empty = 0 in shape  # see `write`
    array = np.zeros(shape, dtype) if empty else loaded.pop(name, None)
    if getattr(array, 'dtype', 0) != dtype or array.shape != shape:
      raise ValueError(f'{name} came back as another array')
    arrays[name] = np.asarray(array)
  if loaded:
    raise ValueError(f'{", ".join(loaded)} came back unasked')
  return arrays


def sync_folder(path: pathlib.Path) -> None:
  """Makes names made or changed in a folder survive a loss of power."""
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


def _checkpointer():
  # Only arrays of the host are written, by one process, and any may read:
  # Orbax must not wait for the others.
  me = jax.process_index()
  alone = ocp.options.MultiprocessingOptions(
    primary_host=me, active_processes={me}
  )
  handler = ocp.PyTreeCheckpointHandler(multiprocessing_options=alone)
  return ocp.Checkpointer(handler, multiprocessing_options=alone)


def _to_tree(arrays):
  return traverse_util.unflatten_dict(arrays, sep='/')


def _files(path):
  """Names, relative to `path`, of all files but the manifest."""
  found = (p for p in path.rglob('*') if not p.is_dir() or p.is_symlink())
  names = sorted(p.relative_to(path).as_posix() for p in found)
  return [name for name in names if name != MANIFEST]


def _sum(path, sync=False):
  with path.open('rb') as file:
    digest = hashlib.file_digest(file, 'sha256').hexdigest()
    if sync:
      os.fsync(file.fileno())
    return {'size': os.fstat(file.fileno()).st_size, 'sha256': digest}


def _digest(body):
  text = json.dumps(body, sort_keys=True, separators=(',', ':'))
  return hashlib.sha256(text.encode()).hexdigest()
