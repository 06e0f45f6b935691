"""What bit_rot.py damages: files as the programs write and read them."""

import atexit
import contextlib
import functools
import hashlib
import json
import logging
import os
import pathlib
import tempfile
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import safetensors.numpy
import toy_network

from fr_poison import extractors, keys, weights
from fr_poison.checkpoints import Checkpoints
from fr_poison.data import datasets, decode
from fr_poison.detectors import fitting
from fr_poison.evaluation import store as cloak_store
from fr_poison.extractors import cache
from fr_poison.photos import manifest
from fr_poison.report import record_file
from fr_poison.search import store


class Target(NamedTuple):
  """Some files and how they are used."""

  write: Callable[[pathlib.Path], None]  # fills a folder
  # Folder -> the result's arrays, and whether something was said.
  read: Callable[[pathlib.Path], tuple[dict, bool]]
  swaps: Callable[[pathlib.Path], list[tuple]]  # files that may change places
  # What an older state may give, if that is said.
  older: dict | None = None


def _state(seed):
  rng = np.random.default_rng(seed)
  return {'kernel': rng.standard_normal((16, 16), np.float32)}


def _write_checkpoint(folder):
  checkpoints = Checkpoints(folder, description={'network': {}})
  for step in (1, 2):
    checkpoints.save(step, _state(step))


@contextlib.contextmanager
def _hearing():
  """A list of what is logged meanwhile, which is not shown."""
  heard = []
  handler = logging.Handler()
  handler.emit = heard.append
  logger = logging.getLogger('absl')
  logger.addHandler(handler)
  logger.propagate = False
  try:
    yield heard
  finally:
    logger.removeHandler(handler)
    logger.propagate = True


def _read_checkpoint(folder):
  with _hearing() as heard:
    return Checkpoints(folder).restore(_state(0))[1], bool(heard)


def _swap_steps(folder):
  names = [p.relative_to(folder / '2') for p in files_of(folder / '2')]
  pairs = [(folder / '1' / n, folder / '2' / n) for n in names]
  return [(a, b) for a, b in pairs if a.exists()]


SHIPPED = {'dense/kernel': (16, 16)}


def _write_shipped(folder):
  manifest = {}
  for seed, name in enumerate(('first', 'second')):
    arrays = {'dense/kernel': _state(seed)['kernel']}
    data = safetensors.numpy.save(arrays)
    (folder / f'{name}.safetensors').write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    manifest[name] = {'file': f'{name}.safetensors', 'sha256': sha256}
  (folder / 'manifest.json').write_text(json.dumps(manifest))


def _read_shipped(folder):
  return weights.load('first', SHIPPED, folder)[0]['params']['dense'], False


NETWORKS = 'arcface_small', 'facenet_small'


def _write_converted(folder):
  rng = np.random.default_rng(0)
  for name in NETWORKS:
    entry = extractors.spec(name)
    size = entry.input_size
    shapes = weights.expected_shapes(entry.module(), size, None)
    variables = {key: rng.random(s, np.float32) for key, s in shapes.items()}
    path = folder / f'{name}.safetensors'
    cache.write(path, name, variables, source='a', source_sha256='1')


def _read_converted(folder):
  os.environ['FR_POISON_CACHE'] = str(folder)
  return weights.flatten(extractors.load(NETWORKS[0]).params), False


def _write_detectors(folder):
  for seed in range(2):
    _detector(folder, seed)


def _detector(folder, seed):
  train = functools.partial(_state, seed)
  return fitting.kept(folder, 'toy', [], {'seed': seed}, train)


def _read_detector(folder):
  return _detector(folder, 0), False


_PICTURES = toy_network.pictures(np.arange(11) % 3)
_EXTRACTOR = toy_network.extractor()


def _blocks(size):
  return (_PICTURES[i : i + size] for i in range(0, len(_PICTURES), size))


def _fill(folder):
  return store.fill(
    folder, _EXTRACTOR, _blocks, len(_PICTURES), batch_size=1, block_size=4
  )


def _read_store(folder):
  found = _fill(folder)
  is_said = bool(found.damaged) or found.num_computed > 0
  return {'embeddings': np.array(found.embeddings)}, is_said


_DOCS = pathlib.Path(__file__).parents[2] / 'docs'
RECORDS = record_file.read(_DOCS / 'orl' / 'records.jsonl')[-2:]


