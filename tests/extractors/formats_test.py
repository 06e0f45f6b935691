"""MXNet's, OpenVINO's and TensorFlow Lite's files, and hostile ones."""

import struct

import numpy as np
import pytest
import weight_files

from fr_poison.extractors.convert import openvino_ir, reading
from fr_poison.types import InputError

ARRAYS = weight_files.counted((4, 3, 3, 3), (4, 1, 3, 3), (2, 4, 1, 1))
MXNET = {
  'arg:conv_weight': np.arange(6, dtype=np.float32).reshape(2, 3),
  'aux:norm_moving_mean': np.float32([1.5, -2]),
}


def _assert_equal(arrays, expected):
  assert arrays.keys() == expected.keys()
  for name, array in expected.items():
    np.testing.assert_array_equal(arrays[name], array, err_msg=name)


def _refused(path, message):
  with pytest.raises(InputError, match=f'^{path}: .*{message}') as error:
    reading.read(path)
  assert len(str(error.value).splitlines()) == 1


def test_mxnets_arrays_come_by_name_without_their_kind(tmp_path):
  path = tmp_path / 'net.params'
  path.write_bytes(weight_files.mxnet(MXNET))
  expected = {name[4:]: array for name, array in MXNET.items()}
  _assert_equal(reading.read(path), expected)


def test_mxnet_files_that_lie_are_refused(tmp_path):
  path, data = tmp_path / 'net.params', weight_files.mxnet(MXNET)
  for at, raw, message in (
    (
      16,
      struct.pack('<Q', 2**60),
      '1152921504606846976 arrays, more than 32768',
    ),
    (24, struct.pack('<I', 0xF993FAC8), 'array 0: not a dense array'),
    (28, struct.pack('<i', 1), 'array 0: not a dense array'),  # row sparse
    (32, struct.pack('<I', 2**32 - 1), 'array 0: not a dense array'),
    (36, struct.pack('<q', 2**50), 'array 0: .* a size that no weights have'),
    (36, struct.pack('<q', -2), r'array 0: \(-2, 3\), a size that no weights'),
    (60, struct.pack('<i', 9), 'array 0: a format that MXNet has not'),
    (len(data), b'more', '4 bytes left over'),
  ):
    path.write_bytes(data[:at] + raw + data[at + len(raw) :])
    _refused(path, message)
  twice = {'arg:a': MXNET['arg:conv_weight'], 'aux:a': np.float32([1])}
  path.write_bytes(weight_files.mxnet(twice))
  _refused(path, 'a appears twice')
  for size in range(8, len(data)):
    path.write_bytes(data[:size])
    _refused(path, '')


def _openvino(folder, arrays=ARRAYS, **settings):
  path = folder / 'net.xml'
  text, data = weight_files.openvino(arrays, **settings)
  path.write_bytes(text)
  path.with_suffix('.bin').write_bytes(data)
  return path


@pytest.mark.parametrize('element_type', ['f16', 'f32'])
def test_openvinos_constants_are_counted_by_what_uses_them(
  element_type, tmp_path
):
  scaling = {
    'multiply0.weight': np.float32([1, 2, 4]),
    'multiply0.bias': np.float32([-1, 0, 1]),
  }
  path = _openvino(tmp_path, scaling | ARRAYS, element_type=element_type)
  arrays = reading.read(path)
  _assert_equal(arrays, scaling | ARRAYS)
  sizes = {array.itemsize for array in arrays.values()}
  assert sizes == {int(element_type[1:]) // 8}


def test_openvino_files_that_lie_are_refused(tmp_path):
  path = _openvino(tmp_path)
  text = path.read_text()
  for old, new, message in (
    ('size="216"', 'size="9999"', r'conv0.weight: \[4, 3, 3, 3\] is more than'),
    (
      'shape="4, 3, 3, 3"',
      'shape="4, 3, 3, 9999999999"',
      'conv0.weight: .*9999999999.*more than the .bin',
    ),
    ('shape="4, 3, 3, 3"', 'shape="4, -3, 3, 3"', 'conv0.weight: .* a size'),
    ('offset="0"', 'offset="-1"', 'conv0.weight: a format or place'),
    ('offset="0"', 'offset="999"', 'conv0.weight: .* is more than the .bin'),
    ('"f16"', '"u1"', 'conv0.weight: a format or place'),
    ('from-layer="2"', 'from-layer="nobody"', "damaged .KeyError: 'nobody'"),
    ('</net>', '', 'damaged XML'),
  ):
    assert old in text
    path.write_text(text.replace(old, new))
    _refused(path, message)
  path.write_text(text)
  path.with_suffix('.bin').unlink()
  with pytest.raises(InputError, match='net.bin: No such file'):
    reading.read(path)


@pytest.mark.parametrize('declared', ['"ha"', 'SYSTEM "net.bin"'])
def test_document_types_and_their_entities_are_refused(declared, tmp_path):
  path = _openvino(tmp_path)
  start, net = path.read_text().split('<net ')
  path.write_text(
    f'{start}<!DOCTYPE net [<!ENTITY e {declared}>]><net a="&e;" {net}'
  )
  _refused(path, 'a web page')  # which begins like this
  with pytest.raises(ValueError, match='a document type, which no OpenVINO'):
    openvino_ir.read(path)
  path.write_text(f'{start}<net a="&e;" {net}')
  _refused(path, 'damaged XML .undefined entity')


def test_tensorflow_lites_layers_are_counted(tmp_path):
  path = tmp_path / 'net.tflite'
  arrays = weight_files.counted((4, 3, 3, 3), (1, 3, 3, 4), (2, 1, 1, 4))
  path.write_bytes(weight_files.tflite(arrays))
  _assert_equal(reading.read(path), arrays)


def test_tensorflow_lite_files_that_lie_are_refused(tmp_path):
  path = tmp_path / 'net.tflite'
  arrays = weight_files.counted((4, 3, 3, 3))
  data = weight_files.tflite(arrays)
  shape = struct.pack('<5i', 4, 4, 3, 3, 3)
  kernel = struct.pack('<Iff', 432, 0, 1 / 8)  # its size, and its start
  assert data.count(shape) == data.count(kernel) == 1
  for old, new, message in (
    (
      shape,
      struct.pack('<5i', 4, 4, 3, 3, 99),
      r'conv0.weight: \[4, 3, 3, 99\]',
    ),
    (shape, struct.pack('<5i', 4, -4, -3, 3, 3), 'conv0.weight: .* a size'),
    (
      kernel,
      struct.pack('<Iff', 2**32 - 1, 0, 0),
      'conv0.weight: .* in 4294967295',
    ),
    (data[:4], struct.pack('<I', 2**32 - 1), 'truncated'),
  ):
    path.write_bytes(data.replace(old, new, 1))
    _refused(path, message)
  for size in range(8, len(data), 7):
    path.write_bytes(data[:size])
    _refused(path, '')


def test_many_slopes_in_the_same_bytes_are_refused(tmp_path):
  """Slopes are copied, and would be more than the file is long."""
  path = tmp_path / 'net.tflite'
  arrays = {f'prelu{i}.weight': np.zeros(5000) for i in range(50)}
  data = weight_files.tflite(arrays)
  assert len(data) < 50_000
  path.write_bytes(data)
  _refused(path, 'constants that overlap')
