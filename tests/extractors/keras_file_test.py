"""Keras' HDF5 files, and HDF5 that Keras does not write."""

import sys

import numpy as np
import pytest

from fr_poison.extractors.convert import keras_file
from fr_poison.types import InputError

h5py = pytest.importorskip('h5py', reason='h5py is not installed')


def test_datasets_come_by_their_path(tmp_path):
  path = tmp_path / 'net.h5'
  kernel = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
  with h5py.File(path, 'w') as file:
    file['conv/conv/kernel:0'] = kernel
    file['conv/conv/bias:0'] = np.float16([0.5, -2])
    file['conv/text'] = 'no array'
    file.create_group('empty')
  arrays = keras_file.read(path)
  assert set(arrays) == {'conv/conv/kernel:0', 'conv/conv/bias:0'}
  np.testing.assert_array_equal(arrays['conv/conv/kernel:0'], kernel)
  assert arrays['conv/conv/bias:0'].dtype == np.float16


def _secret(tmp_path):
  path = tmp_path / 'secret.h5'
  with h5py.File(path, 'w') as file:
    file['a'] = np.ones(4)
  return path


def _external(file, tmp_path):
  file['a'] = h5py.ExternalLink(_secret(tmp_path), '/a')


def _soft(file, tmp_path):
  file['a'] = h5py.SoftLink('/b')


def _raw(file, tmp_path):
  raw = [(_secret(tmp_path), 0, 32)]
  file.create_dataset('a', (4,), 'f8', external=raw)


def _virtual(file, tmp_path):
  layout = h5py.VirtualLayout((4,), 'f8')
  layout[:] = h5py.VirtualSource(_secret(tmp_path), 'a', (4,))
  file.create_virtual_dataset('a', layout)


def _compressed(file, tmp_path):
  file.create_dataset('a', data=np.zeros(1000), compression='gzip')


def _unwritten(file, tmp_path):
  file.create_dataset('a', (10**12,), 'f4', chunks=(1000,))


@pytest.mark.parametrize(
  'fill, message',
  [
    (_external, 'a is a link to elsewhere'),
    (_soft, 'a is a link to elsewhere'),
    (_raw, 'a lies in another file'),
    (_virtual, 'a lies in another file'),
    (_compressed, 'a is compressed'),
    (_unwritten, r'a: \(1000000000000,\) is more than the file holds'),
    (lambda file, tmp_path: None, 'no arrays in it'),
  ],
)
def test_what_is_not_in_the_file_is_refused(tmp_path, fill, message):
  path = tmp_path / 'net.h5'
  with h5py.File(path, 'w') as file:
    fill(file, tmp_path)
  with pytest.raises(InputError, match=f'net.h5: {message}'):
    keras_file.read(path)


def test_damaged_files_and_a_missing_package_are_said(tmp_path, monkeypatch):
  path = _secret(tmp_path)
  data = path.read_bytes()
  for damaged in (data[: len(data) // 2], data[:8] + bytes(100), b''):
    path.write_bytes(damaged)
    with pytest.raises(InputError, match='secret.h5: '):
      keras_file.read(path)
  monkeypatch.setitem(sys.modules, 'h5py', None)
  with pytest.raises(InputError, match='h5py: not installed; pip install'):
    keras_file.read(path)
