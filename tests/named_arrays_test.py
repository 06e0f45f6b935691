from typing import Any

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from fr_poison import named_arrays
from fr_poison.checkpoints import Checkpoints, read
from fr_poison.types import InputError


class State(flax.struct.PyTreeNode):
  params: Any
  opt_state: Any
  rng: Any
  step: Any
  share: float
  done: bool
  nothing: None
  name: str = flax.struct.field(pytree_node=False, default='kept')


def _sharded(array):
  mesh = jax.make_mesh((4,), ('d',))
  return jax.device_put(array, NamedSharding(mesh, PartitionSpec('d')))


def _state():
  params = {
    # One name to Orbax, which joins with dots; one to us, who join with '/'.
    'conv.1': {'0': jnp.array([[jnp.nan, -0.0, 1e-45]])},
    'conv': {'1': [_sharded(jnp.arange(8.0)), (jnp.ones(2),)]},
    'conv/1': {'0': jnp.zeros(1)},
    'half': jnp.array([1.5, 3e38], jnp.bfloat16),
    'double': np.array([1 / 3]),
    'empty': np.zeros((0, 3), np.int16),
    'mask': jnp.array([True, False]),
    'wave': np.array([1 + 2j], np.complex64),
    'scalar': np.float32(0.1),
  }
  opt_state = optax.adamw(1e-3).init({'w': jnp.ones(3)})
  rng = jax.random.split(jax.random.key(3, impl='rbg'), 2)
  return State(params, opt_state, rng, -(2**63), 0.1, True, None)


def _assert_same(a, b):
  assert jax.tree.structure(a) == jax.tree.structure(b)
  for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
    assert isinstance(y, jax.Array) == isinstance(x, jax.Array)
    if not isinstance(x, jax.Array):
      assert type(x) is type(y)
    elif jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
      assert x.dtype == y.dtype
      x, y = jax.random.key_data(x), jax.random.key_data(y)
    x, y = np.asarray(x), np.asarray(y)
    assert (x.dtype, x.shape, x.tobytes()) == (y.dtype, y.shape, y.tobytes())


def test_a_state_comes_back_bit_for_bit(tmp_path):
  state = _state()
  checkpoints = Checkpoints(tmp_path, description={'net': (1, 2)})
  assert checkpoints.restore(state) is None
  checkpoints.save(5, state)
  step, restored = checkpoints.restore(state)
  abstract = jax.eval_shape(lambda: state.replace(step=0, share=0.5))
  abstract = abstract.replace(step=0, share=0.0)
  abstract.params['double'] = jax.ShapeDtypeStruct((1,), np.float64)
  _, on_device = checkpoints.restore(abstract)
  assert step == 5
  _assert_same(state, restored)
  # Saved on four devices, restored to one.
  shards = restored.params['conv']['1'][0].sharding
  assert len(shards.device_set) == 1
  assert isinstance(on_device.params['half'], jax.Array)
  # On a device, without x64, it would be cast.
  np.testing.assert_array_equal(on_device.params['double'], np.array([1 / 3]))
  assert on_device.rng.dtype == state.rng.dtype

  nested, description = read(tmp_path)
  assert description == {'net': [1, 2]}
  np.testing.assert_array_equal(
    nested['params']['conv']['1']['0'], np.arange(8.0)
  )
  assert nested['params']['half'].dtype == jnp.bfloat16
  assert nested['step'] == -(2**63)
  assert 'nothing' not in nested


def _there_and_back(state, target):
  arrays, entries = named_arrays.to_host(state)
  return named_arrays.to_target(target, arrays, entries, 'x')


def test_another_architecture_names_every_difference():
  saved = {'a': jnp.ones(3), 'b': {'c': jnp.ones(2), 'd': np.ones(1)}, 'k': 1.5}
  wanted = {
    'a': jnp.ones((3, 1)),
    'b': {'d': np.ones(1, np.float32), 'e': jnp.ones(1)},
    'k': jnp.int32(1),
  }
  with pytest.raises(InputError) as error:
    _there_and_back(saved, wanted)
  assert str(error.value) == (
    'target: another architecture than in x: missing b/e; unexpected b/c; '
    'shape a ([3], wanted [3, 1]); dtype b/d (float64, wanted float32), '
    'k (Python float, wanted int32)'
  )


@pytest.mark.parametrize(
  'saved, wanted',
  [
    (jnp.ones(2), jnp.ones(2, jnp.bfloat16)),
    (jnp.ones(2, jnp.bfloat16), jax.ShapeDtypeStruct((2,), jnp.float32)),
    (jnp.arange(2), jnp.arange(2, dtype=jnp.uint32)),
    (jax.random.key(0), jax.random.key_data(jax.random.key(0))),
    (jax.random.key(0), jax.random.key(0, impl='rbg')),
    (2**40, jnp.int32(0)),  # does not fit
    (0.1, jnp.float32(0)),  # loses digits
    (1, True),
    (1.0, 1),
    (jnp.int32(1), 1.0),
  ],
)
def test_no_dtype_is_cast(saved, wanted):
  with pytest.raises(InputError, match='^target: .* (dtype|shape) a '):
    _there_and_back({'a': saved}, {'a': wanted})


@pytest.mark.parametrize(
  'saved, wanted',
  [
    (jnp.int32(7), 7),
    (7, jnp.int32(7)),
    (np.uint8(7), 7),
    (jnp.float32(0.1), float(np.float32(0.1))),
    (0.5, jnp.bfloat16(0.5)),
    (float('nan'), jnp.float32('nan')),
    (jnp.array(True), True),
  ],
)
def test_python_numbers_and_scalars_stand_for_each_other(saved, wanted):
  _assert_same({'a': wanted}, _there_and_back({'a': saved}, {'a': wanted}))


@pytest.mark.parametrize(
  'state, reason',
  [
    ({'a': 'text'}, 'state: a: a str, not a number or array'),
    ({'a': np.array(['x'])}, 'state: a: <U1 cannot be stored'),
    ({'a': 2**63}, 'state: a: 9223372036854775808 does not fit 64 bits'),
    ({'a': None}, 'state: nothing to save'),
    ({'': 1}, 'state: has a leaf without a name'),
    (jnp.ones(1), 'state: has a leaf without a name'),
  ],
)
def test_refuses_what_it_cannot_store(state, reason):
  with pytest.raises(InputError) as error:
    named_arrays.to_host(state)
  assert str(error.value).startswith(reason)
