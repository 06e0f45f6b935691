"""Everything a user can get wrong is one line, before anything is written."""

import pathlib
import subprocess
import sys
import threading

import photos
import poison
import pytest
from photos import CONFIG

from fr_poison.data import detect_faces
from fr_poison.types import InputError

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize(
  'change, message',
  [
    ({'momentum': 1}, 'config.momentum: unknown'),
    ({'surrogates': ()}, 'config.surrogates: no network'),
    ({'surrogates': ('pixels',)}, "config.surrogates: 'pixels' is unknown"),
    ({'input_size': {'arcnet': 9}}, "config.input_size: 'arcnet'"),
    (
      {'input_size': {'mobileface': 96}},
      'config.input_size.mobileface: mobileface only',
    ),
    ({'size': 31}, 'config.size: 31; a whole number from 32'),
    ({'batch_size': 0}, 'config.batch_size: 0; a whole number'),
    ({'align': 'already'}, "config.align: 'already' is unknown; known: auto,"),
    ({'several_faces': 'both'}, "config.several_faces: 'both' is unknown"),
    ({'seed': -1}, 'config.seed: -1'),
    ({'max_dssim': 1.5}, 'config.max_dssim: 1.5'),
    ({'attack': {'epsilon': 1}}, 'config.attack, attack: None'),
    ({'attack': {'name': 'sticker'}}, "config.attack, attack: 'sticker'"),
    ({'attack': {'name': 'pgd', 'epsilon': 8.0}}, 'config.attack.epsilon: 8'),
    ({'attack': {'name': 'pgd', 'eps': 0.1}}, 'config.attack: .*eps'),
    ({'attack': {'name': 'pgd', 'targeted': True}}, 'config.attack: .*people'),
    (
      {'attack': {'name': 'fawkes', 'version': '0.3'}},
      'config.attack: .*people',
    ),
    (
      {'attack': {'name': 'fawkes', 'version': 'plain'}},
      'config.attack: .*people',
    ),
    ({'attack': {'name': 'feature_shift'}}, 'config.attack: targets: .*people'),
    ({'attack': {'name': 'opom'}}, 'config.attack: groups: .* each is cloaked'),
    ({'output': {'format': 'bmp'}}, "config.output.format: 'bmp'"),
    ({'output': {'format': 'png', 'dpi': 1}}, 'config.output.dpi: unknown'),
    ({'output': CONFIG['output'] | {'quality': 0}}, 'config.output.quality: 0'),
    (
      {'output': CONFIG['output'] | {'subsampling': '4:1:1'}},
      "config.output.subsampling: '4:1:1'",
    ),
  ],
)
def test_wrong_settings_are_named(done, tmp_path, change, message):
  with pytest.raises(InputError, match=message):
    poison.run(CONFIG | change, done[0], tmp_path / 'out')
  assert not (tmp_path / 'out').exists()


def test_what_finds_faces_has_to_be_there(done, tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'dlib', None)
  monkeypatch.setattr(detect_faces, '_local', threading.local())
  with pytest.raises(InputError, match=r'config.align: dlib: not installed'):
    poison.run(CONFIG | {'align': 'dlib'}, done[0], tmp_path / 'out')
  assert not (tmp_path / 'out').exists()


def test_wrong_folders_are_named(done, tmp_path):
  empty = tmp_path / 'empty'
  empty.mkdir()
  (empty / 'notes.txt').write_bytes(b'')
  with pytest.raises(InputError, match='empty: no pictures, 1 others'):
    poison.run(CONFIG, empty, tmp_path / 'out')
  for output in (done[0], done[0] / 'sub', done[0].parent):
    with pytest.raises(InputError, match='--output: '):
      poison.run(CONFIG, done[0], output)
  assert list(tmp_path.iterdir()) == [empty]
  with pytest.raises(InputError, match='--output: .*notes.txt: not a folder'):
    poison.run(CONFIG, done[0], empty / 'notes.txt')


def test_a_picture_counts_as_done_when_its_row_is_written(monkeypatch):
  events = []

  class Shown:
    def __init__(self, total, unit):
      events.append(total)

    def update(self, what):
      events.append(what)

    def close(self):
      events.append('closed')

  monkeypatch.setattr(poison, 'Progress', Shown)
  poison.cloak(map(events.append, 'abc'), ['a', 'b', 'c'])
  assert events == [3, "'a'", 'a', "'b'", 'b', "'c'", 'c', 'closed']


def test_a_folder_of_which_nothing_is_cloaked_is_no_success(
  tmp_path, config_file, capsys
):
  source = tmp_path / 'in'
  source.mkdir()
  (source / 'a.HEIC').write_bytes(b'\0\0\0\x18ftypheic')
  (source / 'b.cr3').write_bytes(b'raw')
  flags = f'--config={config_file}', f'--input={source}'
  poison.flags.FLAGS(['poison.py', *flags, f'--output={tmp_path / "out"}'])
  with pytest.raises(InputError, match='^--input: none of 2 pictures is cloak'):
    poison.main(['poison.py'])
  printed = capsys.readouterr().err
  assert "unreadable: 'a.HEIC': HEIC" in printed
  assert "unreadable: 'b.cr3': a camera's raw picture; save" in printed
  rows = photos.rows_of(tmp_path / 'out')
  assert [row['status'] for row in rows.values()] == ['unreadable'] * 2


def test_mistakes_are_one_line_and_exit_status_2(tmp_path, config_file):
  wrong = tmp_path / 'a\n\x1b[31m'
  result = subprocess.run(
    [
      sys.executable,
      str(ROOT / 'experiments' / 'poison.py'),
      f'--config={config_file}',
      f'--input={wrong}',
      f'--output={tmp_path / "out"}',
    ],
    capture_output=True,
    text=True,
  )
  assert result.returncode == 2 and result.stdout == ''
  (line,) = result.stderr.splitlines()
  assert line == f'error: --input: {tmp_path}/a \\x1b[31m: no such folder'
  assert not (tmp_path / 'out').exists()
