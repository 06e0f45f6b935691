import subprocess
import sys

import numpy as np
import programs
import pytest
from campaigns import crash

from fr_poison.checkpoints import Checkpoints

# Goes on where it was, but for what it had begun; or does not look.
LINES = (
  'import pathlib, sys, time\n'
  'path = pathlib.Path(sys.argv[1], "lines")\n'
  'path.parent.mkdir(exist_ok=True)\n'
  'path.touch()\n'
  'done = {} if path.stat().st_size else 0\n'
  'for i in range(done, 40):\n'
  '  with path.open("a") as file:\n'
  '    file.write(f"{{i:02d}}\\n")\n'
  '  time.sleep(0.01)\n'
)
SAFE, UNSAFE = LINES.format('path.stat().st_size // 3'), LINES.format('0')


def test_killed_programs_end_with_the_same_bytes(tmp_path, tmp_path_factory):
  env = programs.environment(tmp_path_factory)
  start = crash.PROGRAMS['poison']
  found = crash.run(start, 1, 0, tmp_path, env, whole=('cold',))
  assert found.places.total() == 1
  assert not found.wrong


@pytest.mark.parametrize('code', [SAFE, UNSAFE])
def test_a_program_that_does_not_go_on_where_it_was_is_found(tmp_path, code):
  def start(folder, env):
    return subprocess.Popen(
      [sys.executable, '-c', code, folder],
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      env=env,
    )

  found = crash.run(start, 3, 0, tmp_path, None)
  assert found.places.total() == 3
  assert bool(found.wrong) == (code == UNSAFE), found.wrong


def _write(folder, seconds, kernel=1.0):
  (folder / 'cloaks').mkdir(parents=True)
  (folder / 'cloaks' / 'a.png').write_bytes(b'cloak')
  (folder / 'cloaks' / 'cloaks.json').write_text(f'{{"seconds": {seconds}}}')
  record = f'{{"protection_rate":0.5,"wall_seconds":{seconds}}}\n'
  (folder / 'records.jsonl').write_text(record)
  checkpoints = Checkpoints(folder / 'checkpoints', description={})
  checkpoints.save(2, {'kernel': np.full(3, kernel, np.float32)})


def test_every_difference_counts_but_how_long_it_took(tmp_path):
  _write(tmp_path / 'whole', 1.25)
  _write(tmp_path / 'same', 3e-05)
  assert not crash.differences(tmp_path / 'whole', tmp_path / 'same')
  other = tmp_path / 'other'
  _write(other, 1.25, kernel=1.5)
  record = '{"protection_rate":0.6,"wall_seconds":1.25}\n'
  (other / 'records.jsonl').write_text(record)
  (other / 'cloaks' / 'a.png').rename(other / 'cloaks' / '.9.tmp')
  (other / 'checkpoints' / '3.unverified').mkdir()
  assert crash.differences(tmp_path / 'whole', other) == [
    'checkpoints/2: differs',
    'checkpoints/3.unverified: too much',
    'cloaks/.9.tmp: too much',
    'cloaks/a.png: missing',
    'records.jsonl: differs',
  ]
