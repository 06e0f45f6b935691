"""MobileFaceNet's own layers; its embeddings are in published_test.py."""

import jax
import jax.numpy as jnp
import numpy as np
from extractors import recipe

from fr_poison.extractors import mobilefacenet

TINY = {'units': (1, 1, 0), 'width': 4, 'embedding_size': 6}


def _images():
  codes = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3))
  return codes.astype(np.float32)


def test_grouped_convolution_and_its_gradients_are_xlas():
  rng = np.random.default_rng(0)
  x = rng.standard_normal((2, 5, 6, 8), np.float32)
  kernel = rng.standard_normal((3, 3, 2, 8), np.float32)
  weights = rng.standard_normal((2, 5, 6, 8), np.float32)

  def ours(x, kernel):
    return mobilefacenet.GroupedConv().apply({'params': {'kernel': kernel}}, x)

  def theirs(x, kernel):
    return jax.lax.conv_general_dilated(
      x,
      kernel,
      (1, 1),
      'SAME',
      dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
      feature_group_count=4,
    )

  def results(conv):
    loss = lambda x, kernel: jnp.sum(weights * conv(x, kernel))
    return jax.jit(lambda *a: (conv(*a), *jax.grad(loss, (0, 1))(*a)))(
      x, kernel
    )

  for a, b in zip(results(ours), results(theirs), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_training_moves_the_statistics_also_with_remat():
  plain = mobilefacenet.MobileFaceNet(**TINY)
  again = mobilefacenet.MobileFaceNet(**TINY, remat=True)
  recipe.check_training(plain, again, _images())
