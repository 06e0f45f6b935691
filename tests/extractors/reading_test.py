"""Which reader a weight file gets, and safetensors."""

import json
import pathlib
import shutil

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from fr_poison.extractors.convert import reading
from fr_poison.types import InputError

GOLDEN = pathlib.Path(__file__).parents[1] / 'golden' / 'weights'


@pytest.mark.parametrize(
  'name', ['state_dict.pth', 'legacy.pth', 'script.pt', 'iresnet.onnx']
)
def test_the_content_decides_not_the_name(tmp_path, name):
  path = tmp_path / 'weights.bin'
  shutil.copy(GOLDEN / name, path)
  assert reading.read(path).keys() == reading.read(GOLDEN / name).keys()


def test_tfjs_is_known_too(tmp_path):
  weight = {'name': 'a', 'shape': [2], 'dtype': 'float32'}
  manifest = [{'paths': ['a.bin'], 'weights': [weight]}]
  path = tmp_path / 'model'
  path.write_text(json.dumps({'weightsManifest': manifest}))
  (tmp_path / 'a.bin').write_bytes(np.float32([1, 2]).tobytes())
  np.testing.assert_array_equal(reading.read(path)['a'], [1, 2])
  del weight['shape']
  path.write_text(json.dumps({'weightsManifest': manifest}))
  with pytest.raises(InputError, match='model: damaged .KeyError: .shape'):
    reading.read(path)


@pytest.mark.parametrize(
  'data, message',
  [
    (b'\xef\xbb\xbf\n <!DOCTYPE html><html>', 'a web page, not the file'),
    (b'version https://git-lfs.github.com/spec/v1\n', 'a Git LFS pointer'),
    (b'', 'net.pth: not one of PyTorch, TorchScript, safetensors'),
    (b'\x80\x04N.', 'net.pth: no arrays in it'),
    (b'\x89PNG\r\n\x1a\n', 'not one of PyTorch'),
    (b'PK\x03\x04', 'net.pth: damaged .BadZipFile'),
    (b'{"a": 1}', 'not a TF.js graph model'),
  ],
)
def test_other_files_are_refused(tmp_path, data, message):
  path = tmp_path / 'net.pth'
  path.write_bytes(data)
  with pytest.raises(InputError, match=message):
    reading.read(path)


def test_no_file_is_said_with_its_name(tmp_path):
  for path, message in (
    (tmp_path / 'nowhere.pth', 'nowhere.pth: No such file'),
    (tmp_path, 'no FRBench release'),
  ):
    with pytest.raises(InputError, match=message):
      reading.read(path)


def _safetensors(header, data, length=None):
  header = header.encode()
  length = len(header) if length is None else length
  return length.to_bytes(8, 'little') + header + data


def test_safetensors_come_in_their_formats(tmp_path):
  path = tmp_path / 'net'
  arrays = {'a': np.float32([[1, 2]]), 'b': np.arange(3), 'c': np.array(True)}
  path.write_bytes(safetensors.numpy.save(arrays, {'network': 'x'}))
  read = reading.read(path)
  assert read.keys() == arrays.keys()
  for name, array in arrays.items():
    assert read[name].dtype == array.dtype
    np.testing.assert_array_equal(read[name], array)
  brain = np.array([1.5, -3], ml_dtypes.bfloat16)
  header = '{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
  path.write_bytes(_safetensors(header, brain.tobytes()))
  assert reading.read(path)['a'].tolist() == [1.5, -3]


_ENTRY = '"a":{"dtype":"%s","shape":[1],"data_offsets":[0,%d]}'


def _two(*places):
  entries = {
    name: {'dtype': 'F32', 'shape': [1], 'data_offsets': place}
    for name, place in zip('ab', places, strict=True)
  }
  return _safetensors(json.dumps(entries), bytes(8))


@pytest.mark.parametrize(
  'data, message',
  [
    (_safetensors('{}', b'', 10 * 2**30), 'damaged, a header of 10737418240'),
    (_safetensors('{' + _ENTRY % ('F32', 400) + '}', bytes(4)), 'damaged'),
    (_safetensors('{' + _ENTRY % ('F32', 4) + '}', bytes(3)), 'damaged'),
    (
      _safetensors('{' + _ENTRY % ('F8_E5M2', 1) + '}', b'\0'),
      'a: unknown num',
    ),
    (_safetensors('{' + _ENTRY % ('F32', 4) + '}', bytes(5)), 'damaged, 1 byt'),
    (_two([0, 4], [2, 6]), 'damaged, b is not where its neigh'),
    (_two([0, 4], [5, 9]), 'damaged, b is not where its neigh'),
    (_two([4, 0], [0, 4]), 'damaged, a is not where its neigh'),
    (_two([0, 4], [4, 12]), 'damaged, b is not where its neigh'),
    (_two([0, 4], [4, -8]), 'b: .4, -8., a size'),
    (_two([0, 4], [4, 8, 9]), 'too many values'),
    (_two([0, 4], 'ab'), "b: 'ab' is no shape"),
    (_safetensors('{"__metadata__":[]}', b''), 'damaged, its __metadata__'),
    (_safetensors('{"a":' + '[' * 9999, b''), 'damaged .RecursionError'),
    (_safetensors('{' + ' ' * (2 << 20) + '}', b''), 'damaged, a header of'),
    (
      _safetensors('{' + ','.join([_ENTRY % ('F32', 4)] * 2) + '}', bytes(4)),
      'a appears twice',
    ),
  ],
)
def test_other_safetensors_are_refused(tmp_path, data, message):
  path = tmp_path / 'net.safetensors'
  path.write_bytes(data)
  with pytest.raises(InputError, match=f'net.safetensors: {message}'):
    reading.read(path)
