"""One step of JAX against the same step of eager PyTorch, by turns.

A step is the gradient of sum(embedding**2) by the pictures, the weights
frozen. Both must give the same embeddings before anything is timed.
"""

import os
import time
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import torch_peers

from fr_poison import extractors

# Threads of either framework may spin for a while after their last work.
_PAUSE_S = 0.3
_CALLS = 5  # in a row, before the other one's turn


class _Peer(NamedTuple):
  """One network, ready in both frameworks."""

  apply: object  # (variables, pictures in 0..255) -> embeddings
  variables: dict
  size: int
  make_torch: object  # (variables, device, dtype) -> embed


def _peers():
  """The networks by name; made one by one, since each takes memory."""

  def dlib():
    params = extractors.load('dlib_resnet').params
    return _peer('dlib_resnet', params, torch_peers.dlib_resnet)

  def iresnet18():
    params = extractors.create('arcface_r18', jax.random.key(0)).params
    return _peer('arcface_r18', params, torch_peers.iresnet_peer)

  return {'dlib_resnet': dlib, 'iresnet18': iresnet18}


def _peer(name, variables, make_torch):
  spec = extractors.spec(name)
  module = spec.module()
  apply = lambda variables, x: module.apply(variables, spec.inputs.scale(x))
  return _Peer(apply, variables, spec.input_size, make_torch)


def _jax_step(peer, images):
  """The compiled step without arguments, and its temporary memory in MB."""

  def loss(images, variables):
    return jnp.sum(peer.apply(variables, images) ** 2)

  compiled = jax.jit(jax.grad(loss)).lower(images, peer.variables).compile()
  megabytes = compiled.memory_analysis().temp_size_in_bytes / 1e6
  variables = jax.device_put(peer.variables)
  step = lambda: jax.block_until_ready(compiled(images, variables))
  return step, megabytes


def _torch_step(embed, images):
  import torch

  def step():
    x = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad((embed(x) ** 2).sum(), x)
    if x.is_cuda:
      torch.cuda.synchronize()
    return gradient

  return step


def _turns(steps, repeats):
  """The fastest call of each, taking turns of some calls with pauses."""
  best = [np.inf] * len(steps)
  for i in range(repeats + 1):
    for j, step in enumerate(steps):
      time.sleep(_PAUSE_S)
      for _ in range(_CALLS):
        start = time.perf_counter()
        step()
        if i:  # the first turn is the warm-up
          best[j] = min(best[j], time.perf_counter() - start)
  return best


def _error(ours, theirs):
  ours, theirs = np.asarray(ours, np.float32), theirs.float().cpu().numpy()
  return np.abs(ours - theirs).max() / np.abs(theirs).max()


def _compare(peer, dtype, batch_size, repeats):
  """(JAX's seconds, PyTorch's seconds, JAX's temporary megabytes).

  Raises:
    AssertionError: their embeddings differ.
  """
  import torch

  gpu = jax.default_backend() == 'gpu' and torch.cuda.is_available()
  device = 'cuda' if gpu else 'cpu'
  torch_dtype = getattr(torch, dtype) if gpu else torch.float32
  codes = np.random.default_rng(0).integers(
    0, 256, (batch_size, peer.size, peer.size, 3)
  )
  images = jnp.asarray(codes, jnp.dtype(dtype))
  pictures = torch.from_numpy(codes).to(device, torch_dtype)
  pictures = pictures.permute(0, 3, 1, 2)  # channels_last in memory
  embed = peer.make_torch(peer.variables, device=device, dtype=torch_dtype)
  with torch.no_grad():
    error = _error(jax.jit(peer.apply)(peer.variables, images), embed(pictures))
  exact = not gpu and dtype == 'float32'  # a GPU may compute in TF32
  assert error < (1e-4 if exact else 5e-2), f'embeddings differ by {error:.1e}'
  step, megabytes = _jax_step(peer, images)
  ours, theirs = _turns([step, _torch_step(embed, pictures)], repeats)
  return ours, theirs, megabytes


def lines(dtype: str, batch_size: int, repeats: int) -> Iterator[str]:
  """The table, line by line; one line only where PyTorch is missing.

  Args:
    dtype: 'float32' or 'bfloat16'; PyTorch takes it on a GPU only.
    batch_size: pictures.
    repeats: turns of each framework; the fastest call counts.
  """
  if not torch_peers.available():
    yield 'peer torch: skipped, PyTorch cannot be imported'
    return
  import torch

  torch.set_num_threads(os.cpu_count())
  yield f'peer torch {torch.__version__}, {batch_size} pictures, {dtype}'
  yield 'network       jax [s]  torch [s]  jax/torch  temporary [MB]'
  for name, make in _peers().items():
    ours, theirs, megabytes = _compare(make(), dtype, batch_size, repeats)
    yield (
      f'{name:12} {ours:8.3f} {theirs:10.3f} {ours / theirs:10.2f} '
      f'{megabytes:15.0f}'
    )
