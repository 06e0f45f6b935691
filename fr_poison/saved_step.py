"""One step of a run on disk: written whole, and read only if all of it agrees.

Orbax gives back flipped bits without a word, so a step carries a manifest,
which lists each of its files with size and SHA-256 and has a sum of itself. Nor
does Orbax mind another shape or dtype than is asked for: arrays go by name, and
each is compared.
"""

import hashlib
import json
import os
import pathlib
import textwrap
from collections.abc import Iterable, Iterator
from concurrent import futures
from importlib import metadata
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from fr_poison import files, leaves, sums
from fr_poison.types import InputError

MANIFEST = 'manifest.json'
FORMAT = 1


class Saved(NamedTuple):
  """A verified step, of which no array was read yet.

  Attributes:
    path: its folder.
    arrays: shapes and dtypes, by name ('params/conv/kernel').
    description: of its training.
    size: bytes of its files.
    versions: that it was written with, by package.
  """

  path: pathlib.Path
  arrays: dict[str, jax.ShapeDtypeStruct]
  description: Any
  size: int
  versions: dict

  def read(self, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Reads some of the arrays, once they are what `arrays` says.

    InputError: they are not, or this version of Orbax cannot read them.
    """
    wanted = {name: self.arrays[name] for name in names}
    tree = traverse_util.unflatten_dict(wanted, sep='/')
    try:
      with _checkpointer() as checkpointer:
        # Zeros have no bytes on disk: a few of them may be any number.
        there = leaves.flat(checkpointer.metadata(self.path).item_metadata.tree)
        leaves.check(wanted, {name: there[name] for name in wanted}, MANIFEST)
        found = checkpointer.restore(self.path, args=_only(tree))
      return {name: np.asarray(x) for name, x in leaves.flat(found).items()}
    except Exception as error:  # Orbax and TensorStore have many
      raise InputError(
        f'{self.path}: intact, but unreadable here; written with '
        f'{self.versions} ({textwrap.shorten(str(error), 200)})'
      ) from error


def find(path: pathlib.Path, number: int | None = None) -> Saved:
  """Opens a step; InputError: `damage` that it has."""
  if problem := damage(path, number):
    raise InputError(problem)
  manifest = json.loads(files.read(path / MANIFEST))
  try:
    arrays = {name: _shape(x) for name, x in manifest['arrays'].items()}
    leaves.check_names(arrays, MANIFEST)
    size = sum(about['size'] for about in manifest['files'].values())
    rest = manifest['description'], size, manifest['versions']
  except (LookupError, TypeError, AttributeError) as error:
    raise InputError(f'{path}: {MANIFEST} damaged') from error
  return Saved(path, arrays, *rest)


def _shape(about):
  if not all(isinstance(n, int) and n >= 0 for n in about['shape']):
    raise TypeError
  return jax.ShapeDtypeStruct(tuple(about['shape']), jnp.dtype(about['dtype']))


def damage(path: pathlib.Path, number: int | None = None) -> str:
  """Says what is wrong with a step, of any number if None: a line, or ''."""
  try:
    problems = ', '.join(_problems(path, number))
  except (OSError, InputError) as error:
    problems = str(error)
  except Exception:  # whatever the JSON of anything else gives
    problems = f'{MANIFEST} unreadable'
  one_line = ' '.join(problems.split())  # names can be anything
  return one_line and f'{path}: step is damaged: {one_line}'


def _problems(path, number) -> Iterator[str]:
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
    found = sums.of_folder(path, MANIFEST)
    yield from sums.differences(found, body['files'])


def write(
  path: pathlib.Path,
  number: int,
  arrays: dict[str, np.ndarray],
  description: Any,
) -> None:
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
    'files': sums.of_folder(path, MANIFEST),
  }
  text = json.dumps(body | {'sha256': _digest(body)}, indent=1)
  files.write_atomic(path / MANIFEST, text.encode())
  for written in (*path.rglob('*'), path):
    sync(written)


def _only(tree):
  """Has Orbax restore these arrays, and to the host."""
  import orbax.checkpoint as ocp

  kind = ocp.RestoreArgs(restore_type=np.ndarray)
  return ocp.args.PyTreeRestore(
    item=tree,
    restore_args=jax.tree.map(lambda _: kind, tree),
    partial_restore=True,
  )


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


def _digest(body):
  text = json.dumps(body, sort_keys=True, separators=(',', ':'))
  return hashlib.sha256(text.encode()).hexdigest()


def sync(path: pathlib.Path) -> None:
  """Makes a file, or the names in a folder, survive a loss of power."""
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)
