from typing import Any

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from fr_poison.checkpoints import Checkpoints, read
from fr_poison.types import InputError


class State(flax.struct.PyTreeNode):
  params: Any
  opt_state: Any
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
    'conv.0': {'0': jnp.array([[jnp.nan, -0.0, 1e-45]])},
    'conv': {'1': [_sharded(jnp.arange(8.0)), (jnp.ones(2),)]},
    'half': jnp.array([1.5, 3e38], jnp.bfloat16),
    'double': np.array([1 / 3]),
    'mask': jnp.array([True, False]),
    'wave': np.array([1 + 2j], np.complex64),
  }
  opt_state = optax.adamw(1e-3).init({'w': jnp.ones(3)})
  return State(params, opt_state, -(2**63), 0.1, True, None)


def _assert_same(a, b):
  assert jax.tree.structure(a) == jax.tree.structure(b)
  for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
    assert isinstance(y, jax.Array) == isinstance(x, jax.Array)
    if not isinstance(x, jax.Array):
      assert type(x) is type(y)
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

  nested, description = read(tmp_path)
  assert description == {'net': [1, 2]}
  np.testing.assert_array_equal(
    nested['params']['conv']['1']['0'], np.arange(8.0)
  )
  assert nested['params']['half'].dtype == jnp.bfloat16
  assert nested['step'] == -(2**63)
  assert 'nothing' not in nested


@pytest.fixture
def there_and_back(tmp_path):
  def run(state, target):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, state)
    return checkpoints.restore(target)[1]

  return run


def test_another_architecture_names_every_difference(there_and_back, tmp_path):
  saved = {'a': jnp.ones(3), 'b': {'c': jnp.ones(2), 'd': np.ones(1)}, 'k': 1.5}
  wanted = {
    'a': jnp.ones((3, 1)),
    'b': {'d': np.ones(1, np.float32), 'e': jnp.ones(1)},
    'k': jnp.int32(1),
  }
  with pytest.raises(InputError) as error:
    there_and_back(saved, wanted)
  assert str(error.value) == (
    f'target: another architecture than in {tmp_path}/1: missing b/e; '
    'unexpected b/c; different a (float32[3], wanted float32[3, 1]), '
    'b/d (float64[1], wanted float32[1]), k (float64[], wanted int32[])'
  )


def test_a_thousand_differences_are_listed_in_part(there_and_back):
  wanted = dict.fromkeys([f'{i:03}' for i in range(1000)], 1.0)
  with pytest.raises(InputError, match=r': missing 000, 001, .*') as error:
    there_and_back({'a': jnp.ones(3)}, wanted)
  assert len(str(error.value)) < 1200


@pytest.mark.parametrize(
  'saved, wanted',
  [
    (jnp.ones(2), jnp.ones(2, jnp.bfloat16)),
    (jnp.ones(2, jnp.bfloat16), jax.ShapeDtypeStruct((2,), jnp.float32)),
    (jnp.arange(2), jnp.arange(2, dtype=jnp.uint32)),
    (7, jnp.int32(7)),
    (0.1, jnp.float32(0)),
    (1, True),
    (1.0, 1),
    (jnp.int32(1), 1.0),
  ],
)
def test_no_dtype_is_cast(there_and_back, saved, wanted):
  with pytest.raises(InputError, match='^target: .* different a '):
    there_and_back({'a': saved}, {'a': wanted})


@pytest.mark.parametrize(
  'state, reason',
  [
    ({'a': 'text'}, 'state: a: <U4 cannot be stored'),
    ({'a': np.array(['x'])}, 'state: a: <U1 cannot be stored'),
    ({'a': jax.random.key(0)}, 'state: a: key<fry> cannot be stored'),
    ({'a': 2**64}, 'state: a: object cannot be stored'),
    ({'a': None}, '.*: step 1 could not be saved'),
    ({'a': np.zeros((0, 3))}, '.*: step 1 could not be saved'),
    ({'': 1}, "state: '' names no single leaf"),
    ({'a.b': 1, 'a': {'b': 2}}, "state: 'a.b' names no single leaf"),
    (jnp.ones(1), "state: '' names no single leaf"),
    ({'a': 1, 'a/b': 2}, "state: 'a' is a leaf and holds others"),
    ({'x': {'a.b.c': 1, 'a': 2}}, "state: 'x.a' is a leaf and holds others"),
  ],
)
def test_refuses_what_it_cannot_store(tmp_path, state, reason):
  with pytest.raises(InputError, match=f'^{reason}') as error:
    Checkpoints(tmp_path).save(1, state)
  assert '\n' not in str(error.value)
  assert Checkpoints(tmp_path).latest() is None
