"""One step of JAX against the same step of eager PyTorch.

A step is the gradient of sum(embedding**2) by the pictures, the weights
frozen. Both must give the same embeddings before anything is timed.
"""

import os
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import timing, torch_networks
from fr_poison import extractors

# Threads of either framework may spin for a while after their last work.
_PAUSE_S = 0.3


def _networks():
  """What is printed -> makes the network; one by one, as each takes memory."""
  return {
    'dlib_resnet': lambda: extractors.load('dlib_resnet'),
    'iresnet18': lambda: extractors.create('arcface_r18', jax.random.key(0)),
  }


def _torch_step(extractor, images, where, torch):
  """Embeddings of the pictures, and the step, by PyTorch."""
  embed = torch_networks.embed_fn(extractor, where, torch)
  pictures = torch_networks.pictures(images, where[0], torch)

  def step():
    x = pictures.detach().requires_grad_()
    (gradient,) = torch.autograd.grad((embed(x) ** 2).sum(), x)
    if x.is_cuda:
      torch.cuda.synchronize()
    return gradient

  with torch.no_grad():
    return embed(pictures).cpu().numpy(), step


def check_equal(what: str, ours, theirs, tolerance: float) -> None:
  """Refuses to compare the speed of what gives something else.

  Args:
    what: names the arrays.
    ours: of any shape.
    theirs: of that shape.
    tolerance: in units of the largest number.

  Raises:
    AssertionError: they differ by more than that.
  """
  difference = np.abs(np.asarray(ours, np.float32) - theirs)
  error = difference.max() / np.abs(theirs).max()
  assert error < tolerance, f'{what} differ by {error:.1e}'


def _compare(extractor, dtype, batch_size, repeats, torch):
  """(JAX's seconds, PyTorch's seconds, JAX's temporary megabytes).

  Raises:
    AssertionError: their embeddings differ.
  """
  where = torch_networks.place(dtype, torch)
  shape = batch_size, extractor.input_size, extractor.input_size, 3
  images = np.random.default_rng(0).random(shape, np.float32)
  theirs, torch_step = _torch_step(extractor, images, where, torch)
  name, params = extractor.spec.name, extractor.params
  embed_fn = extractors.with_params(
    name, params, dtype=jnp.dtype(dtype)
  ).embed_fn
  images = jax.device_put(images)
  # A GPU may compute in TF32.
  exact = where[0] == 'cpu' and dtype == 'float32'
  tolerance = 1e-4 if exact else 5e-2
  check_equal('embeddings', embed_fn(params, images), theirs, tolerance)

  def loss(images, params):
    return jnp.sum(embed_fn(params, images) ** 2)

  step = jax.jit(jax.grad(loss)).lower(images, params).compile()
  ways = {'jax': lambda: step(images, params), 'torch': torch_step}
  t, _ = timing.medians(ways, repeats, calls=5, pause=_PAUSE_S)
  megabytes = step.memory_analysis().temp_size_in_bytes / 1e6
  return t['jax'], t['torch'], megabytes


def lines(dtype: str, batch_size: int, repeats: int) -> Iterator[str]:
  """Times each network, a line each; one line only where PyTorch is missing.

  Args:
    dtype: 'float32' or 'bfloat16'; PyTorch takes it on a GPU only.
    batch_size: pictures.
    repeats: turns of each framework.
  """
  try:
    import torch
  except ImportError:
    yield 'peer torch: skipped, PyTorch cannot be imported'
    return
  torch.set_num_threads(os.cpu_count())
  yield f'peer torch {torch.__version__}, {batch_size} pictures, {dtype}'
  yield 'network       jax [s]  torch [s]  jax/torch  temporary [MB]'
  for name, make in _networks().items():
    ours, theirs, megabytes = _compare(
      make(), dtype, batch_size, repeats, torch
    )
    yield (
      f'{name:12} {ours:8.3f} {theirs:10.3f} {ours / theirs:10.2f} '
      f'{megabytes:15.0f}'
    )
