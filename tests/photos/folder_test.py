"""Nothing is written where it should not be, and never half of it."""

import errno
import os
import pathlib

import photos
import pytest
import toy_network

from fr_poison import locks
from fr_poison.data import decode
from fr_poison.extractors import network
from fr_poison.photos import Run, Settings, pipeline
from fr_poison.types import InputError

SETTINGS = Settings(
  surrogates=('mobileface',),
  attack={'name': 'pgd', 'num_steps': 1},
  size=32,
  align='none',
)


def _embed(params, images):
  return toy_network.embed_fn(params, network.resize(images, toy_network.SIZE))


NETWORK = toy_network.extractor()._replace(embed_fn=_embed)


def _run(source, output):
  return Run(source, output, SETTINGS, [NETWORK])


@pytest.fixture
def source(tmp_path):
  """A folder of two pictures, whose cloaks are called the same."""
  root = tmp_path / 'in'
  (root / 'sub').mkdir(parents=True)
  for seed, name in enumerate(('a.png', 'sub/b.png')):
    decode.write_png(root / name, photos.picture(40, 30, seed))
  return root


def _open(source, output, overwrite=False):
  with _run(source, output).opened(overwrite=overwrite):
    pass
  return sorted(path.name for path in output.rglob('*'))


def test_a_folder_from_python(source, tmp_path):
  run = _run(source, tmp_path / 'out')
  with run.opened():
    assert run.left == run.paths == ['a.png', 'sub/b.png']
    rows = list(run.cloak())
  assert [row['output'] for row in rows] == run.paths
  assert list(photos.rows_of(tmp_path / 'out').values()) == rows
  with run.opened():
    assert run.left == [] == list(run.cloak())


def test_input_and_output_are_apart(source, tmp_path):
  other = tmp_path / 'other'
  other.mkdir()
  (tmp_path / 'link').symlink_to(source)
  (other / 'back').symlink_to(source / 'sub')
  _run(source, tmp_path / 'in2')
  _run(tmp_path / 'link', other / 'new' / 'deep')
  for output, message in (
    (source, '--input, or inside it'),
    (tmp_path / 'link', '--input, or inside it'),
    (source / '..' / 'in', '--input, or inside it'),
    (source / 'sub', '--input, or inside it'),
    (source / 'new' / 'deep', '--input, or inside it'),
    (other / 'back', '--input, or inside it'),
    (other / 'back' / 'new', '--input, or inside it'),
    (tmp_path, '--input is inside it'),
  ):
    with pytest.raises(InputError, match=message):
      _run(source, output)
  with pytest.raises(InputError, match='none: no such folder'):
    _run(tmp_path / 'none', other)
  with pytest.raises(OSError, match='File name too long'):
    _run(source, tmp_path / ('x' * 300))
  (tmp_path / 'file').write_bytes(b'')
  with pytest.raises(InputError, match='--input: .*file: not a folder'):
    _run(tmp_path / 'file', other)


def test_folders_that_cannot_be_written_to(source, tmp_path):
  (tmp_path / 'file').write_bytes(b'')
  for output in (tmp_path / 'file', tmp_path / 'file' / 'x'):
    with pytest.raises(InputError, match='--output: .*file'):
      _open(source, output)
  with pytest.raises(InputError, match='--output: /proc/nowhere'):
    _open(source, pathlib.Path('/proc/nowhere'))
  with pytest.raises(InputError, match='/proc/manifest.jsonl: '):
    _open(source, pathlib.Path('/proc'), overwrite=True)


def test_folders_with_files_of_others_are_not_taken(source, tmp_path):
  output = tmp_path / 'out'
  output.mkdir()
  (output / '.DS_Store').write_bytes(b'')
  assert _open(source, output) == ['.DS_Store', 'manifest.jsonl']
  (output / 'manifest.jsonl').unlink()
  (output / 'a.png').write_bytes(b'mine')
  with pytest.raises(InputError, match="other files, such as 'a.png'"):
    _open(source, output)
  _open(source, output, overwrite=True)
  assert (output / 'manifest.jsonl').read_bytes() == b''
  _open(source, output)


