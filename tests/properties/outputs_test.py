"""Whoever writes: never through a link, and whole or not at all."""

import contextlib
import os
import pathlib

import full_disk
import numpy as np
import pytest
import toy_network
from matplotlib.figure import Figure
from properties import seeds
from training import run_test

from fr_poison import files
from fr_poison.checkpoints import Checkpoints
from fr_poison.data import datasets, decode
from fr_poison.detectors import fitting
from fr_poison.evaluation.store import Kept
from fr_poison.extractors import cache
from fr_poison.photos import manifest
from fr_poison.report import figures, grid, page, record_file, sources
from fr_poison.report.drawing import Drawing
from fr_poison.search import store
from fr_poison.training import run as training_run
from fr_poison.types import InputError

EXTRACTOR = toy_network.extractor()
PICTURES = toy_network.pictures(np.arange(5) % 2)
CHECKPOINT = {'w': np.arange(3000, dtype=np.float32)}


@pytest.fixture(autouse=True)
def little_figure(monkeypatch):
  """Instead of those of reports, which take seconds."""

  def draw_all(found):
    drawing = Drawing('a', 'a', 'a', 'a', Figure((1, 1), 10))
    return figures.Figures([drawing], [])

  monkeypatch.setattr(figures, 'draw_all', draw_all)


def _page(folder):
  page.write_folder(sources.Sources([seeds.RECORD]), folder)
  shown = grid.tables([seeds.RECORD])
  page.write(folder / 'one' / 'page.html', shown)


def _keep(folder):
  kept = Kept(folder, 'Ann', 64 * 'a', ['Ann/1.jpg', 'Ann/sub/2.jpg'])
  kept.save(PICTURES[:2], {'seconds': 0.0})


def _fill(folder):
  stream = lambda size: iter([PICTURES])
  store.fill(folder, EXTRACTOR, stream, len(PICTURES))


def _photos(folder):
  rows = manifest.Manifest(folder.parent, folder, {}, 'h')
  rows.append({'input': 'a.jpg', 'output': 'a.png', 'config_hash': 'h'})
  decode.write_png(folder / 'sub' / 'b.png', PICTURES[0])


def _train(folder):
  training_run.run(
    run_test.Toy(), run_test.Epochs(), folder, description=run_test.START
  )


def _detector(folder):
  train = lambda: {'params': {'w': np.arange(9.0)}}
  fitting.kept(folder / 'detectors', 'linear', [PICTURES], {}, train)


WRITERS = {
  'cache': lambda folder: cache.write(
    folder / 'a.safetensors', 'a', seeds.ARRAYS, source='', source_sha256=''
  ),
  'checkpoints': lambda folder: Checkpoints(folder / 'x').save(1, CHECKPOINT),
  'cloaks': lambda folder: _keep(folder / 'cloaks' / 'pgd-a'),
  'detector': _detector,
  'page': _page,
  'photos': _photos,
  'records': lambda folder: record_file.write(
    folder / 'x' / 'records.jsonl', [seeds.RECORD]
  ),
  'store': _fill,
  'training': _train,
}
# What is there only for a while.
PASSING = {
  'checkpoints': ['x/1.unverified', 'x/1.unverified.orbax-checkpoint-tmp'],
  'cloaks': ['cloaks/pgd-a/Ann-aaaaaaaaaaaaaaaa.partial'],
}
LINES = 'metrics.jsonl', 'manifest.jsonl'  # one more at a time
VOUCHED_FOR = ('embeddings.f32',)  # by a file that is written later


def _content(folder):
  """Every name below a folder, and the bytes of each file."""
  return {
    path.relative_to(folder).as_posix(): path.is_file() and path.read_bytes()
    for path in sorted(folder.rglob('*'))
  }


def _write(name, folder):
  """Runs a writer as a program does; whether it refused, in one line."""
  try:
    with files.output(folder):
      WRITERS[name](folder)
  except InputError as error:
    assert '\n' not in str(error)
    assert str(folder) in str(error)
    return True
  return False


@pytest.mark.parametrize('name', WRITERS)
def test_no_writer_follows_a_link(name, tmp_path):
  whole, count = tmp_path / 'whole', 0
  assert not _write(name, whole)
  places = [*_content(whole), *PASSING.get(name, ())]
  for place in places:
    if name == 'checkpoints' and place.count('/') > 2:
      continue  # in a folder that is new
    out, victim = tmp_path / f'{count}', tmp_path / f'{count}-victim'
    count += 1
    is_folder = not (whole / place).is_file()
    (out / place).parent.mkdir(parents=True)
    (victim / place).parent.mkdir(parents=True)
    if is_folder:
      (victim / place / 'sub').mkdir(parents=True)
      for inner in ('ann.jpg', 'sub/ann.jpg', '1', 'figures'):
        (victim / place / inner).write_bytes(b'precious')
    else:
      (victim / place).write_bytes(b'precious')
    (out / place).symlink_to(victim / place)
    before = _content(victim)
    refused = _write(name, out)
    assert _content(victim) == before, place
    # Or another folder or file is there now.
    assert refused or not (out / place).is_symlink(), place
  assert count


@pytest.mark.parametrize('name', WRITERS)
@pytest.mark.parametrize('is_half', [False, True])
def test_no_writer_leaves_half_a_file(name, is_half, tmp_path):
  whole, out = tmp_path / 'whole', tmp_path / 'out'
  assert not _write(name, whole)
  expected = _content(whole)
  size = max(map(len, filter(None, expected.values()))) // 2 if is_half else 0
  with full_disk.after(size):
    assert _write(name, out)
  for place, data in _content(out).items():
    if pathlib.Path(place).name in LINES:
      assert data[-1:] in (b'', b'\n'), place
    elif pathlib.Path(place).name not in VOUCHED_FOR:
      assert data == expected[place], place
  assert not _write(name, out)  # There is space again.


@pytest.mark.parametrize('name', WRITERS)
def test_a_disk_that_is_full_at_any_moment_is_a_line(
  name, tmp_path, monkeypatch
):
  count, last = 0, np.inf

  def fsync(descriptor):
    nonlocal count
    count += 1
    if count > last:
      raise OSError(28, 'No space left on device')

  monkeypatch.setattr(os, 'fsync', fsync)
  assert not _write(name, tmp_path / 'whole')
  for last in {0, 1, count // 2, count - 1} - {count}:
    count = 0
    refused = _write(name, tmp_path / f'{last}')
    assert refused == (count > last)  # A checkpoint's files may be fewer.


def test_a_set_of_prepared_pictures_is_no_link(tmp_path, monkeypatch):
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'tfds'))
  source, photos = tmp_path / 'in', tmp_path / 'photos'
  (source / 'Ann').mkdir(parents=True)
  decode.write_png(source / 'Ann' / 'a.png', PICTURES[0])
  photos.mkdir()
  (photos / 'ann.jpg').write_bytes(b'precious')
  with contextlib.suppress(InputError):
    datasets.prepare('folder', source)
  (place,) = (tmp_path / 'tfds' / 'folder').iterdir()
  files.remove(place)
  place.symlink_to(photos)
  with pytest.raises(InputError, match=f'{place}: a link'):
    datasets.prepare('folder', source)
  assert _content(photos) == {'ann.jpg': b'precious'}
