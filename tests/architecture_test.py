"""The house: imports go one way, and importing the package costs little."""

import ast
import shutil
import subprocess
import sys

import pytest

# In reading order: a room imports only rooms above it. Those in the first
# line serve all.
ROOMS = [
  {
    *('types', 'version', 'intervals', 'metrics', 'config_args', 'layers'),
    *('weights', 'checkpoints', 'checks', 'processes', 'roc'),
    'distances',
    *('verification', 'strict_json', 'stages', 'files', 'locks', 'sums'),
    *('text', 'leaves', 'saved_step', 'bands', 'parallel'),
  },
  {'data'},
  {'keys'},
  {'extractors'},
  {'search'},
  {'attacks'},
  {'training'},
  {'recognizers'},
  {'detectors'},
  {'adversaries'},
  {'evaluation'},
  {'photos'},
  {'report'},
]
# What a checkout has at its top.
TOP = {
  *('fr_poison', 'experiments', 'notebooks', 'tests', 'docs', '.ci'),
  *('README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'LICENSE'),
  *('setup.py', 'pyproject.toml', '.gitignore'),
}
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}


def _imported_rooms(path):
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.ImportFrom) and node.level == 0:
      names = [node.module + '.' + alias.name for alias in node.names]
    elif isinstance(node, ast.Import):
      names = [alias.name for alias in node.names]
    else:
      continue
    for name in names:
      parts = name.split('.')
      if parts[0] == 'fr_poison' and len(parts) > 1:
        yield parts[1]


def _sources(root):
  return sorted((root / 'fr_poison').rglob('*.py'))


def test_rooms_import_only_rooms_above_them(root):
  wrong = []
  for path in _sources(root):
    room = path.relative_to(root / 'fr_poison').with_suffix('').parts[0]
    if room == '__init__':
      continue
    for other in _imported_rooms(path):
      if other != room and LEVEL[other] >= max(LEVEL[room], 1):
        wrong.append(f'{path.name} in {room} imports {other}')
  assert not wrong


def test_attacks_know_functions_not_networks(root):
  for path in (root / 'fr_poison' / 'attacks').glob('*.py'):
    assert 'extractors' not in set(_imported_rooms(path)), path


def test_files_stay_short(root):
  sources = _sources(root) + sorted((root / 'experiments').rglob('*.py'))
  long = {p.name: n for p in sources if (n := _lines(p)) > 400}
  assert not long


def _lines(path):
  return len(path.read_text().splitlines())


# Each takes half a second or more, which every start of a program would pay.
HEAVY = {
  *('tensorflow', 'torch', 'tensorflow_datasets', 'grain'),
  *('matplotlib', 'orbax', 'scipy.stats'),
}


def test_importing_pulls_in_no_heavy_package(root):
  # One after the other in a process: the rooms (all but two), then a program.
  names = 'fr_poison.evaluation', 'fr_poison.photos', 'evaluate'
  code = (
    'import importlib, sys\n'
    'for name in sys.argv[1:]:\n'
    '  importlib.import_module(name)\n'
    '  print(*sys.modules)\n'
  )
  result = subprocess.run(
    [sys.executable, '-c', code, *names],
    capture_output=True,
    text=True,
    check=True,
    cwd=root / 'experiments',
  )
  found = [HEAVY & {*line.split()} for line in result.stdout.splitlines()]
  assert found == [set(), set(), {'matplotlib'}]


def test_nothing_was_left_at_the_top(root):
  if not (root / '.git').exists() or not shutil.which('git'):
    pytest.skip('no checkout')
  result = subprocess.run(
    ['git', '-c', 'safe.directory=*', 'ls-files'],
    cwd=root,
    capture_output=True,
    text=True,
    check=True,
  )
  names = {line.partition('/')[0] for line in result.stdout.splitlines()}
  assert names == TOP
