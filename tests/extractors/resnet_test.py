"""ResNet: torchvision's graph, with its own golden activations."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from extractors import recipe
from flax import linen as nn

from fr_poison import extractors, weights
from fr_poison.extractors import resnet

TINY = {'units': (1, 1), 'bottleneck': True, 'width': 4}


def _shapes(variables):
  return jax.tree.map(jnp.shape, variables)


def _describe(module, size=224):
  images = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
  return jax.eval_shape(module.init, jax.random.key(0), images)


def test_resnet18_is_torchvisions(golden):
  arrays = golden('resnet18_10')
  state = recipe.golden_state(arrays)
  last, bias = state['fc.weight'], state['fc.bias']
  extractor = extractors.from_state_dict('resnet18', state)
  back = extractors.to_state_dict(extractor)
  assert state.keys() - back.keys() == {'fc.weight', 'fc.bias'}
  assert all((back[key] == state[key]).all() for key in back)

  module = resnet.ResNet()
  wanted = set(arrays['activation_names'].tolist())
  captured = lambda module, _: module.name in wanted
  apply = lambda v, x: module.apply(v, x, capture_intermediates=captured)
  images = resnet.IMAGENET.scale(arrays['images'].astype(np.float32))
  features, state = jax.jit(apply)(extractor.params, images)
  theirs = arrays['embeddings']
  # Rounding is below 1e-6 of their spread, a wrong epsilon 9e-5.
  error = np.abs(features @ last.T + bias - theirs).max()
  assert error <= 5e-5 * theirs.std()
  for name, first in zip(
    arrays['activation_names'], arrays['activations'], strict=True
  ):
    (ours,) = state['intermediates'][str(name)]['__call__']
    ours = ours[0].transpose(2, 0, 1).ravel()[:8]
    np.testing.assert_allclose(ours, first, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
  'depth, count, size',
  [
    # Convolutions, norms and the last layer as in the paper's table 1;
    # torchvision counts these, with 512 * 1000 + 1000 of its last layer.
    (18, 11_689_512, 512),
    (34, 21_797_672, 512),
    (50, 25_557_032, 2048),
    (101, 44_549_160, 2048),
    (152, 60_192_808, 2048),
  ],
)
def test_parameters_are_as_many_as_torchvisions(depth, count, size):
  tree = _describe(resnet.ResNet(resnet.UNITS[depth], depth >= 50))
  ours = sum(leaf.size for leaf in jax.tree.leaves(tree['params']))
  assert ours + size * 1000 + 1000 == count
  table = extractors.spec('resnet18').table  # of every depth
  keys = set(map(table.key, weights.flatten(tree)))
  assert len(keys) == len(weights.flatten(tree))
  assert 'layer4.0.downsample.1.running_var' in keys


def test_bottleneck_has_its_stride_in_the_middle():
  norm = functools.partial(nn.BatchNorm, True)
  block = resnet.Block(4, 2, True, norm)
  x = jnp.zeros((1, 6, 6, 8))
  capture = lambda module, _: module.name in ('conv1', 'conv2', 'conv3')
  init = functools.partial(block.init, capture_intermediates=capture)
  state = jax.eval_shape(init, jax.random.key(0), x)
  shapes = {
    name: value['__call__'][0].shape
    for name, value in state['intermediates'].items()
  }
  assert shapes == {
    'conv1': (1, 6, 6, 4), 'conv2': (1, 3, 3, 4), 'conv3': (1, 3, 3, 16)
  }  # fmt: skip


def test_remat_and_bfloat16_compute_the_same():
  plain = resnet.ResNet(**TINY)
  again = resnet.ResNet(**TINY, remat=True)
  rng = np.random.default_rng(0)
  codes = jnp.asarray(rng.integers(0, 256, (2, 16, 16, 3)), jnp.float32)
  images = resnet.IMAGENET.scale(codes)
  variables = recipe.random_variables(plain, images)
  assert _shapes(_describe(again, 16)) == _shapes(variables)

  @functools.partial(jax.jit, static_argnums=0)
  def train(module, variables, images):
    def loss(params):
      given = variables | {'params': params}
      y, state = module.apply(given, images, True, mutable=['batch_stats'])
      return jnp.sum(y**2), state

    return jax.grad(loss, has_aux=True)(variables['params'])

  results = [train(module, variables, images) for module in (again, plain)]
  for ours, theirs in zip(*map(jax.tree.leaves, results), strict=True):
    atol = 1e-4 * np.abs(theirs).max()
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=atol)
  embed = jax.jit(plain.apply)
  full = embed(variables, images)
  half = embed(variables, images.astype(jnp.bfloat16))
  assert full.shape == (2, 32)  # 4, doubled once, times the bottleneck's 4
  assert half.dtype == jnp.float32 and (full != half).any()
  np.testing.assert_allclose(half, full, rtol=0.1, atol=0.1)
