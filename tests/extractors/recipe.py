"""Weights of tests: by the golden recipe from names alone, or just random.

The original networks got exactly the former in PyTorch; see golden/README.md.
"""

import zlib

import jax
import numpy as np


def weight(key, shape, keys, gain):
  """One array of a PyTorch state dict; `keys` are the names of all."""
  rng = np.random.default_rng(zlib.crc32(key.encode()))
  vector = key.endswith('weight') and len(shape) == 1
  if key.endswith('running_var'):
    w = rng.uniform(0.5, 1.5, shape)
  elif key.endswith('running_mean'):
    w = 0.1 * rng.standard_normal(shape)
  elif key.endswith('bias'):
    w = 0.05 * rng.standard_normal(shape)
  elif vector and key[: -len('weight')] + 'bias' not in keys:  # a PReLU
    w = rng.uniform(0.1, 0.4, shape)
  elif vector:
    w = rng.uniform(0.5, 1.5, shape)
  elif key.endswith('weight'):
    w = rng.standard_normal(shape) * (gain * np.sqrt(1 / np.prod(shape[1:])))
  else:
    w = 0.04 * rng.standard_normal(shape)
  return w.astype(np.float32)


def state_dict(shapes, gain):
  """{key: array} of {key: shape}, without PyTorch's batch counters."""
  return {
    key: weight(key, tuple(shape), shapes, gain)
    for key, shape in shapes.items()
    if not key.endswith('num_batches_tracked')
  }


_LEAVES = {
  'running_mean': ('batch_stats', 'mean'),
  'running_var': ('batch_stats', 'var'),
  'bias': ('params', 'bias'),
}


def to_flax(key, array, path):
  """The Flax path and array of one entry of a state dict.

  Args:
    key: PyTorch's name.
    array: convolutions OIHW, dense layers [out, in].
    path: of the Flax module that the entry belongs to.

  Returns:
    (collection, *path, leaf), array
  """
  last = key.rpartition('.')[2]
  if last in _LEAVES:
    collection, leaf = _LEAVES[last]
    return (collection, *path, leaf), array
  leaf = 'scale' if array.ndim == 1 else 'kernel'
  axes = {1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}[array.ndim]
  return ('params', *path, leaf), array.transpose(axes)


def random_variables(module, images, seed=0):
  """Variables of a Flax module, none as initialised; compiles nothing."""
  rng = np.random.default_rng(seed)

  def draw(path, leaf):
    name = path[-1].key
    if name == 'kernel':
      scale = 1 / np.sqrt(np.prod(leaf.shape[:-1]))
      return rng.normal(0, scale, leaf.shape).astype(np.float32)
    low, high = (0.5, 1.5) if name in ('scale', 'var') else (-0.3, 0.3)
    return rng.uniform(low, high, leaf.shape).astype(np.float32)

  tree = jax.eval_shape(module.init, jax.random.key(0), images)
  return jax.tree_util.tree_map_with_path(draw, tree)
