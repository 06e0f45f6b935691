"""Whatever a weight file says: finite work, and InputError if it is damaged."""

import json
import pickle

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from properties import hostile, seeds

from fr_poison.extractors import cache
from fr_poison.extractors.convert import reading
from fr_poison.types import InputError


def _refuses_or_reads(read, path):
  """What `read` gives for the file, if it does not refuse it."""
  with hostile.watched(path.parent):
    try:
      return read(path)
    except InputError:
      return None


@pytest.mark.parametrize(
  'name',
  [*seeds.TORCH, *seeds.ONNX, 'net.safetensors'],
)
def test_a_damaged_file_of_others(name, tmp_path):
  intact, path = seeds.weights(name), tmp_path / 'weights'

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
  cache.write(path, 'net', seeds.ARRAYS, source='a.pth', source_sha256='12')

  @hypothesis.given(hostile.damaged(path.read_bytes()))
  def check(data):
    path.write_bytes(data)
    found = _refuses_or_reads(cache.read, path)
    if found is not None:
      np.testing.assert_array_equal(
        found[1]['conv']['kernel'], seeds.ARRAYS['conv/kernel']
      )

  check()


def test_a_damaged_tfjs_model(tmp_path):
  path = tmp_path / 'model.json'
  (tmp_path / 'a.bin').write_bytes(bytes(2))

  @hypothesis.given(
    st.one_of(
      hostile.damaged(json.dumps(seeds.TFJS).encode()),
      st.builds(_with_value(seeds.TFJS), st.integers(0, 9), hostile.VALUES),
    )
  )
  def check(data):
    path.write_bytes(data)
    _refuses_or_reads(reading.read, path)

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


def test_the_dlib_file_of_these_tests_is_one(tmp_path):
  path = tmp_path / 'net.dat'
  path.write_bytes(seeds.dlib())
  arrays = {name: a.tolist() for name, a in reading.read(path).items()}
  assert arrays == {
    'mean': [122.5, 117.0, 104.25],
    'con0/kernel': [[[[6.0]]]],  # 3 times 2, by the affine layer
    'con0/bias': [5.5],  # 3 times .5, and 4
  }


# There is no other test of dlib's numbers.
@hypothesis.settings(max_examples=300)
@hypothesis.given(hostile.damaged(seeds.dlib()))
def test_a_damaged_dlib_file(tmp_path, data):
  _refuses_or_reads_bytes(tmp_path, data)


@hypothesis.given(hostile.damaged(pickle.dumps({'conv': seeds.ARRAYS})))
def test_a_damaged_pickle_of_arrays(tmp_path, data):
  _refuses_or_reads_bytes(tmp_path, data)


def _refuses_or_reads_bytes(folder, data):
  path = folder / 'net'
  path.write_bytes(data)
  _refuses_or_reads(reading.read, path)