def _write_records(folder):
  record_file.write(folder / 'records.jsonl', RECORDS)


def _read_records(folder):
  found = record_file.read(folder / 'records.jsonl')
  return {'records': _texts(found, RECORDS[0])}, False


def _texts(found, names):
  """Rot in the name of a sum leaves a field more; these were there before."""
  return [json.dumps([row.get(name) for name in names]) for row in found]


PICTURES = 'a.jpg', 'b.jpg'


def _open_manifest(folder):
  names = {path: f'{path}.png' for path in PICTURES}
  with tempfile.TemporaryDirectory() as source:
    for path in PICTURES:
      (pathlib.Path(source) / path).write_bytes(b'a picture')
    return manifest.Manifest(pathlib.Path(source), folder, names, 'c0de')


def _row(path):
  digest = hashlib.sha256(b'a picture').hexdigest()
  row = {'input': path, 'output': None, 'input_sha256': digest}
  return row | {'config_hash': 'c0de', 'linf': 0.0313725, 'psnr': 34.5}


def _write_rows(folder):
  rows = _open_manifest(folder)
  for path in PICTURES:
    rows.append(_row(path))


def _read_rows(folder):
  found = _open_manifest(folder).rows
  is_said = len(found) < len(PICTURES)
  made_again = [found.get(path, _row(path)) for path in PICTURES]
  return {'rows': _texts(made_again, _row('a.jpg'))}, is_said


_FACES = toy_network.pictures(np.arange(3))
_PATHS = 'Ann/1.png', 'Ann/2.png', 'Bob/1.png'


@functools.cache
def _source():
  """A folder of people, which stays as it is."""
  folder = tempfile.TemporaryDirectory()
  atexit.register(folder.cleanup)
  for path, image in zip(_PATHS, _FACES, strict=True):
    decode.write_png(pathlib.Path(folder.name, path), image)
  return pathlib.Path(folder.name)


def _prepare(folder):
  os.environ['TFDS_DATA_DIR'] = str(folder)
  return datasets.prepare('folder', _source(), size=_FACES.shape[1])


def _read_prepared(folder):
  with _hearing() as heard:
    faces = _prepare(folder).faces()
  found = {'images': faces.images, 'labels': faces.labels}
  found |= {'paths': np.array(faces.paths), 'names': np.array(faces.names)}
  return found, bool(heard)


def _cloaks(folder, person):
  """The place of a person's cloaks, these and what is noted of them."""
  own = [i for i, path in enumerate(_PATHS) if path.startswith(person)]
  paths = [_PATHS[i] for i in own]
  kept = cloak_store.Kept(folder, person, keys.of(paths), paths)
  return kept, _FACES[own], {'num_improved': len(own), 'seconds': 1.5}


def _write_cloaks(folder):
  for person in ('Ann', 'Bob'):
    kept, images, note = _cloaks(folder, person)
    kept.save(images, note)


def _read_cloaks(folder):
  result = {}
  with _hearing() as heard:
    for person in ('Ann', 'Bob'):
      kept, images, note = _cloaks(folder, person)
      found, about = kept.load() or kept.save(images, note)
      result |= {person: found, f'{person} is': _texts([about], note)}
  return result, bool(heard)


def files_of(folder):
  return sorted(p for p in folder.rglob('*') if p.is_file())


def _all_pairs(folder):
  found = files_of(folder)
  return [(a, b) for a in found for b in found if a < b]


TARGETS = {
  'checkpoint': Target(
    _write_checkpoint, _read_checkpoint, _swap_steps, _state(1)
  ),
  'shipped weights': Target(_write_shipped, _read_shipped, _all_pairs),
  'converted weights': Target(_write_converted, _read_converted, _all_pairs),
  'detector': Target(_write_detectors, _read_detector, _all_pairs),
  'embedding store': Target(_fill, _read_store, _all_pairs),
  'records': Target(_write_records, _read_records, _all_pairs),
  'rows of cloaks': Target(_write_rows, _read_rows, _all_pairs),
  'prepared data set': Target(_prepare, _read_prepared, _all_pairs),
  'cloaks of an evaluation': Target(_write_cloaks, _read_cloaks, _all_pairs),
}
