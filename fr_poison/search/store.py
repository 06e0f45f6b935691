"""Embeddings of any number of pictures, in a file that is computed once.

A folder holds them by network: `embeddings.f32`, [N, D] float32 row by row, and
`manifest.json`, with the SHA-256 of every block and of its pictures. A block is
computed when it is not there, when its pictures are others, and when its bytes
are not those of the manifest.
"""

import functools
import hashlib
import json
import os
import pathlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from fr_poison import checks, files, stages
from fr_poison.data.batches import (
  Progress,
  map_batches,
  pictures_a_call,
  silent,
)
from fr_poison.extractors.embedding import CPU_BATCH
from fr_poison.extractors.registry import Extractor
from fr_poison.types import Embeddings, InputError

MANIFEST = 'manifest.json'
BLOCK_SIZE = 1024  # pictures
_EMBEDDINGS = 'embeddings.f32'
_AXIS = 'batch'


class Store(NamedTuple):
  """All embeddings, and what had to be done for them."""

  embeddings: np.memmap  # [N, D] float32, read-only
  num_computed: int  # blocks, in this run
  damaged: tuple[int, ...]  # of them, blocks whose bytes had changed


def fill(
  folder: str | os.PathLike,
  extractor: Extractor,
  stream: Callable[[int], Iterable[np.ndarray]],
  count: int,
  *,
  batch_size: int = 20,
  block_size: int = BLOCK_SIZE,
  progress: Progress = silent,
) -> Store:
  """Brings the store of these pictures and this network up to date.

  Every device of this process embeds its part of a batch; memory holds one
  block. A run that was killed, started again, ends with the same bytes.

  Args:
    folder: of all networks' stores; this one's is a folder in it.
    extractor: the network.
    stream: block_size -> uint8 [block_size, H, W, 3] after the other, the last
      one shorter, in the same order on every call.
    count: how many pictures there are.
    batch_size: pictures on a device at a time; on CPU it changes nothing.
    block_size: pictures of which a killed run loses the work at most.
    progress: is given the loop over blocks; see `data.batches.silent`.

  Raises:
    InputError: no weights to name the store by, a number out of range, another
      number of pictures, or a file that cannot be read or written.
  """
  checks.whole('count', count)
  checks.whole('batch_size', batch_size)
  checks.whole('block_size', block_size)
  folder, header = _place(folder, extractor, block_size)
  try:
    embed = _embed_on_all_devices(extractor, batch_size)
    blocks = progress(stream(block_size), count, block_size)
    return _fill(folder, header, embed, blocks, count)
  except OSError as error:
    raise InputError(f'{error.filename or folder}: {error.strerror}') from error


