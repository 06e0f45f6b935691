"""Stopped by whatever, a run goes on to the same bytes."""

import errno
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import poison
import pytest
from photos import CONFIG, ODD, files_of, picture, rows_of
from PIL import Image

from fr_poison.types import InputError

ROOT = pathlib.Path(__file__).parents[2]


def test_a_finished_run_has_nothing_to_do(again, capsys):
  source, output = again
  times = {p: p.stat().st_mtime_ns for p in output.rglob('*')}
  poison.run(CONFIG, source, output)
  assert '0 of 7 pictures to do' in capsys.readouterr().out
  assert times == {p: p.stat().st_mtime_ns for p in output.rglob('*')}


def test_whatever_is_missing_is_made_again_to_the_byte(done, again):
  source, output = again
  untouched = output / 'same.jpg.png'
  before = untouched.stat().st_mtime_ns
  (output / ODD).unlink()  # lost, and the first, so rows get out of order
  Image.fromarray(picture(64, 50, 9)).save(output / 'sub/grey.png')  # altered
  manifest = output / 'manifest.jsonl'
  manifest.write_bytes(manifest.read_bytes()[:-9])  # cut while being written
  (output / 'sub' / '.fr_poison-4194305.0.tmp').write_bytes(b'half a')
  poison.run(CONFIG, source, output)  # in other batches than before
  assert files_of(output) == files_of(done[1])
  assert untouched.stat().st_mtime_ns == before


@pytest.mark.filterwarnings('ignore:.*load_module')  # ml_collections'
def test_a_killed_run_goes_on_to_the_same_bytes(
  done, tmp_path, config_file, capsys
):
  source, output = done[0], tmp_path / 'out'
  words = [
    sys.executable,
    str(ROOT / 'experiments' / 'poison.py'),
    f'--config={config_file}',
    f'--input={source}',
    f'--output={output}',
  ]
  with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
    rows = output / 'manifest.jsonl'
    while process.poll() is None and not (
      rows.exists() and rows.read_bytes().count(b'\n') >= 1
    ):
      time.sleep(0.01)  # until the first of three batches is on its way
    process.send_signal(signal.SIGKILL)
  assert process.returncode == -signal.SIGKILL
  finished = {p: p.stat().st_mtime_ns for p in output.rglob('*.png')}
  assert len(rows_of(output)) < 7

  # The program in this process, where everything is compiled already.
  poison.flags.FLAGS(words[1:])
  poison.main(words[1:2])
  assert files_of(output) == files_of(done[1])
  kept = [p for p, when in finished.items() if p.stat().st_mtime_ns == when]
  assert kept
  printed = capsys.readouterr()
  begin, device, *_, summary, look, then = printed.out.splitlines()
  assert begin == (
    f'{source}: 7 pictures (5 loose, 2 in 1 folder); 2 ignored, which are no '
    'pictures'
  )
  assert ', jax ' in device and device.endswith(' of 7 pictures to do')
  assert summary == (
    '5 cloaked (5 as a whole), 0 not improved, 2 unreadable; 2 ignored, which '
    f'are no pictures. See {output}/manifest.jsonl'
  )
  assert look.startswith(f'to look at: {output}-preview.png; ')
  assert then.startswith('next, do they protect: python ')
  assert then.endswith(
    f' --config.originals={source} --config.cloaked={output} '
    """'--config.made_for=("mobileface",)'"""
  )
  assert 'done, after' in printed.err
  assert "unreadable: 'broken.jpg': image file is truncated" in printed.err


def test_other_settings_are_refused_or_overwrite(done, again):
  source, output = again
  other = CONFIG | {'output': CONFIG['output'] | {'format': 'jpeg'}}
  with pytest.raises(InputError, match='other settings.* or --overwrite'):
    poison.run(other, source, output)
  assert files_of(output) == files_of(done[1])
  poison.run(other, source, output, overwrite=True)
  assert {*files_of(output)} == {
    name.replace('.png', '.jpg') if name.startswith('sub') else name
    for name in ('sub/grey.png', 'sub/turned.png')
  } | {'-n\n<b>.jpg', 'same.jpg.jpg', 'same.png.jpg', 'manifest.jsonl'}


def test_strict_stops_at_the_first_unreadable_picture(done, tmp_path):
  source = tmp_path / 'in'
  shutil.copytree(done[0], source, symlinks=True)
  shutil.copy(source / 'broken.jpg', source / 'a.jpg')
  with pytest.raises(InputError, match='a.jpg: image file is truncated'):
    poison.run(CONFIG, source, tmp_path / 'out', strict=True)
  assert not list((tmp_path / 'out').rglob('*.png'))
  (source / 'a.jpg').unlink()
  shutil.copytree(done[1], tmp_path / 'done')
  with pytest.raises(InputError, match='broken.jpg: image file is trunc'):
    poison.run(CONFIG, source, tmp_path / 'done', strict=True)


# Files reach the disk in this order: the lock's number, the empty manifest, the
# first cloak, its row, the row of broken.jpg, the second cloak, its row.
@pytest.mark.parametrize(
  'num_good, message',
  [(1, 'manifest.jsonl'), (2, '<b>.png'), (5, 'same.jpg.png'), (6, 'jsonl')],
)
def test_a_full_disk_stops_the_run_and_keeps_what_is_done(
  done, tmp_path, monkeypatch, num_good, message
):
  fsync, left = os.fsync, [None] * num_good

  def full_disk(descriptor):
    if not left:
      raise OSError(errno.ENOSPC, 'No space left on device')
    left.pop()
    fsync(descriptor)

  with monkeypatch.context() as patch:
    patch.setattr(os, 'fsync', full_disk)
    with pytest.raises(InputError, match=f'{message}: No space left'):
      poison.run(CONFIG, done[0], tmp_path)
  if num_good == 5:
    assert list(rows_of(tmp_path)) == [ODD, 'broken.jpg']
    assert {*files_of(tmp_path)} == {ODD, 'manifest.jsonl'}
  assert not list(tmp_path.rglob('.*'))
  poison.run(CONFIG, done[0], tmp_path)
  assert files_of(tmp_path) == files_of(done[1])
