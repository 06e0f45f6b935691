"""A tiny network to train, wrapped as an extractor, and pictures for it."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from fr_poison.extractors import Extractor, NetworkSpec

SIZE = 8


class Net(nn.Module):
  """A strided convolution, batch norm over all devices, a dense layer."""

  axis_name: str | None = None
  norm: bool = True

  @nn.compact
  def __call__(self, x, train=False):
    x = x / 255 - jnp.asarray(0.5, x.dtype)
    x = nn.Conv(4, (3, 3), 2, dtype=x.dtype)(x)
    if self.norm:
      x = nn.BatchNorm(
        not train, momentum=0.5, axis_name=self.axis_name, dtype=x.dtype
      )(x)
    return nn.Dense(6, dtype=x.dtype)(jnp.tanh(x).reshape(len(x), -1))


def init(norm=True):
  module = Net(norm=norm)
  return module.init(jax.random.key(0), jnp.zeros((1, SIZE, SIZE, 3)))


def embed_fn(params, images):
  return Net(norm='batch_stats' in params).apply(params, 255 * images)


def plain_train_fn(variables, images):
  """Without batch norm: each picture's embedding is its own."""
  return embed_fn(variables, images), {}


def normed_train_fn(axis_name=None):
  def apply(variables, images):
    embeddings, changed = Net(axis_name).apply(
      variables, 255 * images, train=True, mutable=['batch_stats']
    )
    return embeddings, changed['batch_stats']

  return apply


def extractor():
  spec = NetworkSpec('toy', Net, SIZE, 6, batch_norm=True)
  return Extractor(embed_fn, init(), spec, SIZE, 'of the start')


def pictures(labels, seed=0):
  """uint8, around a random picture a person: easy to tell apart."""
  rng = np.random.default_rng(seed)
  people = np.random.default_rng(9).integers(
    40, 216, (max(labels) + 1, SIZE, SIZE, 3)
  )
  noise = rng.integers(-20, 21, (len(labels), SIZE, SIZE, 3))
  return (people[np.asarray(labels)] + noise).astype(np.uint8)


def batch(count=8, num_people=3, seed=0):
  labels = np.arange(count, dtype=np.int32) % num_people
  return {
    'images': pictures(labels, seed).astype(np.float32) / 255,
    'labels': labels,
    'mask': np.ones(count, np.float32),
    'position': np.arange(count, dtype=np.int32),
  }
