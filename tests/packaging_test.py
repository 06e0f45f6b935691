"""The wheel: everything that is needed, nothing else, and it works alone."""

import re
import shutil
import subprocess
import sys
import zipfile

import pytest

# Runs on what was unpacked; the rest of fr_poison is nowhere to be found.
_USE = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import fr_poison.version
from fr_poison import extractors, weights
from fr_poison.report import page
assert str(pathlib.Path(extractors.__file__)).startswith(sys.argv[1])
shapes = {'dense/bias': (256,)}
try:
  weights.load('mobileface', shapes)
except ValueError as error:
  assert 'unexpected' in str(error), error
assert weights.manifest().keys() >= {'mobileface', 'faceres', 'dlib_resnet'}
print(fr_poison.version.__version__)
"""


def _run(*words, cwd):
  result = subprocess.run(words, cwd=cwd, capture_output=True, text=True)
  assert result.returncode == 0, result.stderr[-2000:]
  return result.stdout


def _sources(root):
  return {
    path.relative_to(root).as_posix()
    for path in (root / 'fr_poison').rglob('*')
    if path.is_file() and '__pycache__' not in path.parts
  }


@pytest.fixture(scope='module')
def wheel(root, tmp_path_factory):
  """Built from a copy, since building leaves folders behind."""
  copy = tmp_path_factory.mktemp('wheel') / 'tree'
  copy.mkdir()
  for name in ('setup.py', 'pyproject.toml', 'README.md', 'LICENSE'):
    shutil.copy(root / name, copy / name)
  for name in ('fr_poison', 'experiments', 'tests'):
    shutil.copytree(
      root / name,
      copy / name,
      ignore=shutil.ignore_patterns('__pycache__', 'golden'),
    )
  # To zip all weights would take seconds; one network's are enough to use.
  for path in (copy / 'fr_poison' / 'pretrained').glob('*.safetensors'):
    if path.stem != 'mobileface':
      path.write_bytes(b'')
  words = ('-m', 'pip', 'wheel', '-q', '--no-deps', '--no-build-isolation')
  _run(sys.executable, *words, '--no-index', '-w', copy.parent, '.', cwd=copy)
  (path,) = copy.parent.glob('*.whl')
  return path


def test_the_wheel_has_every_file_of_the_package_and_no_other(wheel, root):
  with zipfile.ZipFile(wheel) as archive:
    names = set(archive.namelist())
  about = {name for name in names if '.dist-info/' in name}
  assert names - about == _sources(root)
  assert any(name.endswith('LICENSE') for name in about)


def test_the_wheel_works_without_the_source_tree(wheel, tmp_path):
  with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
      archive.extract(name, tmp_path / 'site')
  # -P: nothing of the current folder; the installed copy comes after ours.
  words = (sys.executable, '-P', '-c', _USE, tmp_path / 'site')
  version = _run(*words, cwd=tmp_path).strip()
  assert f'fr_poison-{version}-py3' in wheel.name


def _metadata(wheel):
  with zipfile.ZipFile(wheel) as archive:
    (name,) = (n for n in archive.namelist() if n.endswith('/METADATA'))
    return archive.read(name).decode()


def test_every_requirement_has_a_lower_bound(wheel):
  needed = re.findall(
    '^Requires-Dist: ([^;\n]+)$', _metadata(wheel), re.MULTILINE
  )
  assert needed and all(re.fullmatch(r'[\w-]+>=[\d.]+', n) for n in needed)


def test_the_oldest_packages_tried_are_the_lower_bounds(wheel, root):
  pins = _run(sys.executable, '.ci/oldest.py', cwd=root).split()
  bounds = re.findall(
    '^Requires-Dist: ([^;\n]+>=[^;\n]+)', _metadata(wheel), re.MULTILINE
  )
  assert {pin.replace('==', '>=') for pin in pins} >= {
    bound for bound in bounds if not bound.startswith('setuptools')
  }
  assert all(re.fullmatch(r'[\w-]+==[\d.]+', pin) for pin in pins)
  assert (
    'pip install -q -c "$scratch/oldest.txt"'
    in (root / '.ci' / 'run').read_text()
  )
