"""Whoever reads what others made: files alone, of a size that is known first.

A pipe nobody writes to, a device without end and a file that says it is larger
than any memory are refused in one line, at once.
"""

import hashlib
import json
import os
import shutil
import signal

import numpy as np
import pytest
import safetensors.numpy
import toy_network
from properties import seeds
from training import run_test

from fr_poison import checkpoints, extractors, files, locks, weights
from fr_poison.attacks import masks
from fr_poison.data import decode, folder
from fr_poison.data.datasets import insightface, megaface, trees
from fr_poison.evaluation.store import Kept
from fr_poison.extractors import cache
from fr_poison.extractors.convert import reading
from fr_poison.photos import manifest
from fr_poison.report import record_file, sources
from fr_poison.search import store
from fr_poison.training import run as training_run
from fr_poison.types import InputError

SECONDS = 60  # in which a test ends, unless it waits for a pipe
EXTRACTOR = toy_network.extractor()
PICTURES = toy_network.pictures(np.arange(3) % 2)
KINDS = ('pipe', 'folder', 'device', 'large', 'link to a pipe')


@pytest.fixture(autouse=True)
def little_time():
  """An error instead of a test that never ends."""

  def late(*_):
    raise AssertionError('still reading')

  old = signal.signal(signal.SIGALRM, late)
  signal.alarm(SECONDS)
  yield
  signal.alarm(0)
  signal.signal(signal.SIGALRM, old)


def _put(path, kind):
  """Puts something there that is no file to read."""
  path.parent.mkdir(parents=True, exist_ok=True)
  if path.is_dir():
    shutil.rmtree(path)
  path.unlink(missing_ok=True)
  if kind == 'folder':
    path.mkdir()
  elif kind == 'device':
    path.symlink_to('/dev/zero')
  elif kind == 'large':
    with open(path, 'wb') as file:
      file.truncate(files.LARGE + 1)  # which takes no room
  elif kind == 'pipe':
    os.mkfifo(path)
  else:
    os.mkfifo(path.with_name('pipe'))
    path.symlink_to('pipe')


def _pictures(path):
  """All that is in a folder or an archive."""
  return [file.read() for file in folder.files(path)]


def _records(path):
  return [record.file.read() for record in insightface.records(path)]


# What they take is a path.
READERS = {
  'a picture': decode.read_image,
  'an archive': _pictures,
  'a list of FaceScrub': trees.read_list,
  'a list of MegaFace': megaface.read_list,
  'a list of pairs': lambda path: trees.read_pairs(path, []),
  'a list of records': lambda path: record_file.read(path),
  'lists of records': lambda path: sources.read([path]),
  'RecordIO': lambda path: _records(path.with_name('a.rec')),
  'a mask': masks.load_mask,
  'weights of others': reading.read,
  'their settings': reading.read_config,
  'weights of ours': cache.read,
  'a network': lambda path: extractors.load(str(path)),
}


# These may be as large as they like, and zeros are an empty archive; and one of
# these may be a folder.
TAKEN = {('an archive', 'large'), ('an archive', 'folder')}
TAKEN |= {('weights of others', 'folder'), ('their settings', 'folder')}
TAKEN |= {('a network', 'folder'), ('RecordIO', 'large')}


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('name', READERS)
def test_no_reader_takes_what_is_no_file(name, kind, tmp_path):
  path = tmp_path / ('a.rec' if name == 'RecordIO' else 'a.bin')
  path.with_suffix('.idx').write_bytes(b'0 0\n')
  _put(path, kind)
  try:
    READERS[name](path)
  except InputError as error:
    assert '\n' not in str(error)
    assert str(path) in str(error) or (name, kind) in TAKEN
  else:
    assert (name, kind) in TAKEN


def _tfjs(path):
  path.write_bytes(json.dumps(seeds.TFJS).encode())
  path.with_name('a.bin').write_bytes(b'ab')
  return lambda: reading.read(path)


def _openvino(path):
  text, data = seeds.openvino()
  path.write_bytes(text)
  path.with_suffix('.bin').write_bytes(data)
  return lambda: reading.read(path)


def _frbench(path):
  path.mkdir()
  (path / 'model.pth').write_bytes(seeds.weights('state_dict.pth'))
  (path / 'config.yaml').write_bytes(seeds.FRBENCH)
  return lambda: (reading.read(path), reading.read_config(path))


def _recordio(path):
  path.write_bytes(seeds.RECORDIO)
  path.with_suffix('.idx').write_bytes(seeds.RECORDIO_INDEX)
  return lambda: _records(path)


def _checkpoint(path):
  steps = checkpoints.Checkpoints(path)
  steps.save(1, {'w': np.arange(3.0)})
  return lambda: (steps.latest(), checkpoints.read(path))


def _cloaks(path):
  kept = Kept(path, 'Ann', 64 * 'a', ['Ann/1.jpg'])
  kept.save(PICTURES[:1], {'seconds': 0.0})
  return kept.load


def _store(path):
  stream = lambda size: iter([PICTURES])
  arguments = path, EXTRACTOR
  store.fill(*arguments, stream, len(PICTURES))
  return lambda: (
    store.fill(*arguments, stream, len(PICTURES)),
    store.read(*arguments),
  )


def _photos(path):
  path.mkdir()
  arguments = path, path, {}, 'h'
  manifest.Manifest(*arguments)
  return lambda: manifest.Manifest(*arguments)


def _training(path):
  train = lambda: training_run.run(
    run_test.Toy(), run_test.Epochs(), path, description=run_test.START
  )
  train()
  return train


def _shipped(path):
  path.mkdir()
  data = safetensors.numpy.save({'w': np.ones(2, np.float32)})
  about = {'file': 'a.st', 'sha256': hashlib.sha256(data).hexdigest()}
  (path / 'manifest.json').write_text(json.dumps({'a': about}))
  (path / 'a.st').write_bytes(data)
  return lambda: weights.load('a', {'w': (2,)}, path)


def _lock(path):
  path.mkdir()
  (path / locks.OWNER).write_bytes(b'1')

  def refused():
    with locks.held(path):
      (path / locks.OWNER).unlink()
      _put(path / locks.OWNER, 'pipe')
      with locks.held(path):
        pass

  return refused


# What they read consists of several files, which they make.
PARTS = {
  'model.json': _tfjs,
  'model.xml': _openvino,
  'release': _frbench,
  'a.rec': _recordio,
  'checkpoints': _checkpoint,
  'cloaks': _cloaks,
  'store': _store,
  'photos': _photos,
  'training': _training,
  'shipped': _shipped,
  'locked': _lock,
}


@pytest.mark.parametrize('name', PARTS)
def test_no_part_is_waited_for_either(name, tmp_path):
  whole = tmp_path / 'whole'
  whole.mkdir()
  PARTS[name](whole / name)
  parts = [x.relative_to(whole) for x in whole.rglob('*') if x.is_file()]
  # Orbax's, all of which are read for their sums.
  parts = [x for x in parts if x.parent.name != 'd']
  parts = [x for x in parts if x.parts[:2] != ('training', 'checkpoints')]
  for number, part in enumerate(parts):
    for kind in ('pipe', 'device'):
      folder = tmp_path / f'{number}-{kind}'
      folder.mkdir()
      read = PARTS[name](folder / name)
      _put(folder / part, kind)
      try:
        read()
      except InputError as error:
        assert '\n' not in str(error)
  assert parts
