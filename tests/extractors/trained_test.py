"""Networks out of checkpoints: what they need is read, and nothing else."""

import numpy as np
import pytest

from fr_poison.checkpoints import Checkpoints
from fr_poison.extractors import trained
from fr_poison.types import InputError

NETWORK = {'name': 'toy', 'input_size': 8}
STATE = {
  'params': {'extractor': {'w': np.ones(3, np.float32)}, 'head': np.ones(5)},
  'batch_stats': {'mean': np.full(2, 4, np.float32)},
  'opt_state': [np.zeros(10**6)],
}


def _shapes(name, size):
  assert (name, size) == ('toy', 8)
  return {'params/w': (3,), 'batch_stats/mean': (2,)}


def _read(folder, state, description=None):
  description = description or {'network': NETWORK}
  Checkpoints(folder, description=description).save(1, state)
  return trained.read(folder, _shapes)


def test_the_average_is_read_where_it_is_kept(tmp_path):
  name, variables, size = _read(tmp_path / 'a', STATE)
  assert (name, size) == ('toy', 8)
  assert variables.keys() == {'params', 'batch_stats'}
  assert variables['params']['w'].tolist() == [1, 1, 1]
  assert variables['batch_stats']['mean'].tolist() == [4, 4]
  ema = {'extractor': {'w': np.full(3, 2, np.float32)}}
  _, variables, _ = _read(tmp_path / 'b', STATE | {'ema': ema})
  assert variables['params']['w'].tolist() == [2, 2, 2]


@pytest.mark.parametrize(
  'extractor, reason',
  [
    ({'w': np.zeros((10**3, 10**3))}, r'misshaped: params/w \[1000, 1000\]'),
    ({'v': np.ones(3, np.float32)}, r'missing: params/w \[3\]; unexpected: '),
    ({'w': np.ones(3, np.int32)}, 'not floating point: params/w'),
  ],
)
def test_other_arrays_are_refused_before_any_is_read(
  tmp_path, monkeypatch, extractor, reason
):
  read = lambda *args: pytest.fail('read')
  monkeypatch.setattr(trained.checkpoints.saved_step.Saved, 'read', read)
  state = STATE | {'params': {'extractor': extractor}}
  with pytest.raises(InputError, match=reason):
    _read(tmp_path, state)


@pytest.mark.parametrize(
  'description, reason',
  [
    ({'seed': 1}, "not the checkpoint of a network \\('network' is missing"),
    ({'network': 3}, 'not the checkpoint of a network'),
    ({'network': NETWORK | {'input_size': 'x'}}, "input_size: 'x'"),
  ],
)
def test_what_is_no_network_is_refused(tmp_path, description, reason):
  with pytest.raises(InputError, match=reason):
    _read(tmp_path, STATE, description)
