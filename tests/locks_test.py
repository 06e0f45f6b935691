import contextlib
import os
import re
import subprocess
import sys

import pytest

from fr_poison import files, locks
from fr_poison.types import InputError

CODE = (
  'import sys, pathlib\nfrom fr_poison import locks\n'
  'with locks.held(pathlib.Path(sys.argv[1])):\n'
  '  print("held", flush=True)\n'
  '  sys.stdin.read()\n'
)


@contextlib.contextmanager
def _other_run(folder):
  """A process that holds the folder, killed at the end."""
  process = subprocess.Popen(
    [sys.executable, '-c', CODE, folder],
    env=os.environ | {'PYTHONPATH': os.pathsep.join(sys.path)},
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
  )
  with process:
    assert process.stdout.readline() == b'held\n'
    yield process
    process.kill()


def _refusal(folder):
  with pytest.raises(InputError) as error, locks.held(folder):
    pass
  return str(error.value)


def test_a_second_run_is_refused_until_the_first_is_gone(tmp_path):
  folder = tmp_path / 'new' / 'results'
  with _other_run(folder) as other:
    assert _refusal(folder) == (
      f'--workdir: {folder}: another run is writing there, process {other.pid}'
    )
    with locks.held(tmp_path / 'new'):
      pass  # of another folder, even the one around it
  assert list(folder.iterdir())  # killed, it left its number behind
  with locks.held(folder):
    assert (folder / locks.OWNER).read_text() == str(os.getpid())
  assert not list(folder.iterdir())


@pytest.fixture
def ended():
  """The number of a process that is gone."""
  process = subprocess.Popen([sys.executable, '-c', ''])
  process.wait()
  return str(process.pid)


@pytest.mark.parametrize('note', ['', 'four', '-', '9' * 30, 'of one gone'])
def test_a_number_that_is_none_or_of_no_process_is_not_printed(
  tmp_path, note, ended
):
  with locks.held(tmp_path):
    path = tmp_path / locks.OWNER
    path.write_text(ended if note == 'of one gone' else note)
    assert _refusal(tmp_path).endswith('another run is writing there')
    path.unlink()
    assert _refusal(tmp_path).endswith('another run is writing there')


# They write whole files, each of them anew.
UNHELD = 'benchmark', 'convert_weights', 'report'


def test_every_program_that_can_be_gone_on_with_holds_its_folder(root):
  paths = (root / 'experiments').glob('*.py')
  texts = {path.stem: path.read_text() for path in paths}
  flags = re.compile(r"run_flags\.parse|DEFINE_string\(\s*'output'")
  held = re.compile(r'locks\.(held|turn)|found\.opened\(|training_run\.run\(')
  programs = {
    name
    for name, text in texts.items()
    if 'cli.run(main' in text and flags.search(text)
  }
  assert {'poison', 'evaluate', 'study'} < programs
  assert {name for name in programs if not held.search(texts[name])} == {
    *UNHELD
  }


def test_what_lies_in_place_of_the_number(tmp_path):
  note, precious = tmp_path / locks.OWNER, tmp_path / 'precious'
  precious.write_bytes(b'precious')
  note.symlink_to(precious)
  with locks.held(tmp_path):
    assert note.read_text() == str(os.getpid())
  assert precious.read_bytes() == b'precious'
  note.mkdir()
  with locks.held(tmp_path):
    pass
  assert note.is_dir()


def test_half_files_of_killed_runs_go_but_nothing_else(tmp_path, ended):
  folder, outside = tmp_path / 'results', tmp_path / 'outside'
  (folder / 'sub').mkdir(parents=True)
  outside.mkdir()
  (folder / 'link').symlink_to(outside)
  name = lambda pid: files.TEMPORARY.replace('*', f'{pid}.0')
  living = os.getpid()  # at work in another folder, or this one
  kept = {'a.png', '.other.tmp', 'sub', f'sub/{name(living)}', 'link'}
  gone = name(ended), f'sub/{name(ended)}', 'sub/' + name('probe')
  for file in (*kept - {'sub', 'link'}, *gone, f'link/{name(ended)}'):
    (folder / file).write_bytes(b'')
  with locks.held(folder):
    pass
  found = {str(path.relative_to(folder)) for path in folder.rglob('*')}
  assert found == kept
  assert list(outside.iterdir())


def test_the_lock_goes_with_the_block_that_failed(tmp_path):
  with pytest.raises(ZeroDivisionError), locks.held(tmp_path):
    raise ZeroDivisionError
  with locks.held(tmp_path):
    pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
  (tmp_path / 'file').write_bytes(b'')
  for path in (tmp_path / 'file', tmp_path / 'file' / 'x'):
    with pytest.raises(InputError, match=f'--output: {path}: '):
      with locks.held(path, '--output'):
        pass


def test_a_file_system_without_locks_is_no_obstacle(tmp_path, monkeypatch):
  def no_locks(*_):
    raise OSError(45, 'Operation not supported')

  monkeypatch.setattr(locks.fcntl, 'flock', no_locks)
  with locks.held(tmp_path):
    pass
