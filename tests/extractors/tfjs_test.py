import json

import numpy as np
import pytest

from fr_poison.extractors.convert import reading
from fr_poison.types import InputError


def _write(tmp_path, weights, data):
  manifest = [{'paths': ['net.bin'], 'weights': weights}]
  path = tmp_path / 'net.json'
  path.write_text(json.dumps({'weightsManifest': manifest}))
  (tmp_path / 'net.bin').write_bytes(data)
  return path


def _weight(name, shape, quantization=None):
  entry = {'name': name, 'shape': shape, 'dtype': 'float32'}
  return entry | ({'quantization': quantization} if quantization else {})


def test_reads_raw_float16_and_scaled_uint8(tmp_path):
  full = np.array([[1.5, -2.0]], '<f4')
  half = np.array([0.25, 3.0], '<f2')
  codes = np.array([0, 255], 'u1')
  path = _write(
    tmp_path,
    [
      _weight('full', [1, 2]),
      _weight('half:0', [2], {'dtype': 'float16'}),
      _weight('codes', [2], {'dtype': 'uint8', 'scale': 0.1, 'min': -1.0}),
    ],
    full.tobytes() + half.tobytes() + codes.tobytes(),
  )
  arrays = reading.read(path)
  np.testing.assert_array_equal(arrays['full'], full)
  np.testing.assert_array_equal(arrays['half'], [0.25, 3.0])
  # 0 * .1 - 1 and 255 * .1 - 1
  np.testing.assert_allclose(arrays['codes'], [-1.0, 24.5])
  assert {a.dtype for a in arrays.values()} == {np.dtype(np.float32)}


def test_refuses_files_of_the_wrong_length(tmp_path):
  weights = [_weight('a', [3])]
  with pytest.raises(InputError, match='a: weights end too early'):
    reading.read(_write(tmp_path, weights, b'\0' * 8))
  with pytest.raises(InputError, match='4 bytes left over'):
    reading.read(_write(tmp_path, weights, b'\0' * 16))
  path = _write(tmp_path, weights, b'\0' * 12)
  (tmp_path / 'net.bin').unlink()
  with pytest.raises(InputError, match='net.bin: No such file'):
    reading.read(path)
  path.write_text('{"a": 1}')
  with pytest.raises(InputError, match='not a TF.js graph model'):
    reading.read(path)


@pytest.mark.parametrize(
  'shape, scale, message',
  [
    ([2], [0.5, 0.5], r'codes: \[0.5, 0.5\] is no scale'),
    ([2], True, 'codes: True is no scale'),
    ([2], 10**400, 'damaged .OverflowError'),
    ([2], '1', "codes: '1' is no scale"),
    ([-2, -1], 0.5, r'codes: \[-2, -1\], a size that no weights have'),
    ([2.0], 0.5, r'codes: \[2.0\], a size that no weights have'),
    (2, 0.5, 'codes: 2 is no shape'),
  ],
)
def test_scales_are_numbers_and_sizes_are_sizes(
  shape, scale, message, tmp_path
):
  """A list of scales would be multiplied with each number of a column."""
  quantization = {'dtype': 'uint8', 'scale': scale, 'min': 0}
  weights = [_weight('codes', shape, quantization)]
  with pytest.raises(InputError, match=message):
    reading.read(_write(tmp_path, weights, bytes(2)))
