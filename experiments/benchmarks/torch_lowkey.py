"""The same step of plain LowKey by PyTorch, eager or compiled.

What it leaves out, as the best iterates and their terms, JAX's has: the
comparison is not to JAX's advantage.
"""

import time
from typing import Any

import jax
import numpy as np

from benchmarks import pytorch, timing, torch_networks
from benchmarks.lowkey_step import Measured
from fr_poison.attacks import perceptual
from fr_poison.types import InputError

_RATE = 1 / 255  # of a step; any will do


def _blur_matrix(size):
  """LowKey's blur of a column of pixels, [size, size].

  Of a picture one pixel wide with a single bright row: a column of it.
  """
  rows = np.broadcast_to(
    np.eye(size, dtype=np.float32)[..., None, None], (size, size, 1, 3)
  )
  return np.array(perceptual.gaussian_blur(rows)[:, :, 0, 0]).T


def _distances(measured, where, torch):
  """Makes the objective: pictures [B, 3, H, W] -> [B]."""
  embed = torch_networks.embed_fn(measured.extractor, where, torch)
  to_device = lambda x: torch.from_numpy(np.array(x)).to(where[0])
  blur = to_device(_blur_matrix(measured.extractor.input_size))
  (reference,) = map(to_device, measured.state.reference)

  def distances(x):
    blurred = blur @ x @ blur.T
    seen = torch.cat([blurred, x]).contiguous(memory_format=torch.channels_last)
    embeddings = torch.nn.functional.normalize(embed(seen))
    embeddings = embeddings.reshape(2, *reference.shape)
    return ((embeddings - reference) ** 2).sum(-1).mean(0)

  return distances


def _torch(measured):
  """The package, set up to compute as JAX does by default."""
  if not torch_networks.is_known(measured.extractor):
    raise InputError('no such network in PyTorch')
  try:
    import torch
  except ImportError as error:
    raise InputError('PyTorch cannot be imported') from error
  where, _ = torch_networks.place('float32', torch)
  if (where == 'cpu') != (jax.default_backend() == 'cpu'):
    raise InputError('PyTorch does not see this device')
  # Products of float32 in TF32, by the fastest kernels.
  torch.set_float32_matmul_precision('high')
  torch.backends.cudnn.benchmark = True
  return torch


def measure(
  measured: Measured,
  dtype: str,
  num_steps: int,
  repeats: int,
  *,
  compiled: bool,
) -> dict[str, Any]:
  """Times the step on the same pictures.

  Args:
    measured: by JAX.
    dtype: see `torch_networks.place`.
    num_steps: before the device is waited for.
    repeats: of these; the median counts.
    compiled: by `torch.compile`.

  Raises:
    AssertionError: PyTorch finds other distances than JAX.
    InputError: PyTorch is not there, or has no such network or device.
  """
  torch = _torch(measured)
  where = torch_networks.place(dtype, torch)
  distances = _distances(measured, where, torch)
  if compiled:
    torch.compiler.reset()  # of one function it compiles only a few forms
    distances = torch.compile(distances)
  images = torch_networks.pictures(measured.state.adv_images, where[0], torch)

  def step(x):
    x = x.detach().requires_grad_()
    found = distances(x)
    (gradient,) = torch.autograd.grad(found.sum(), x)
    return (x + _RATE * gradient.sign()).clamp(0, 1), found

  def run():
    x = images
    for _ in range(num_steps):
      x, _ = step(x)
    if x.is_cuda:
      torch.cuda.synchronize()

  start = time.perf_counter()
  _, found = step(images)
  theirs = found.detach().cpu().numpy()
  compile_seconds = time.perf_counter() - start
  # The reference is of another network, so that cosines are small, and all
  # that rounding leaves alike is that they are of the same one.
  exact = jax.default_backend() == 'cpu' and dtype == 'float32'
  cosines = (1 - x / 2 for x in (measured.distances, theirs))
  pytorch.check_equal('cosines', *cosines, 1e-3 if exact else 0.2)
  seconds = timing.medians({'run': run}, repeats)[0]['run'] / num_steps
  if where[0] == 'cuda':
    torch.cuda.empty_cache()  # for JAX
  return {
    'batch': len(images),
    'images_per_second': len(images) / seconds,
    'first_step_s': compile_seconds,
  }