def test_links_are_not_written_through(source, tmp_path):
  output, outside = tmp_path / 'out', tmp_path / 'outside'
  output.mkdir()
  outside.mkdir()
  (output / 'sub').symlink_to(outside)
  with pytest.raises(InputError, match='out/sub: a symbolic link'):
    _open(source, output, overwrite=True)
  (output / 'sub').unlink()
  (outside / 'rows').write_bytes(b'')
  (output / 'manifest.jsonl').symlink_to(outside / 'rows')
  with pytest.raises(InputError, match='manifest.jsonl: a symbolic link'):
    _open(source, output)
  # The link itself is replaced where a file goes.
  (output / 'manifest.jsonl').unlink()
  (outside / 'precious').write_bytes(b'precious')
  (output / 'a.png').symlink_to(outside / 'precious')
  run = _run(source, output)
  with run.opened(overwrite=True):
    assert len(list(run.cloak())) == 2
  assert not (output / 'a.png').is_symlink()
  assert (outside / 'precious').read_bytes() == b'precious'


def test_what_is_in_the_way_is_named(source, tmp_path):
  output = tmp_path / 'out'
  output.mkdir()
  (output / 'sub').write_bytes(b'')
  with pytest.raises(InputError, match='sub: a file where a folder'):
    _open(source, output, overwrite=True)
  (output / 'sub').unlink()
  (output / 'a.png').mkdir()
  with pytest.raises(InputError, match='a.png: a folder, expected a file'):
    _open(source, output, overwrite=True)
  (output / 'a.png').rmdir()
  long = source / ('x' * 251 + '.bmp')  # its cloak is .png, beside
  long.write_bytes(b'')
  (source / ('x' * 251 + '.gif')).write_bytes(b'')
  with pytest.raises(OSError, match='too long'):
    _open(source, output, overwrite=True)


def test_one_run_at_a_time(source, tmp_path):
  output = tmp_path / 'out'
  with locks.held(output):
    with pytest.raises(InputError, match='--output: .*another run is writing'):
      _open(source, output)
  run = _run(source, output)
  with run.opened():
    with pytest.raises(InputError, match='another run is writing there'):
      _open(source, output)
  _open(source, output)


def test_a_full_disk_leaves_what_was_there(source, tmp_path, monkeypatch):
  output = tmp_path / 'out'
  run = _run(source, output)
  with run.opened():
    list(run.cloak())
    before = photos.files_of(output)
    del run.manifest.rows['sub/b.png']

    def full_disk(*_):
      raise OSError(errno.ENOSPC, 'No space left on device')

    for name in ('fsync', 'replace'):
      with monkeypatch.context() as patch:
        patch.setattr(os, name, full_disk)
        with pytest.raises(InputError, match='sub/b.png: No space left'):
          next(run.cloak())
    assert photos.files_of(output) == before


def test_large_pictures_are_attacked_fewer_at_a_time(
  source, tmp_path, monkeypatch
):
  decode.write_png(source / 'c.png', photos.picture(40, 30, 2))

  def counts(folder, most):
    monkeypatch.setattr(pipeline, '_LEAST', 1)
    monkeypatch.setattr(pipeline, '_HELD', most)  # for each of two
    run, seen = _run(source, tmp_path / folder), []
    changes = run._cloaker.changes
    monkeypatch.setattr(
      run._cloaker, 'changes', lambda x: seen.append(len(x)) or changes(x)
    )
    with run.opened():
      rows = list(run.cloak())
    assert [row['input'] for row in rows] == ['a.png', 'c.png', 'sub/b.png']
    return seen, [row['sha256'] for row in rows]

  size = 40 * 30 * 3
  together, alone = counts('out', size), counts('other', size - 1)
  assert (together[0], alone[0]) == ([2, 1], [1, 1, 1])
  assert together[1] == alone[1]
