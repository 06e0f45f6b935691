"""The device never waits, and whoever asks for rows does not notice.

In the place of a Cloaker is what does its work at once, or waits for a word.
"""

import contextlib
import os
import threading
import time

import photos
import pytest

from fr_poison.data import decode
from fr_poison.photos import Settings, pipeline, tree
from fr_poison.photos.manifest import Manifest
from fr_poison.types import InputError

NAMES = [f'{i}.png' for i in range(12)]
SETTINGS = Settings(
  surrogates=('mobileface',), attack={'name': 'pgd'}, align='none'
)
_SOON = 20  # seconds, after which a test gives up


class Cloaker:
  """Two pictures at a time, whose cloaks they are themselves."""

  number = 2

  def show(self, part, frame):
    return part

  def changes(self, parts):
    return [None] * len(parts)

  def put(self, image, frames, changes):
    return image, []

  def measure(self, image, saved, parts):
    return []

  def embed(self, measured):
    return []

  def fields(self, measured, embeddings):
    return {'status': 'cloaked'}


@pytest.fixture
def start(tmp_path, monkeypatch):
  """start(cloaker) -> rows of twelve pictures; no thread may be left."""
  (tmp_path / 'in').mkdir()
  for seed, name in enumerate(NAMES):
    decode.write_png(tmp_path / 'in' / name, photos.picture(20, 30, seed))
  # So many that those who wait for a word keep nobody from work.
  monkeypatch.setattr(os, 'cpu_count', lambda: 16)
  before = threading.active_count()
  with contextlib.ExitStack() as stack:

    def call(cloaker, strict=False):
      source, output = tmp_path / 'in', tmp_path / 'out'
      output.mkdir(exist_ok=True)
      names = {name: name for name in NAMES}
      job = pipeline.Job(source, output, names, SETTINGS, 'hash', strict)
      manifest = Manifest(source, output, names, 'hash')
      rows = pipeline.Pipeline(job, cloaker, manifest, NAMES).rows()
      stack.callback(rows.close)
      return rows

    yield call
  assert threading.active_count() == before


def _inputs(rows):
  return [row['input'] for row in rows]


def _on_disk(tmp_path):
  return list(photos.rows_of(tmp_path / 'out'))


def test_rows_come_in_order_whoever_is_done_first(start, tmp_path):
  cloaker, last = Cloaker(), threading.Event()
  second = decode.read_image(tmp_path / 'in' / NAMES[1]).tobytes()
  first = decode.read_image(tmp_path / 'in' / NAMES[0]).tobytes()

  def put(image, frames, changes):
    if image.tobytes() == first:
      assert last.wait(_SOON)
    elif image.tobytes() == second:
      last.set()
    return image, []

  cloaker.put = put
  rows = []
  for row in start(cloaker):
    rows.append(row)
    assert _on_disk(tmp_path)[: len(rows)] == _inputs(rows)
  assert _inputs(rows) == NAMES == _on_disk(tmp_path)
  for name in NAMES:
    assert (tmp_path / 'out' / name).exists()


def test_the_next_attack_does_not_wait_for_what_the_last_one_left(start):
  cloaker, attacks, twice = Cloaker(), [], threading.Event()

  def changes(parts):
    attacks.append(parts)
    if len(attacks) == 2:
      twice.set()
    return [None] * len(parts)

  def put(image, frames, changes):
    assert twice.wait(_SOON)
    return image, []

  cloaker.changes, cloaker.put = changes, put
  assert _inputs(start(cloaker)) == NAMES


def test_the_next_pictures_are_read_during_an_attack(start, monkeypatch):
  cloaker, read, names = Cloaker(), tree.read, set()
  ahead = threading.Event()

  def reading(source, path, settings):
    names.add(path)
    if len(names) == 4:
      ahead.set()
    return read(source, path, settings)

  def changes(parts):
    assert ahead.wait(_SOON)
    return [None] * len(parts)

  monkeypatch.setattr(tree, 'read', reading)
  cloaker.changes = changes
  assert _inputs(start(cloaker)) == NAMES


def test_no_more_is_held_than_there_is_room_for(start, monkeypatch):
  cloaker, read, seen, counts = Cloaker(), tree.read, set(), []
  eight, first, counted = threading.Event(), threading.Lock(), threading.Event()

  def reading(source, path, settings):
    seen.add(path)
    if len(seen) == 8:
      eight.set()
    return read(source, path, settings)

  def put(image, frames, changes):
    if first.acquire(blocking=False):
      assert eight.wait(_SOON)
      time.sleep(0.1)  # in which a ninth would be read
      counts.append(len(seen))
      counted.set()
    assert counted.wait(_SOON)
    return image, []

  monkeypatch.setattr(tree, 'read', reading)
  cloaker.put = put
  assert _inputs(start(cloaker)) == NAMES
  # However small they are: four batches of two.
  assert counts == [8]


@pytest.mark.parametrize('stage', ['show', 'changes', 'put', 'fields'])
def test_an_error_comes_after_the_rows_before_it(start, tmp_path, stage):
  cloaker, calls = Cloaker(), []
  work = getattr(cloaker, stage)

  def fail(*args):
    calls.append(args)
    if len(calls) == (3 if stage == 'changes' else 5):
      raise MemoryError('of a thread')
    return work(*args)

  setattr(cloaker, stage, fail)
  # One thread, so that the fifth picture is the fifth.
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(os, 'cpu_count', lambda: 1)
    rows = start(cloaker)
  with pytest.raises(MemoryError, match='of a thread'):
    list(rows)
  assert _on_disk(tmp_path) == NAMES[:4]
  # The cloak of that row, whose numbers failed, is there.
  assert (tmp_path / 'out' / NAMES[4]).exists() == (stage == 'fields')


def test_a_picture_that_is_refused_ends_it_after_those_before_it(
  start, tmp_path
):
  (tmp_path / 'in' / NAMES[4]).write_bytes(b'')
  with pytest.raises(InputError, match=f'in/{NAMES[4]}: empty file'):
    list(start(Cloaker(), strict=True))
  assert _on_disk(tmp_path) == NAMES[:4]
  # Without `strict` it is one of the rows.
  assert _inputs(start(Cloaker())) == NAMES


@pytest.mark.parametrize('error', [KeyboardInterrupt, GeneratorExit])
def test_who_stops_it_waits_for_no_more_than_has_begun(start, tmp_path, error):
  cloaker, attacks = Cloaker(), []

  def changes(parts):
    attacks.append(parts)
    if len(attacks) == 3 and error is KeyboardInterrupt:
      raise error
    return [None] * len(parts)

  cloaker.changes = changes
  rows, before = start(cloaker), threading.active_count()
  if error is KeyboardInterrupt:
    with pytest.raises(KeyboardInterrupt):
      list(rows)
  else:
    next(rows)
    rows.close()
  assert threading.active_count() == before
  found = _on_disk(tmp_path)
  assert found == NAMES[: len(found)] and len(found) < len(NAMES)
  assert not list((tmp_path / 'out').glob('.*'))
