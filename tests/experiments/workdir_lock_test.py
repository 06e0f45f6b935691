import os
import subprocess
import sys

import pytest
import workdir_lock

from fr_poison.types import InputError

CODE = (
  'import sys, pathlib, workdir_lock\n'
  'with workdir_lock.held(pathlib.Path(sys.argv[1])):\n'
  '  print("held", flush=True)\n'
  '  sys.stdin.read()\n'
)


def test_a_second_run_is_refused_until_the_first_is_gone(tmp_path):
  folder = tmp_path / 'new' / 'results'
  other = subprocess.Popen(
    [sys.executable, '-c', CODE, folder],
    env=os.environ | {'PYTHONPATH': os.pathsep.join(sys.path)},
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
  )
  with other:
    assert other.stdout.readline() == b'held\n'
    with pytest.raises(InputError, match='--workdir: .*results: another run'):
      with workdir_lock.held(folder):
        pass
    with workdir_lock.held(tmp_path / 'new'):
      pass  # of another folder, even the one around it
    other.kill()
  with workdir_lock.held(folder):
    pass
  assert not list(folder.iterdir())


def test_the_lock_goes_with_the_block_that_failed(tmp_path):
  with pytest.raises(ZeroDivisionError), workdir_lock.held(tmp_path):
    raise ZeroDivisionError
  with workdir_lock.held(tmp_path):
    pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
  (tmp_path / 'file').write_bytes(b'')
  for path in (tmp_path / 'file', tmp_path / 'file' / 'x'):
    with pytest.raises(InputError, match=f'--output: {path}: '):
      with workdir_lock.held(path, '--output'):
        pass


def test_a_file_system_without_locks_is_no_obstacle(tmp_path, monkeypatch):
  def no_locks(*_):
    raise OSError(45, 'Operation not supported')

  monkeypatch.setattr(workdir_lock.fcntl, 'flock', no_locks)
  with workdir_lock.held(tmp_path):
    pass
