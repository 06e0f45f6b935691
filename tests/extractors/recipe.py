"""Weights of tests: by the golden recipe from names alone, or just random.

The original networks got exactly the former in PyTorch; see golden/README.md.
"""

import math
import zlib

import jax
import jax.numpy as jnp
import numpy as np

from fr_poison import extractors, weights


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


def golden_state(arrays):
  """`state_dict` of a golden file's network: its keys, shapes and gain."""
  shapes = {
    str(key): tuple(n for n in shape if n)
    for key, shape in zip(arrays['keys'], arrays['shapes'], strict=True)
  }
  return state_dict(shapes, float(arrays['gain']))


def check_published(name, arrays, ignored=()):
  """Asserts that the network gives a golden file's embeddings, exactly.

  Args:
    name: of the network.
    arrays: of the golden file.
    ignored: keys of arrays that the embeddings do not need.

  Returns:
    the extractor, whose weights were also converted back.
  """
  state = golden_state(arrays)
  extractor = extractors.from_state_dict(name, state)
  images = arrays['images'].astype(np.float32) / 255
  ours = jax.jit(extractor.embed_fn)(extractor.params, images)
  theirs = arrays['embeddings']
  # Rounding is below 1e-5 of their spread, a wrong epsilon above 1e-4.
  assert np.abs(ours - theirs).max() <= 5e-5 * theirs.std()
  back = extractors.to_state_dict(extractor)
  assert state.keys() - back.keys() == set(ignored)
  assert all((back[key] == state[key]).all() for key in back)
  return extractor


def count_parameters(name):
  """How many numbers the network of that name learns."""
  entry = extractors.spec(name)
  shapes = weights.expected_shapes(entry.module(), entry.input_size)
  return sum(math.prod(shape) for shape in shapes.values())


def gradients(module, variables, images):
  """Of a sum of squares, by the parameters, in training where there is one."""
  train = 'batch_stats' in variables

  def loss(params):
    given = (variables | {'params': params}, images)
    if not train:
      return jnp.sum(module.apply(*given) ** 2), {}
    y, state = module.apply(*given, True, mutable=['batch_stats'])
    return jnp.sum(y**2), state

  return jax.jit(jax.grad(loss, has_aux=True))(variables['params'])


def check_training(plain, again, images):
  """Asserts that training moves all statistics, and that remat can be traced.

  Args:
    plain: a module with batch norm.
    again: the same with remat.
    images: in 0..255.
  """
  variables = random_variables(plain, images)
  train = lambda module, params: module.apply(
    variables | {'params': params}, images, True, mutable=['batch_stats']
  )
  _, state = jax.jit(lambda params: train(plain, params))(variables['params'])
  old, new = variables['batch_stats'], state['batch_stats']
  changed = jax.tree.map(lambda a, b: (a != b).any(), old, new)
  assert all(jax.tree.leaves(changed))
  gradient = jax.grad(lambda params: jnp.sum(train(again, params)[0]))
  shapes = lambda tree: jax.tree.map(jnp.shape, tree)
  traced = jax.eval_shape(gradient, variables['params'])
  assert shapes(traced) == shapes(variables['params'])


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
