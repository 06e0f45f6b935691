"""Nothing is written where it should not be, and never half of it."""

import errno
import os
import subprocess
import sys

import numpy as np
import output_folder
import pytest
from PIL import Image

from fr_poison import files
from fr_poison.data import decode
from fr_poison.types import InputError


def _check(source, output):
  return output_folder.check_apart(source, output)


def test_input_and_output_are_apart(tmp_path):
  source, other = tmp_path / 'in', tmp_path / 'other'
  (source / 'sub').mkdir(parents=True)
  other.mkdir()
  (tmp_path / 'link').symlink_to(source)
  (other / 'back').symlink_to(source / 'sub')
  _check(source, tmp_path / 'in2')
  _check(tmp_path / 'link', other / 'new' / 'deep')
  for output, message in (
    (source, 'the same folder as --input'),
    (tmp_path / 'link', 'the same folder as --input'),
    (source / '..' / 'in', 'the same folder as --input'),
    (source / 'sub', 'inside --input'),
    (source / 'new' / 'deep', 'inside --input'),
    (other / 'back', 'inside --input'),
    (other / 'back' / 'new', 'inside --input'),
    (tmp_path, '--input is inside it'),
  ):
    with pytest.raises(InputError, match=message):
      _check(source, output)
  for wrong, message in (
    (tmp_path / 'none', 'none: no such folder'),
    (tmp_path / ('x' * 300), 'File name too long'),
  ):
    with pytest.raises(InputError, match=message):
      _check(wrong, other)
  (tmp_path / 'file').write_bytes(b'')
  with pytest.raises(InputError, match='--input: .*file: not a folder'):
    _check(tmp_path / 'file', other)


def _open(output, names=('a.png', 'sub/b.png'), overwrite=False):
  with output_folder.opened_output(output, names, overwrite=overwrite):
    pass
  return sorted(path.name for path in output.rglob('*'))


def test_folders_that_cannot_be_written_to(tmp_path):
  (tmp_path / 'file').write_bytes(b'')
  for output in (tmp_path / 'file', tmp_path / 'file' / 'x'):
    with pytest.raises(InputError, match='--output: .*file'):
      _open(output)
  with pytest.raises(InputError, match='--output: /proc/nowhere'):
    _open(output_folder.pathlib.Path('/proc/nowhere'))
  with pytest.raises(InputError, match='--output: /proc'):
    _open(output_folder.pathlib.Path('/proc'), overwrite=True)


def test_folders_with_files_of_others_are_not_taken(tmp_path):
  (tmp_path / '.DS_Store').write_bytes(b'')
  assert _open(tmp_path) == ['.DS_Store']
  (tmp_path / 'a.png').write_bytes(b'mine')
  with pytest.raises(InputError, match="other files, such as 'a.png'"):
    _open(tmp_path)
  _open(tmp_path, overwrite=True)
  (tmp_path / 'manifest.jsonl').write_bytes(b'')
  _open(tmp_path)


def test_links_are_not_written_through(tmp_path):
  output, outside = tmp_path / 'out', tmp_path / 'outside'
  output.mkdir()
  outside.mkdir()
  (output / 'sub').symlink_to(outside)
  with pytest.raises(InputError, match='out/sub: a symbolic link'):
    _open(output, overwrite=True)
  (output / 'sub').unlink()
  (outside / 'rows').write_bytes(b'')
  (output / 'manifest.jsonl').symlink_to(outside / 'rows')
  with pytest.raises(InputError, match='manifest.jsonl: a symbolic link'):
    _open(output)
  # The link itself is replaced where a file goes.
  (outside / 'precious').write_bytes(b'precious')
  (output / 'a.png').symlink_to(outside / 'precious')
  assert output_folder.write(output, 'a.png', b'cloak') == b'cloak'
  assert not (output / 'a.png').is_symlink()
  assert (outside / 'precious').read_bytes() == b'precious'


def test_what_is_in_the_way_is_named(tmp_path):
  (tmp_path / 'sub').write_bytes(b'')
  with pytest.raises(InputError, match='sub: a file where a folder'):
    _open(tmp_path, overwrite=True)
  (tmp_path / 'sub').unlink()
  (tmp_path / 'a.png').mkdir()
  with pytest.raises(InputError, match='a.png: a folder, expected a file'):
    _open(tmp_path, overwrite=True)
  with pytest.raises(InputError, match='too long'):
    _open(tmp_path, ['x' * 256], overwrite=True)


def test_one_run_at_a_time(tmp_path):
  code = (
    'import sys, pathlib, output_folder\n'
    'path = pathlib.Path(sys.argv[1])\n'
    'with output_folder.opened_output(path, [], overwrite=True):\n'
    '  print("open", flush=True)\n'
    '  sys.stdin.read()\n'
  )
  paths = os.pathsep.join(sys.path)
  other = subprocess.Popen(
    [sys.executable, '-c', code, tmp_path],
    env=os.environ | {'PYTHONPATH': paths},
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
  )
  with other:
    assert other.stdout.readline() == b'open\n'
    with pytest.raises(InputError, match='another run is writing there'):
      _open(tmp_path)
    other.kill()
  _open(tmp_path)


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
  output_folder.write(tmp_path, 'sub/a.png', b'old')

  def full_disk(*_):
    raise OSError(errno.ENOSPC, 'No space left on device')

  for name in ('fsync', 'replace'):
    with monkeypatch.context() as patch:
      patch.setattr(decode.os, name, full_disk)
      with pytest.raises(InputError, match='sub/a.png: No space left'):
        output_folder.write(tmp_path, 'sub/a.png', b'new')
  with pytest.raises(InputError, match='a.png/b.png'):
    output_folder.write(tmp_path, 'sub/a.png/b.png', b'')
  assert [p.name for p in (tmp_path / 'sub').iterdir()] == ['a.png']
  assert (tmp_path / 'sub' / 'a.png').read_bytes() == b'old'


def test_write_does_not_stumble(tmp_path, monkeypatch):
  long = 'ä' * 125 + '.png'  # 254 bytes, of 255 that a name may have
  output_folder.write(tmp_path, long, b'a')
  # A killed process had the same id: containers give them out again.
  monkeypatch.setattr(files, '_counter', iter([7]))
  stale = tmp_path / files.TEMPORARY.replace('*', f'{os.getpid()}.7')
  stale.symlink_to(tmp_path / long)
  output_folder.write(tmp_path, 'b.png', b'b')
  assert (tmp_path / long).read_bytes() == b'a'
  assert sorted(p.name for p in tmp_path.iterdir()) == ['b.png', long]


@pytest.mark.parametrize('quality', [60, 95])
@pytest.mark.parametrize('subsampling, code', [('4:4:4', 0), ('4:2:0', 2)])
def test_jpeg_is_what_was_asked_for(tmp_path, quality, subsampling, code):
  from PIL import JpegImagePlugin

  rng = np.random.default_rng(0)
  colour = rng.integers(0, 256, (32, 40, 3)).astype(np.uint8)
  path, reference = tmp_path / 'a.jpg', tmp_path / 'b.jpg'
  path.write_bytes(decode.encode_jpeg(colour, quality, subsampling))
  Image.fromarray(colour).save(reference, quality=quality)
  with Image.open(path) as ours, Image.open(reference) as theirs:
    assert ours.format == 'JPEG' and ours.size == (40, 32)
    assert JpegImagePlugin.get_sampling(ours) == code
    assert ours.quantization == theirs.quantization
  grey = decode.encode_jpeg(colour[..., 0], quality, subsampling)
  path.write_bytes(grey)
  with Image.open(path) as ours:
    assert ours.mode == 'L'
