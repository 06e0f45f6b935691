import os
import pickle

import numpy as np
import pytest

from fr_poison.extractors.convert import numpy_pickle
from fr_poison.types import InputError


def test_a_tree_of_arrays_comes_back_flat():
  tree = {'a': {'b': np.arange(6.0).reshape(2, 3)}, 'c': np.float32([[1]])}
  arrays = numpy_pickle.read(pickle.dumps(tree), 'file')
  assert list(arrays) == ['a/b', 'c']
  np.testing.assert_array_equal(arrays['a/b'], tree['a']['b'])


class _Canary:
  def __init__(self, path):
    self.path = path

  def __reduce__(self):
    return os.system, (f'touch {self.path}',)


def test_a_pickle_that_runs_something_is_refused_and_does_not_run(tmp_path):
  canary = tmp_path / 'ran'
  for tree in (_Canary(canary), {'a': np.zeros(2), 'b': _Canary(canary)}):
    with pytest.raises(InputError, match='weights.ckpt: .*system is not allow'):
      numpy_pickle.read(pickle.dumps(tree), 'weights.ckpt')
  assert not canary.exists()


@pytest.mark.parametrize(
  'data, message',
  [
    (b'<html>', 'file: '),
    (pickle.dumps({'a': np.zeros(3)})[:-20], 'file: '),
    (pickle.dumps({'a': {'b': 'text'}}), 'a/b is no numeric array'),
    (pickle.dumps({'a': np.array([None])}), 'a is no numeric array'),
  ],
)
def test_other_contents_are_refused(data, message):
  with pytest.raises(InputError, match=message):
    numpy_pickle.read(data, 'file')
