"""Embeddings of any number of pictures, in a file that is computed once.

A folder holds them by network: `embeddings.f32`, [N, D] float32 row by row, and
`manifest.json`, with the SHA-256 of every block and of its pictures. A block is
computed when it is not there, when its pictures are others, and when its bytes
are not those of the manifest. Of several processes each takes the next block
that no other one is at; what they note of it is in files of their own until all
is there.
"""

import json
import math
import os
import pathlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from fr_poison import checks, extractors, files, keys, processes
from fr_poison.data.batches import Progress, silent
from fr_poison.types import InputError, UInt8Images

MANIFEST = 'manifest.json'
BLOCK_SIZE = 1024  # pictures
_EMBEDDINGS = 'embeddings.f32'
_PARTS = 'manifest-*.json'  # of processes but the first


class Store(NamedTuple):
  """All embeddings, and what had to be done for them."""

  embeddings: Float32[np.memmap, 'N D']  # read-only
  num_computed: int  # blocks, in this run
  damaged: tuple[int, ...]  # of them, blocks whose bytes had changed


def fill(
  folder: str | os.PathLike,
  extractor: extractors.Extractor,
  stream: Callable[[int], Iterable[UInt8Images]],
  count: int,
  *,
  batch_size: int = 20,
  block_size: int = BLOCK_SIZE,
  progress: Progress = silent,
) -> Store:
  """Brings the store of these pictures and this network up to date.

  Memory holds one block. A run that was killed, started again, ends with the
  same bytes.

  Args:
    folder: of all networks' stores; this one's is a folder in it.
    extractor: the network.
    stream: block_size -> so many pictures after the other, the last ones
      fewer, in the same order on every call.
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
  folder = _place(folder, extractor)
  embed = lambda images: extractors.embed(extractor, images, batch_size)
  blocks = progress(stream(block_size), count, block_size)
  shape = count, extractor.spec.embedding_size
  with files.output(folder.parent), files.named(folder):
    files.make_folder(folder, files.PRIVATE)
    return _fill(folder, shape, embed, blocks)


def read(
  folder: str | os.PathLike, extractor: extractors.Extractor
) -> Float32[np.memmap, 'N D']:
  """Opens a network's embeddings, once every byte is verified.

  Args:
    folder: as in `fill`, which has finished.
    extractor: the network.

  Raises:
    InputError: there are none of this network, or not all, or damaged ones.
  """
  folder = _place(folder, extractor)
  blocks, path = _read_manifest(folder), folder / _EMBEDDINGS
  try:
    found = _map(path)
    found = found.reshape(-1, extractor.spec.embedding_size)
    spans = sorted(tuple(map(int, rows.split(':'))) for rows in blocks)
    starts, stops = zip(*spans, strict=True)
    if (0, *stops) != (*starts, len(found)):
      raise ValueError('some are missing')
  except ValueError as error:
    raise InputError(f'{folder}: no whole store of embeddings') from error
  for number, (start, stop) in enumerate(spans):
    known = blocks[f'{start}:{stop}'].get('embeddings')
    if known != keys.of_array(found[start:stop]):
      raise InputError(f'{path}: block {number} is damaged; fill it again')
  return found


def _place(folder, extractor):
  """The folder of a network, which its weights and our version name."""
  name = extractor.spec.name
  if extractor.sha256 is None:
    raise InputError(f'network: {name} has no embeddings')
  key = keys.key(['NETWORKS'], network=keys.of_networks([extractor]))
  return pathlib.Path(folder) / f'{name}-{key[:16]}'


def _fill(folder, shape, embed, stream):
  # The size of a block is one of pages, of which no two hosts may write one.
  embeddings = _open(folder / _EMBEDDINGS, shape)
  known, blocks, damaged = _read_manifests(folder), {}, []
  num_computed = 0
  placed = enumerate(_placed(stream, len(embeddings)))
  for number, (start, images) in processes.share(placed):
    rows = embeddings[start : start + len(images)]
    key = f'{start}:{start + len(images)}'
    pictures = keys.of(keys.of_pictures(images))
    blocks[key] = known.pop(key, {})
    if blocks[key].get('pictures') == pictures:
      if blocks[key].get('embeddings') == keys.of_array(rows):
        continue
      damaged.append(number)
    rows[:] = embed(images)
    embeddings.flush()  # on disk before the manifest says so
    blocks[key] = {'pictures': pictures, 'embeddings': keys.of_array(rows)}
    _write_manifest(folder, (known if processes.is_first() else {}) | blocks)
    num_computed += 1
  blocks, counts, damaged = zip(
    *processes.gather([blocks, num_computed, damaged]), strict=True
  )
  processes.on_first(lambda: _merge(folder, blocks))
  result = _map(folder / _EMBEDDINGS).reshape(shape)
  return Store(result, sum(counts), tuple(sorted(sum(damaged, []))))


def _placed(stream, count):
  """Each block, after the number of its first row."""
  stop = 0
  for images in stream:
    start, stop = stop, stop + len(images)
    if stop > count:
      break
    yield start, images
  if stop != count:
    raise InputError(f'pictures: {count} expected, there are others')


def _merge(folder, blocks):
  """One manifest of all processes' blocks."""
  found = {rows: block for part in blocks for rows, block in part.items()}
  first = lambda rows: int(rows.partition(':')[0])
  _write_manifest(
    folder, {rows: found[rows] for rows in sorted(found, key=first)}
  )
  for path in folder.glob(_PARTS):
    files.remove(path)


def _map(path):
  """All numbers of a file, read when they are needed."""
  with files.opened(path, max_bytes=math.inf) as file:
    return np.memmap(file, np.float32, 'r')


def _open(path, shape):
  """Maps a file of that shape; what was in it stays, as far as there is room.

  The blocks are allocated: a full disk is found here, and not by a signal when
  a page is written.
  """
  size = int(np.prod(shape)) * np.dtype(np.float32).itemsize
  with files.open_own(path) as file:
    file.truncate(size)
    if hasattr(os, 'posix_fallocate'):
      os.posix_fallocate(file.fileno(), 0, size)
    return np.memmap(file, np.float32, 'r+', 0, shape)


def _read_manifests(folder):
  """As `_read_manifest`, and what a stopped run of several processes left."""
  blocks = _read_manifest(folder)
  for path in sorted(folder.glob(_PARTS)):
    blocks |= _read_manifest(folder, path.name)
  return blocks


def _read_manifest(folder, name=MANIFEST):
  """The blocks that are finished, by their rows 'start:stop'."""
  try:
    manifest = json.loads(files.read_text(folder / name, files.LARGE))
    if manifest['network'] == folder.name:  # no other's, that changed places
      return {rows: dict(block) for rows, block in manifest['blocks'].items()}
  except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
    pass  # not there, or damaged: what it vouched for is computed again
  return {}


def _write_manifest(folder, blocks):
  manifest, name = {'network': folder.name, 'blocks': blocks}, MANIFEST
  if not processes.is_first():
    name = _PARTS.replace('*', str(processes.number()))
  data = json.dumps(manifest, indent=1).encode()
  files.write_atomic(folder / name, data)
