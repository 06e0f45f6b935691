"""Whatever a weight file says: finite work, and InputError if it is damaged."""

import json
import math
import pathlib
import pickle
import struct

import hypothesis
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import strategies as st
from properties import hostile

from fr_poison.extractors import cache
from fr_poison.extractors.convert import dlib_dat, numpy_pickle, reading, tfjs
from fr_poison.types import InputError

GOLDEN = pathlib.Path(__file__).parents[1] / 'golden' / 'weights'
ARRAYS = {'conv/kernel': np.arange(6, dtype=np.float32).reshape(3, 2)}


def _keras(folder):
  h5py = pytest.importorskip('h5py', reason='h5py is not installed')
  path = folder / 'net.h5'
  with h5py.File(path, 'w') as file:
    file.update(ARRAYS)
  return path.read_bytes()


def _foreign(name, folder):
  if name == 'net.safetensors':
    return safetensors.numpy.save(ARRAYS)
  return _keras(folder) if name == 'net.h5' else (GOLDEN / name).read_bytes()


def _refuses_or_reads(read, path):
  """What `read` gives for the file, if it does not refuse it."""
  with hostile.watched(path.parent):
    try:
      return read(path)
    except InputError:
      return None


@pytest.mark.parametrize(
  'name',
  [
    *('state_dict.pth', 'legacy.pth', 'checkpoint.pth', 'script.pt'),
    *('hostile.pth', 'iresnet.onnx', 'iresnet_dynamo.onnx'),
    *('net.safetensors', 'net.h5'),
  ],
)
def test_a_damaged_file_of_others(name, tmp_path):
  intact, path = _foreign(name, tmp_path), tmp_path / 'weights'

  @hypothesis.given(hostile.damaged(intact))
  def check(data):
    path.write_bytes(data)
    arrays = _refuses_or_reads(reading.read, path)
    if arrays is not None:
      assert sum(a.size for a in arrays.values()) <= 2 * len(data)

  check()


def test_a_damaged_file_of_ours(tmp_path):
  """Where it is read, every array is bit for bit what was written."""
  path = tmp_path / 'net.safetensors'
  cache.write(path, 'net', ARRAYS, source='a.pth', source_sha256='12')

  @hypothesis.given(hostile.damaged(path.read_bytes()))
  def check(data):
    path.write_bytes(data)
    found = _refuses_or_reads(cache.read, path)
    if found is not None:
      np.testing.assert_array_equal(
        found[1]['conv']['kernel'], ARRAYS['conv/kernel']
      )

  check()


def test_a_damaged_tfjs_model(tmp_path):
  weight = {'name': 'a', 'shape': [2], 'dtype': 'float32'}
  weight['quantization'] = {'dtype': 'uint8', 'scale': 0.5, 'min': 1.0}
  manifest = {'weightsManifest': [{'paths': ['a.bin'], 'weights': [weight]}]}
  path = tmp_path / 'model.json'
  (tmp_path / 'a.bin').write_bytes(bytes(2))

  @hypothesis.given(
    st.one_of(
      hostile.damaged(json.dumps(manifest).encode()),
      st.builds(_with_value(manifest), st.integers(0, 9), hostile.VALUES),
    )
  )
  def check(data):
    path.write_bytes(data)
    _refuses_or_reads(tfjs.read, path)

  check()


def _with_value(manifest):
  """A function that puts a value in place of one of the manifest's."""

  def build(place, value):
    text = json.dumps(manifest)
    group = json.loads(text)['weightsManifest'][0]
    weight = group['weights'][0]
    places = [
      *((part, key) for part in (group, weight) for key in part),
      *((weight['quantization'], key) for key in weight['quantization']),
    ]
    part, key = places[place % len(places)]
    part[key] = value
    return json.dumps({'weightsManifest': [group]}).encode()

  return build


def _integer(value):
  size = (abs(value).bit_length() + 7) // 8
  sign = 0x80 if value < 0 else 0
  return bytes([sign | size]) + abs(value).to_bytes(size, 'little')


def _float(value):
  mantissa, exponent = math.frexp(value)
  return _integer(int(mantissa * 2**24)) + _integer(exponent - 24)


def _string(text):
  return _integer(len(text)) + text.encode()


def _tensor(values):
  shape = b''.join(map(_integer, (1, len(values), 1, 1)))
  return _integer(2) + shape + struct.pack(f'<{len(values)}f', *values)


def _alias(count):
  return _integer(1) + b''.join(map(_integer, (1, count, 1, 1)))


def _dlib():
  """A convolution of one filter of one weight, and an affine layer."""
  flags = b'110'
  return b''.join(
    [
      b'input_rgb_image_sized',
      *map(_float, (122.5, 117.0, 104.25)),
      *map(_integer, (150, 150)),
      *(_string('con_4'), _tensor([2.0, 0.5]), *map(_integer, [1] * 7)),
      *(_alias(1), _alias(1), *map(_float, [1.0] * 4), flags, _integer(1)),
      *(_string('affine_'), _tensor([3.0, 4.0]), _alias(1), _alias(1)),
      *(_integer(0), flags),
    ]
  )


def test_the_dlib_file_of_these_tests_is_one():
  con, affine = dlib_dat.read(_dlib(), 'net.dat')
  assert (con.kind, con.shape, con.params.tolist()) == (
    *('con', (1, 1, 1, 1)),
    [2.0, 0.5],
  )
  assert (affine.kind, affine.params.tolist()) == ('affine', [3.0, 4.0])


@hypothesis.settings(max_examples=300)  # there is no other test of its numbers
@hypothesis.given(hostile.damaged(_dlib()))
def test_a_damaged_dlib_file(tmp_path, data):
  _refuses_or_reads(lambda _: dlib_dat.read(data, 'net.dat'), tmp_path / 'a')


@hypothesis.given(hostile.damaged(pickle.dumps({'conv': ARRAYS})))
def test_a_damaged_pickle_of_arrays(tmp_path, data):
  _refuses_or_reads(lambda _: numpy_pickle.read(data, 'net'), tmp_path / 'a')
