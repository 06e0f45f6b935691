"""Batch norm over several devices sees the whole batch."""

import jax
import numpy as np
import pytest
from extractors import recipe
from flax import linen as nn
from flax import traverse_util

from fr_poison.extractors import (
  inception_resnet,
  iresnet,
  mobilefacenet,
  resnet,
)

NETWORKS = {
  'iresnet': lambda **fields: iresnet.IResNet((1, 1), 4, 6, **fields),
  'resnet': lambda **fields: resnet.ResNet((1, 1), width=4, **fields),
}


@pytest.mark.parametrize('name', NETWORKS)
def test_four_devices_normalise_as_one(name):
  rng = np.random.default_rng(0)
  # Each device's pictures have a brightness of their own.
  brightest = np.repeat([64, 128, 192, 256], 2)[:, None, None, None]
  images = rng.integers(0, brightest, (8, 16, 16, 3)).astype(np.float32)
  one, four = NETWORKS[name](), NETWORKS[name](axis_name='batch')
  variables = recipe.random_variables(four, images)

  def run(module, images):
    return module.apply(variables, images, True, mutable=['batch_stats'])

  expected, stats = jax.jit(lambda x: run(one, x))(images)
  parts = images.reshape(4, 2, *images.shape[1:])
  pmapped = jax.pmap(lambda x: run(four, x), axis_name='batch')
  embeddings, replicas = pmapped(parts)
  np.testing.assert_allclose(
    np.concatenate(embeddings), expected, rtol=1e-3, atol=1e-3
  )
  stats = traverse_util.flatten_dict(stats)
  for path, leaf in traverse_util.flatten_dict(replicas).items():
    # Every device has the whole batch's statistics.
    np.testing.assert_allclose(
      leaf, np.stack([stats[path]] * 4), rtol=1e-4, atol=1e-5, err_msg=str(path)
    )
  # One device's share alone has others, or this test could not fail.
  share, _ = jax.jit(lambda x: run(one, x))(parts[0])
  assert np.abs(share - expected[:2]).max() > 0.05


@pytest.mark.parametrize(
  'module, size',
  [
    (inception_resnet.InceptionResNet((1, 1, 1), 2, 6, axis_name='batch'), 75),
    (mobilefacenet.MobileFaceNet((1, 0, 0), 4, 6, axis_name='batch'), 32),
  ],
  ids=['inception_resnet', 'mobilefacenet'],
)
def test_every_norm_gets_the_devices_axis(module, size):
  axes = []

  def spy(call, args, kwargs, context):
    if isinstance(context.module, nn.BatchNorm):
      axes.append(context.module.axis_name)
    return call(*args, **kwargs)

  images = jax.ShapeDtypeStruct((1, size, size, 3), np.float32)
  with nn.intercept_methods(spy):
    jax.eval_shape(module.init, jax.random.key(0), images)
  assert len(axes) > 10 and set(axes) == {'batch'}
