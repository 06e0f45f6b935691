"""Processes of a study: their command, their device, their end."""

import subprocess
import sys

import pytest
import study_workers

from fr_poison.types import InputError


def test_a_worker_ends_with_who_started_it(root):
  code = (
    'import study_workers, time; study_workers.end_with_parent(); '
    'print("up", flush=True); time.sleep(60)'
  )
  worker = subprocess.Popen(
    [sys.executable, '-c', code],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    cwd=root / 'experiments',
  )
  try:
    assert worker.stdout.readline() == b'up\n' and worker.poll() is None
    worker.stdin.close()  # as when its starter is killed
    assert worker.wait(timeout=30) == 1
  finally:
    worker.kill()
    worker.stdout.close()


def test_a_worker_that_fails_is_told(monkeypatch):
  code = 'import sys; sys.exit(sys.argv[1] != "--share=records:2:4")'
  monkeypatch.setattr(study_workers, '_own_command', lambda: ['-c', code])
  study_workers.run('records', 1, 2, 4)  # the only one of the third host
  with pytest.raises(InputError, match='records: a process failed'):
    study_workers.run('records', 2, 1, 2)  # 2:4 and 3:4


def test_workers_get_the_command_without_the_other_hosts(monkeypatch, root):
  flags = ['--coordinator_address=a:1', '--num_processes', '2', '--distributed']
  kept = ['--config=c.py', '--only', 'none']
  argv = ['experiments/study.py', *flags, *kept, '--processes=3']
  monkeypatch.chdir(root)
  monkeypatch.setattr(sys, 'argv', argv)
  path, *rest = study_workers._own_command()
  assert path == str(root / 'experiments' / 'study.py')
  assert rest == kept


@pytest.mark.parametrize(
  ('visible', 'index', 'device'),
  [(None, 1, '1'), ('4,7', 1, '7'), ('4,7', 0, '4')],
)
def test_each_process_sees_one_device(monkeypatch, visible, index, device):
  monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
  if visible:
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', visible)
  found = study_workers._device(index, 2)
  assert found['CUDA_VISIBLE_DEVICES'] == device
  assert found['TPU_VISIBLE_CHIPS'] == str(index)