def read(folder: str | os.PathLike, extractor: Extractor) -> np.memmap:
  """Opens a network's embeddings [N, D], once every byte is verified.

  Args:
    folder: as in `fill`, which has finished.
    extractor: the network.

  Raises:
    InputError: there are none of this network, or not all, or damaged ones.
  """
  folder, header = _place(folder, extractor, None)
  path = folder / _EMBEDDINGS
  try:
    known = json.loads((folder / MANIFEST).read_text())
    header['block_size'] = size = known['block_size']
    blocks = _read_manifest(folder / MANIFEST, header)
    found = np.memmap(path, np.float32, 'r')
    found = found.reshape(-1, header['embedding_size'])
    damaged = [
      number
      for number in range(-(-len(found) // size))
      if blocks[str(number)]['embeddings']
      != _digest(found[number * size : (number + 1) * size])
    ]
  except (OSError, ValueError, KeyError, TypeError) as error:
    raise InputError(f'{folder}: no whole store of embeddings') from error
  if damaged:
    raise InputError(f'{path}: block {damaged[0]} is damaged; fill it again')
  return found


def _place(folder, extractor, block_size):
  """The folder of a network, and what its manifest begins with."""
  if extractor.sha256 is None:
    raise InputError(f'network: {extractor.spec.name} has no embeddings')
  header = {
    'network': extractor.spec.name,
    'weights': extractor.sha256,
    'input_size': extractor.input_size,
    'embedding_size': extractor.spec.embedding_size,
    'block_size': block_size,
    'jax': jax.__version__,
    'stages': stages.versions('NETWORKS'),
  }
  names = 'network', 'weights', 'input_size', 'jax', 'stages'
  network = [header[name] for name in names]
  digest = hashlib.sha256(json.dumps(network).encode()).hexdigest()
  return pathlib.Path(folder) / f'{network[0]}-{digest[:16]}', header


def _fill(folder, header, embed, stream, count):
  folder.mkdir(parents=True, exist_ok=True)
  embeddings = _open(
    folder / _EMBEDDINGS, np.float32, (count, header['embedding_size'])
  )
  known = _read_manifest(folder / MANIFEST, header)
  blocks, num_computed, damaged, stop = {}, 0, [], 0
  for number, images in enumerate(stream):
    rows, key = slice(stop, stop + len(images)), str(number)
    stop = rows.stop
    if stop > count:
      break
    pictures = _digest(np.stack([_hash(image) for image in images]))
    blocks[key] = known.pop(key, {})
    if blocks[key].get('pictures') == pictures:
      if blocks[key].get('embeddings') == _digest(embeddings[rows]):
        continue
      damaged.append(number)
    embeddings[rows] = embed(images)
    embeddings.flush()  # on disk before the manifest says so
    blocks[key] = {
      'pictures': pictures,
      'embeddings': _digest(embeddings[rows]),
    }
    _write_manifest(folder / MANIFEST, header, blocks | known)
    num_computed += 1
  if stop != count:
    raise InputError(f'pictures: {count} expected, there are others')
  _write_manifest(folder / MANIFEST, header, blocks)
  result = np.memmap(folder / _EMBEDDINGS, np.float32, 'r', 0, embeddings.shape)
  return Store(result, num_computed, tuple(damaged))


def _open(path, dtype, shape):
  """Maps a file of that shape; what was in it stays, as far as there is room.

  The blocks are allocated: a full disk is found here, and not by a signal when
  a page is written.
  """
  size = int(np.prod(shape)) * np.dtype(dtype).itemsize
  with open(path, 'ab') as file:
    file.truncate(size)
    if hasattr(os, 'posix_fallocate'):
      os.posix_fallocate(file.fileno(), 0, size)
  return np.memmap(path, dtype, 'r+', 0, shape)


def _read_manifest(path, header):
  """The blocks that an earlier run finished, by number."""
  try:
    manifest = json.loads(path.read_text())
    blocks = manifest.pop('blocks')
    if manifest == header:
      return {key: dict(block) for key, block in blocks.items()}
  except FileNotFoundError:
    pass
  except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
    pass  # damaged: whatever it vouched for is computed again
  return {}


def _write_manifest(path, header, blocks):
  manifest = header | {'blocks': blocks}
  files.write_atomic(path, json.dumps(manifest, indent=1).encode())


def _hash(image):
  result = hashlib.sha256(f'{image.shape}'.encode())
  result.update(np.ascontiguousarray(image).data)
  return np.frombuffer(result.digest(), np.uint8)


def _digest(array):
  return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def _embed_on_all_devices(
  extractor: Extractor, batch_size: int
) -> Callable[[np.ndarray], Embeddings]:
  """uint8 pictures [N, H, W, 3] -> [N, D], `batch_size` a device."""
  batch_size = pictures_a_call(batch_size, CPU_BATCH)
  mesh = jax.sharding.Mesh(np.array(jax.local_devices()), (_AXIS,))
  split = NamedSharding(mesh, PartitionSpec(_AXIS))
  whole = NamedSharding(mesh, PartitionSpec())
  params = jax.device_put(extractor.params, whole)
  embed = _compiled(extractor.embed_fn, mesh)
  run = lambda batch: embed(params, jax.device_put(batch, split))
  return lambda images: map_batches(run, images, batch_size * mesh.size)


@functools.cache
def _compiled(embed_fn, mesh):
  split, whole = PartitionSpec(_AXIS), PartitionSpec()
  # Each device runs the program of one: a partitioned one would round
  # otherwise for every number of devices.
  return jax.jit(
    jax.shard_map(embed_fn, mesh=mesh, in_specs=(whole, split), out_specs=split)
  )
