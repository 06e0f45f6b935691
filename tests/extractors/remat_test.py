"""Computing again instead of keeping: the same numbers in less memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fr_poison import extractors
from fr_poison.extractors import iresnet


def _gradient(embed_fn):
  """Of the pictures, with the embeddings, which is one program."""

  def loss(params, x):
    embeddings = embed_fn(params, x)
    return jnp.sum(embeddings**2), embeddings

  return jax.jit(jax.grad(loss, argnums=1, has_aux=True))


@pytest.mark.parametrize(
  'name, size', [('dlib_resnet', None), ('faceres', 32), ('mobileface', None)]
)
def test_remat_changes_neither_embeddings_nor_gradients(name, size):
  plain = extractors.load(name, input_size=size)
  again = extractors.load(name, input_size=size, remat=True)
  assert again.embed_fn is not plain.embed_fn
  images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
  found = [_gradient(e.embed_fn)(e.params, images) for e in (plain, again)]
  grads, embed = zip(*found, strict=True)
  np.testing.assert_allclose(*embed, rtol=1e-4, atol=1e-5)
  np.testing.assert_allclose(*grads, rtol=1e-3, atol=1e-4 * abs(grads[0]).max())


def test_iresnet_with_remat_has_the_same_variables_and_gradients():
  options = {'units': (1, 2), 'width': 4, 'embedding_size': 8}
  plain = iresnet.IResNet(**options)
  again = iresnet.IResNet(**options, remat=True)
  images = jax.random.uniform(jax.random.key(1), (2, 16, 16, 3)) * 255
  variables = jax.jit(plain.init)(jax.random.key(0), images)
  shapes = lambda tree: jax.tree.map(jnp.shape, tree)
  described = jax.eval_shape(again.init, jax.random.key(0), images)
  assert shapes(described) == shapes(variables)
  grads = [_gradient(m.apply)(variables, images)[0] for m in (plain, again)]
  np.testing.assert_allclose(*grads, rtol=1e-4, atol=1e-7)
  _, state = again.apply(variables, images, True, mutable=['batch_stats'])
  assert shapes(state['batch_stats']) == shapes(variables['batch_stats'])


def test_remat_keeps_less_for_the_gradient():
  def kept(remat):
    extractor = extractors.load('faceres', input_size=64, remat=remat)
    images = jax.ShapeDtypeStruct((8, 64, 64, 3), jnp.float32)
    backward = lambda x: jax.vjp(
      lambda x: extractor.embed_fn(extractor.params, x), x
    )[1]
    leaves = jax.tree.leaves(jax.eval_shape(backward, images))
    return sum(leaf.size for leaf in leaves)

  assert kept(remat=True) < 0.6 * kept(remat=False)


@pytest.mark.skipif(
  jax.__version_info__ < (0, 12),
  reason="jaxlib 0.10's CPU compiler merges what is computed again",
)
def test_remat_needs_less_memory():
  def temporary(remat):
    extractor = extractors.load('dlib_resnet', remat=remat)
    images = jax.ShapeDtypeStruct((8, 150, 150, 3), jnp.float32)
    step = _gradient(extractor.embed_fn)
    compiled = step.lower(extractor.params, images).compile()
    return compiled.memory_analysis().temp_size_in_bytes

  # 21 of 45 MB.
  assert temporary(remat=True) < 0.6 * temporary(remat=False)
