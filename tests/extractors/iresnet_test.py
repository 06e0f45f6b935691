"""IResNet: its shape is insightface's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

from fr_poison import weights
from fr_poison.extractors import iresnet

TINY = {'units': (2, 1, 1), 'width': 4, 'embedding_size': 6}


def _images(size, batch=2):
  codes = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3))
  return jnp.asarray(codes, jnp.float32)


def _variables(module, size):
  """Variables in which no norm, slope or bias is as it was initialised."""
  rng = np.random.default_rng(1)
  tree = jax.jit(module.init)(jax.random.key(0), _images(size))
  flat = traverse_util.flatten_dict(tree)
  for path, leaf in flat.items():
    if path[-1] == 'var':
      flat[path] = rng.uniform(0.5, 2, leaf.shape)
    elif path[-1] != 'kernel':
      flat[path] = leaf + rng.normal(0, 0.3, leaf.shape)
  flat = {path: jnp.asarray(leaf, jnp.float32) for path, leaf in flat.items()}
  return traverse_util.unflatten_dict(flat)


@pytest.mark.parametrize('depth', [18, 34])
def test_parameters_are_as_many_as_published(depth):
  module = iresnet.IResNet(iresnet.UNITS[depth])
  shape = jax.ShapeDtypeStruct((1, 112, 112, 3), jnp.float32)
  tree = jax.eval_shape(module.init, jax.random.key(0), shape)
  count = sum(leaf.size for leaf in jax.tree.leaves(tree['params']))
  # Counted by hand. Stem 3*3*3*64 + 3*64; final norm 2*512; dense and norm.
  expected = 1728 + 192 + 1024 + 25088 * 512 + 512 + 1024
  c = 64
  for blocks, features in zip(module.units, (64, 128, 256, 512), strict=True):
    first = 9 * c * features + 9 * features**2 + 2 * c + 5 * features
    shortcut = c * features + 2 * features
    other = 18 * features**2 + 7 * features
    expected += first + shortcut + (blocks - 1) * other
    c = features
  assert count == expected
  names = weights.flatten(tree)
  keys = set(map(iresnet.TABLE.key, names))
  assert len(keys) == len(names)
  assert {'layer4.1.conv2.weight', 'layer1.0.downsample.1.bias'} <= keys


def test_training_moves_the_batch_statistics():
  module = iresnet.IResNet(**TINY)
  variables, images = _variables(module, 16), _images(16)
  train = lambda v, x: module.apply(v, x, True, mutable=['batch_stats'])
  y, state = jax.jit(train)(variables, images)
  assert y.shape == (2, 6) and y.dtype == jnp.float32
  old, new = variables['batch_stats'], state['batch_stats']
  assert all(
    jax.tree.leaves(jax.tree.map(lambda a, b: (a != b).any(), old, new))
  )


def test_bfloat16_computes_nearly_the_same():
  module = iresnet.IResNet(**TINY)
  variables = _variables(module, 16)
  embed = jax.jit(module.apply)
  full = embed(variables, _images(16))
  half = embed(variables, _images(16).astype(jnp.bfloat16))
  assert half.dtype == jnp.float32 and (full != half).any()
  np.testing.assert_allclose(half, full, rtol=0.1, atol=0.1)
