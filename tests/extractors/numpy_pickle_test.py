import os
import pickle

import numpy as np
import pytest

from fr_poison.extractors.convert import reading
from fr_poison.types import InputError


def _read(tmp_path, data):
  path = tmp_path / 'weights.ckpt'
  path.write_bytes(data)
  return reading.read(path)


def test_a_tree_of_arrays_comes_back_flat(tmp_path):
  tree = {'a': {'b': np.arange(6.0).reshape(2, 3)}, 'c': np.float32([[1]])}
  arrays = _read(tmp_path, pickle.dumps(tree | {'epoch': 3}))
  assert list(arrays) == ['a.b', 'c']
  np.testing.assert_array_equal(arrays['a.b'], tree['a']['b'])


class _Canary:
  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return os.system, (f'touch {self.path}',)


def test_a_pickle_that_runs_something_is_refused_and_does_not_run(tmp_path):
  canary = tmp_path / 'ran'
  for tree in (_Canary(canary), {'a': np.zeros(2), 'b': _Canary(canary)}):
    with pytest.raises(InputError, match='weights.ckpt: .*system is not allow'):
      _read(tmp_path, pickle.dumps(tree))
  assert not canary.exists()


@pytest.mark.parametrize(
  'data, message',
  [
    (pickle.dumps({'a': np.zeros(3)})[:-20], ''),
    (pickle.dumps({'a': {'b': 'text'}}), 'no arrays in it'),
    (pickle.dumps({'a': np.array([None])}), 'a is no numeric array'),
    (
      pickle.dumps({'a': np.zeros(3)}).replace(b'K\x03\x85', b'K\x04\x85'),
      r'a: \(4,\) is more than it holds',
    ),
  ],
)
def test_other_contents_are_refused(tmp_path, data, message):
  with pytest.raises(InputError, match=f'weights.ckpt: {message}'):
    _read(tmp_path, data)
