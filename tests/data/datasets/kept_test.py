"""What is kept of people's pictures: every byte is vouched for, or made again.

Nothing is left behind, and nobody else looks inside.
"""

import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent import futures

import numpy as np
import pytest

from fr_poison import locks, strict_json, sums
from fr_poison.data import datasets
from fr_poison.data.datasets import builder, kept
from fr_poison.types import InputError

prepare = functools.partial(datasets.prepare, 'folder', size=8)
PATHS = 'Ann/1.jpg', 'Ann/2.jpg', 'Bob/1.jpg'
FILES = (
  *('dataset_info.json', 'features.json', 'metadata.json', kept.NOTE),
  'folder-train.array_record-00000',
)


@pytest.fixture
def people(tmp_path, draw):
  return draw(tmp_path / 'people', PATHS)


def _levels(found):
  return found.faces().images[:, 0, 0, 0].tolist()


@pytest.fixture
def made(people, tfds_dir):
  """The folder of a set that was prepared."""
  assert _levels(prepare(people)) == [10, 11, 12]
  ((place,),) = [kept.find('folder')]
  (path,) = place.iterdir()
  return path


def _flip(path, at):
  data = bytearray(path.read_bytes())
  data[at % len(data)] ^= 4
  path.write_bytes(data)


@pytest.mark.parametrize('name', FILES)
def test_a_file_that_rots_is_prepared_anew_and_that_is_said(
  name, made, people, caplog
):
  assert {path.name for path in made.iterdir()} == set(FILES)
  intact = (made / name).read_bytes()
  damages = [
    lambda path: _flip(path, len(intact) // 2),
    lambda path: path.write_bytes(b''),
    lambda path: path.write_bytes(intact[:-1]),
    lambda path: path.unlink(),
  ]
  for count, damage in enumerate(damages, 1):
    damage(made / name)
    assert _levels(prepare(people)) == [10, 11, 12]
    assert len(caplog.messages) == count
    assert caplog.messages[-1].startswith(f'{made}: {name}'), caplog.messages
    assert caplog.messages[-1].endswith('prepared anew')
  prepare(people)
  assert len(caplog.messages) == count


def test_a_name_that_rots_takes_no_picture_away(made, people, caplog):
  path = made / 'metadata.json'
  path.write_bytes(path.read_bytes().replace(b'Ann', b'Aon'))
  assert prepare(people).people == {'Ann': 2, 'Bob': 1}
  assert 'metadata.json altered' in caplog.text


def test_a_note_without_its_sum_vouches_for_nothing(made, people, caplog):
  note = json.loads((made / kept.NOTE).read_text())
  del note[strict_json.SUM]
  note['contents'] = '0'
  renamed = json.dumps(note | {'checksun': '0'})
  for text in (renamed, '[1]', '[' * 100_000, '{"files": NaN}'):
    (made / kept.NOTE).write_text(text)
    assert _levels(prepare(people)) == [10, 11, 12]
  assert caplog.text.count('sums.json damaged; prepared anew') == 4


@pytest.mark.parametrize(
  'name, text',
  [
    ('metadata.json', '{"people": {"Ann": 1, "Bob": 1}}'),
    ('metadata.json', '{"people": {"Ann": 1, "Bob": 2}}'),
    ('metadata.json', '{"people": null}'),
    ('dataset_info.json', '{}'),
    ('folder-train.array_record-00000', ''),
  ],
)
def test_what_was_forged_with_its_sums_is_one_line(name, text, made, people):
  if name == 'metadata.json':
    text = json.dumps(json.loads(text) | {'skipped': [], 'assumed': []})
  (made / name).write_text(text)
  note = kept._read(made)
  kept._write(made, note | {'files': sums.of_folder(made, kept.NOTE)})
  with pytest.raises(InputError, match='damaged, delete it'):
    prepare(people).faces()


@pytest.mark.parametrize('files', [5, {'metadata.json': 5}, {'a': None}])
def test_a_forged_note_is_written_anew(files, made, people, caplog):
  kept._write(made, kept._read(made) | {'files': files})
  assert _levels(prepare(people)) == [10, 11, 12]
  assert 'prepared anew' in caplog.text


def test_a_source_that_cannot_be_read_is_one_line(made, people):
  (made / 'metadata.json').write_bytes(b'')
  people.rename(people.with_name('elsewhere'))
  with pytest.raises(InputError, match='people: no such folder or archive'):
    prepare(people)


@pytest.mark.parametrize('is_replaced', [True, False])
def test_a_picture_of_the_same_size_and_time_is_read_where_in_doubt(
  is_replaced, made, people, draw, caplog, monkeypatch
):
  path = people / 'Bob' / '1.jpg'
  about, data = path.stat(), path.read_bytes()
  with monkeypatch.context() as patch:
    patch.setattr(kept, '_TICK', 0)  # as if these files were old
    prepare(people)
  asked = []
  patched = lambda *args: asked.append(args) or contents(*args)
  contents = builder.contents
  monkeypatch.setattr(builder, 'contents', patched)
  monkeypatch.setattr(kept, '_TICK', 0)
  prepare(people)
  assert not asked  # nothing is read where nothing was changed
  time.sleep(0.02)  # a tick of the file system's clock
  if is_replaced:
    draw(people, [path.relative_to(people)])  # of level 10
    assert path.stat().st_size == about.st_size
  else:
    path.write_bytes(data)
  os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
  assert _levels(prepare(people)) == [10, 11, 10 if is_replaced else 12]
  assert asked
  assert ('its source was changed' in caplog.text) == is_replaced
  asked.clear()
  prepare(people)
  assert not asked


def test_files_younger_than_a_tick_are_in_doubt(made, people, monkeypatch):
  def read(*args):
    raise InputError('read')

  monkeypatch.setattr(builder, 'contents', read)
  with pytest.raises(InputError, match='read'):
    prepare(people)


KILLED = """
import os, signal, sys
from fr_poison.data import datasets
from fr_poison.data.datasets import builder
examples = builder.FaceBuilder._generate_examples
def killed(self):
  yield next(examples(self))
  os.kill(os.getpid(), signal.SIGKILL)
builder.FaceBuilder._generate_examples = killed
datasets.prepare('folder', sys.argv[1], size=8)
"""


def test_a_killed_preparation_leaves_no_faces_behind(people, tfds_dir, draw):
  run = [sys.executable, '-c', KILLED, people]
  assert subprocess.run(run, check=False).returncode == -signal.SIGKILL
  (place,) = kept.find('folder')
  (left,) = place.iterdir()
  assert left.name.startswith('incomplete.') and list(left.rglob('*record*'))
  for folder in (place, left):
    assert folder.stat().st_mode & 0o777 == 0o700
  # The next preparation may be of another folder.
  other = draw(people.with_name('other'), ['Cat/1.jpg'])
  with locks.turn(place):  # It is not touched while somebody is at it.
    prepare(other)
    assert left.exists()
  (other / 'Cat' / '1.jpg').rename(other / 'Cat' / '2.jpg')
  prepare(other)
  assert not list(tfds_dir.rglob('incomplete.*'))
  assert len(kept.find('folder')) == 1


def test_nobody_else_looks_inside(people, tfds_dir):
  theirs = tfds_dir / 'folder'
  theirs.mkdir(mode=0o755)
  prepare(people)
  (place,) = kept.find('folder')
  (path,) = place.iterdir()
  modes = [x.stat().st_mode & 0o777 for x in (place, path, theirs)]
  assert modes == [0o700, 0o700, 0o755]


def test_of_a_folder_that_changed_and_of_older_versions_nothing_stays(
  made, people, tmp_path, draw
):
  other = draw(tmp_path / 'other', ['Cat/1.jpg'])
  prepare(other)
  (made.parent / '1.3.0').mkdir()  # as versions without sums have it
  (made / 'metadata.json').write_bytes(b'')
  prepare(people)
  assert [path.name for path in made.parent.iterdir()] == ['1.4.0']
  draw(people, ['Dan/1.jpg'])
  prepare(people)
  assert not made.exists()
  found = [kept.sources(place) for place in kept.find('folder')]
  assert sorted(found) == [([str(other)], True), ([str(people)], True)]
  (other / 'Cat' / '1.jpg').unlink()
  assert ([str(other)], False) in map(kept.sources, kept.find('folder'))


def test_one_waits_while_another_one_prepares(
  people, made, caplog, monkeypatch
):
  waits, warning = threading.Event(), kept.logging.warning

  def heard(*args):
    warning(*args)
    waits.set()

  monkeypatch.setattr(locks.logging, 'warning', heard)
  (made / 'metadata.json').write_bytes(b'')
  with futures.ThreadPoolExecutor(1) as pool:
    with locks.turn(made.parent):
      found = pool.submit(prepare, people)
      assert waits.wait(60) and not found.done()
    assert len(found.result()) == 3
  waiting, anew = caplog.messages
  assert waiting.endswith('another process is preparing it; waiting')
  assert anew.endswith('prepared anew')


def test_a_folder_that_cannot_be_written_is_read(made, people, monkeypatch):
  def refuse(*args):
    raise InputError('read-only')

  monkeypatch.setattr(kept, '_write', refuse)
  np.testing.assert_array_equal(_levels(prepare(people)), [10, 11, 12])
