"""State dicts: every array under both names, or refused with both sides."""

import ml_dtypes
import numpy as np
import pytest

from fr_poison.extractors.convert.state_dict import (
  Table,
  to_flax,
  to_state_dict,
  torch_table,
)
from fr_poison.types import InputError

TABLE = torch_table(
  ('^stem/', 'conv/'),
  ('^depthwise/', 'dw/'),
  ('^norm/', 'bn/'),
  ('^prelu/', 'act/'),
  ('^head/dense/', 'fc/'),
)
SHAPES = {
  'params/stem/kernel': (3, 5, 2, 4),
  'params/stem/bias': (4,),
  'params/depthwise/kernel': (3, 5, 4),
  'params/norm/scale': (4,),
  'params/norm/bias': (4,),
  'batch_stats/norm/mean': (4,),
  'batch_stats/norm/var': (4,),
  'params/prelu/slope': (4,),
  'params/head/dense/kernel': (4, 6),
}
PREFIXES = ('net.module.', 'module.')


def _state():
  rng = np.random.default_rng(0)
  shapes = {
    'conv.weight': (4, 2, 3, 5),
    'dw.weight': (4, 1, 3, 5),
    'fc.weight': (6, 4),
    'bn.num_batches_tracked': (),
  }
  vectors = 'conv.bias bn.weight bn.bias bn.running_mean bn.running_var'
  shapes |= dict.fromkeys([*vectors.split(), 'act.weight'], (4,))
  return {
    key: rng.standard_normal(shape, np.float32) for key, shape in shapes.items()
  }


def _load(arrays):
  return to_flax(
    TABLE, arrays, SHAPES, ignored=r'(module\.)?top\.weight', prefixes=PREFIXES
  )


def _with_prefix(prefix, arrays):
  return {prefix + key: array for key, array in arrays.items()}


def _same(ours, theirs):
  ours, theirs = (to_state_dict(TABLE, tree) for tree in (ours, theirs))
  return all((ours[key] == theirs[key]).all() for key in theirs)


def test_axes_move_as_the_layers_have_them_and_back():
  state = _state()
  variables = _load(state)
  params = variables['params']
  # Output 3, input 1, row 2, column 4.
  assert (
    params['stem']['kernel'][2, 4, 1, 3] == state['conv.weight'][3, 1, 2, 4]
  )
  assert (
    params['depthwise']['kernel'][2, 4, 3] == state['dw.weight'][3, 0, 2, 4]
  )
  assert params['head']['dense']['kernel'][1, 5] == state['fc.weight'][5, 1]
  assert (params['norm']['scale'] == state['bn.weight']).all()
  assert (
    variables['batch_stats']['norm']['var'] == state['bn.running_var']
  ).all()
  back = to_state_dict(TABLE, variables)
  assert state.keys() - back.keys() == {'bn.num_batches_tracked'}
  for key, array in back.items():
    np.testing.assert_array_equal(array, state[key])


@pytest.mark.parametrize('prefix', PREFIXES)
def test_a_declared_prefix_of_all_keys_is_stripped(prefix):
  state = _state()
  others = {'top.weight': np.ones(3), 'module.top.weight': np.ones(3)}
  assert _same(_load(_with_prefix(prefix, state) | others), _load(state))


def test_other_mixed_and_repeated_prefixes_are_refused():
  state = _state()
  with pytest.raises(InputError, match='unexpected: model.act.weight'):
    _load(_with_prefix('model.', state))
  # Stripped once, not as often as it is there.
  with pytest.raises(InputError, match='unexpected: module.act.weight'):
    _load(_with_prefix('module.module.', state))
  mixed = _with_prefix('module.', state)
  mixed['fc.weight'] = mixed.pop('module.fc.weight')
  with pytest.raises(InputError, match='missing: act.weight .* and 2 more; '):
    _load(mixed)
  # Both are one array after stripping: which of them would it be?
  twice = state | {'module.fc.weight': np.zeros((6, 4), np.float32)}
  with pytest.raises(
    InputError, match=r'unexpected: module.fc.weight \[6, 4\]'
  ):
    _load(twice)


def test_every_wrong_array_is_listed_with_its_shape():
  state = _state()
  del state['conv.bias']
  state['bn.weight'] = np.ones(5, np.float32)
  state['extra.weight'] = np.ones((2, 3), np.float32)
  state['act.weight'] = np.ones(4, np.int32)
  with pytest.raises(InputError) as error:
    _load(state)
  assert str(error.value) == (
    'state_dict: not the weights of this network; missing: conv.bias [4]; '
    'unexpected: extra.weight [2, 3] float32; '
    'misshaped: bn.weight [5], expected [4]; '
    'not floating point: act.weight [4] int32'
  )


@pytest.mark.parametrize('value', [np.nan, np.inf, 1e300])
def test_numbers_that_are_none_are_refused_by_name(value):
  state = _state()
  state['fc.weight'] = state['fc.weight'].astype(np.float64)
  state['fc.weight'][2, 1] = value
  with pytest.raises(InputError, match='NaN or infinite: fc.weight'):
    _load(state)


@pytest.mark.parametrize('dtype', [np.float16, ml_dtypes.bfloat16, np.float64])
def test_other_formats_become_float32(dtype):
  state = _state()
  narrow = {key: array.astype(dtype) for key, array in state.items()}
  variables = _load(narrow)
  kernel = variables['params']['head']['dense']['kernel']
  assert kernel.dtype == np.float32
  expected = narrow['fc.weight'].astype(np.float32).T
  np.testing.assert_array_equal(kernel, expected)


def test_arrays_may_also_be_as_tensorflow_has_them():
  table = Table((('^(a|b)/kernel', r'\1_kernel'),))
  shapes = {'params/a/kernel': (3, 2, 8), 'params/b/kernel': (1, 1, 8, 4)}
  arrays = {'a_kernel': np.ones((3, 2, 8, 1), np.float32)}
  arrays['b_kernel'] = np.ones((1, 1, 8, 4), np.float32)
  variables = to_flax(table, arrays, shapes)
  # Depthwise kernels have no last axis here.
  assert variables['params']['a']['kernel'].shape == (3, 2, 8)
  back = to_state_dict(table, variables)
  assert {key: a.shape for key, a in back.items()} == {
    'a_kernel': (3, 2, 8, 1),
    'b_kernel': (1, 1, 8, 4),
  }
  with pytest.raises(InputError, match='missing: nothing; unexpected: c'):
    to_flax(
      table,
      arrays | {'c': np.ones(2), 'head/x': np.ones(2)},
      shapes,
      ignored='head/.*',
    )
