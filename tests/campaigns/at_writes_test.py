"""A disk that fills, or a signal, at a write: a line, and later the same."""

import subprocess
import sys

import programs
import pytest
from campaigns import at_writes

# Goes by a file that it renames, or by one that it writes in place.
LINES = (
  'import os, pathlib, sys\n'
  'folder = pathlib.Path(sys.argv[1])\n'
  'try:\n'
  '  folder.mkdir(exist_ok=True)\n'
  '  for name in "abc":\n'
  '    path, new = folder / name, folder / {new}\n'
  '    if not path.exists():\n'
  '      with open(new, "w") as file:\n'
  '        file.write(name)\n'
  '        {rest}\n'
  '      os.replace(new, path)\n'
  'except OSError as error:\n'
  '  sys.exit(f"error: {{error}}" and print("error: full") or 2)\n'
  'except KeyboardInterrupt:\n'
  '  sys.exit(130)\n'
)
SAFE = LINES.format(new='(name + "-")', rest='pass')
UNSAFE = LINES.format(new='name', rest='(folder / "log").open("a").close()')


def test_a_disturbed_program_ends_with_the_same_bytes(
  tmp_path, tmp_path_factory
):
  env = programs.environment(tmp_path_factory)
  start = at_writes.PROGRAMS['poison']
  assert not at_writes.run(start, ['full'], 1, tmp_path / '1', env)


@pytest.mark.parametrize('code', [SAFE, UNSAFE])
def test_a_program_that_keeps_half_a_file_is_found(tmp_path, code):
  def start(folder, env):
    return subprocess.Popen(
      [sys.executable, '-c', code, folder],
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
      env=env,
    )

  found = at_writes.run(start, ['full', 'SIGKILL'], 4, tmp_path / '1', {})
  assert bool(found) == (code == UNSAFE), found
