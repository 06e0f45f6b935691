"""One step of JAX against the same step of eager PyTorch.

A step is the gradient of sum(embedding**2) by the pictures, the weights
frozen. Both must give the same embeddings before anything is timed.
"""

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import timing
from fr_poison import extractors
from fr_poison.extractors import dlib_resnet, iresnet, network

# Threads of either framework may spin for a while after their last work.
_PAUSE_S = 0.3


class _Peer(NamedTuple):
  """One network, ready in both frameworks."""

  apply: Callable  # (variables, pictures in 0..255) -> embeddings
  variables: dict
  size: int
  # (variables as tensors, torch) -> [B, 3, H, W] in 0..255 -> [B, D]
  in_torch: Callable


def _peers():
  """The networks by name; made one by one, since each takes memory."""

  def dlib():
    params = extractors.load('dlib_resnet').params
    return _peer('dlib_resnet', params, _torch_dlib_resnet)

  def iresnet18():
    params = extractors.create('arcface_r18', jax.random.key(0)).params
    return _peer('arcface_r18', params, _torch_iresnet)

  return {'dlib_resnet': dlib, 'iresnet18': iresnet18}


def _peer(name, variables, in_torch):
  spec = extractors.spec(name)
  module = spec.module()
  apply = lambda variables, x: module.apply(variables, spec.inputs.scale(x))
  return _Peer(apply, variables, spec.input_size, in_torch)


def _add_padded(a, b, functional):
  """dlib's add_prev, see `fr_poison.extractors.dlib_resnet.add_padded`."""
  shape = [max(m, n) for m, n in zip(a.shape, b.shape, strict=True)]

  def pad(x):
    missing = [m - n for m, n in zip(shape, x.shape, strict=True)]
    if not any(missing):
      return x
    return functional.pad(x, [n for m in missing[:0:-1] for n in (0, m)])

  return pad(a) + pad(b)


def _torch_dlib_resnet(variables, torch):
  functional, params = torch.nn.functional, variables['params']
  kernel = params['dense']['kernel']
  mean = kernel.new_tensor(dlib_resnet.MEAN_RGB)[:, None, None]

  def conv(x, p, **options):
    return functional.conv2d(x, p['kernel'], p.get('bias'), **options)

  def embed(x):
    x = conv((x - mean) / 256, params['stem'], stride=2).relu()
    x = functional.max_pool2d(x, 3, 2)
    for i, (_, down) in enumerate(dlib_resnet.BLOCKS):
      p = params[f'block{i + 1}']
      y = conv(x, p['conv1'], **({'stride': 2} if down else {'padding': 1}))
      y = conv(y.relu(), p['conv2'], padding=1)
      skip = functional.avg_pool2d(x, 2, 2) if down else x
      x = _add_padded(y, skip, functional).relu()
    return x.mean((2, 3)) @ kernel

  return embed


def _torch_iresnet(variables, torch):
  functional, params = torch.nn.functional, variables['params']

  def norm(x, *path):
    p, s = params, variables['batch_stats']
    for key in path:
      p, s = p[key], s[key]
    values = s['mean'], s['var'], p['scale'], p['bias']
    return functional.batch_norm(x, *values, eps=1e-5)

  def conv(x, p, **options):
    return functional.conv2d(x, p['kernel'], p.get('bias'), **options)

  def block(x, name, stride):
    p, skip = params[name], x
    if 'shortcut' in p:
      skip = conv(x, p['shortcut'], stride=stride)
      skip = norm(skip, name, 'shortcut_norm')
    x = conv(norm(x, name, 'norm1'), p['conv1'], padding=1)
    x = functional.prelu(norm(x, name, 'norm2'), p['prelu']['slope'])
    x = conv(x, p['conv2'], stride=stride, padding=1)
    return norm(x, name, 'norm3') + skip

  def embed(x):
    x = norm(conv((x - 127.5) / 127.5, params['stem'], padding=1), 'stem_norm')
    x = functional.prelu(x, params['stem_prelu']['slope'])
    for name, _, stride in network.blocks(iresnet.UNITS[18], 64):
      x = block(x, name, stride)
    x = norm(x, 'norm').flatten(1)
    x = x @ params['dense']['kernel'] + params['dense']['bias']
    return norm(x, 'dense_norm')

  return embed


def _torch_step(peer, codes, place, torch):
  """Embeddings of the pictures, and the step, by PyTorch."""

  def tensor(array):
    found = torch.from_numpy(np.array(array)).to(*place)
    if found.ndim == 4:  # HWIO -> OIHW
      found = found.permute(3, 2, 0, 1)
      found = found.contiguous(memory_format=torch.channels_last)
    return found

  embed = peer.in_torch(jax.tree.map(tensor, peer.variables), torch)
  # channels_last in memory, as the kernels
  pictures = torch.from_numpy(codes).to(*place).permute(0, 3, 1, 2)

  def step():
    x = pictures.detach().requires_grad_()
    (gradient,) = torch.autograd.grad((embed(x) ** 2).sum(), x)
    if x.is_cuda:
      torch.cuda.synchronize()
    return gradient

  with torch.no_grad():
    return embed(pictures).float().cpu().numpy(), step


def _compare(peer, dtype, batch_size, repeats, torch):
  """(JAX's seconds, PyTorch's seconds, JAX's temporary megabytes).

  Raises:
    AssertionError: their embeddings differ.
  """
  gpu = jax.default_backend() == 'gpu' and torch.cuda.is_available()
  place = 'cuda' if gpu else 'cpu', getattr(torch, dtype if gpu else 'float32')
  shape = batch_size, peer.size, peer.size, 3
  codes = np.random.default_rng(0).integers(0, 256, shape)
  images, variables = jax.device_put((codes, peer.variables))
  images = images.astype(jnp.dtype(dtype))
  theirs, torch_step = _torch_step(peer, codes, place, torch)
  ours = jax.jit(peer.apply)(variables, images)
  difference = np.abs(np.asarray(ours, np.float32) - theirs)
  error = difference.max() / np.abs(theirs).max()
  exact = not gpu and dtype == 'float32'  # a GPU may compute in TF32
  assert error < (1e-4 if exact else 5e-2), f'embeddings differ by {error:.1e}'

  def loss(images, variables):
    return jnp.sum(peer.apply(variables, images) ** 2)

  step = jax.jit(jax.grad(loss)).lower(images, variables).compile()
  ways = {'jax': lambda: step(images, variables), 'torch': torch_step}
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
  for name, make in _peers().items():
    ours, theirs, megabytes = _compare(
      make(), dtype, batch_size, repeats, torch
    )
    yield (
      f'{name:12} {ours:8.3f} {theirs:10.3f} {ours / theirs:10.2f} '
      f'{megabytes:15.0f}'
    )
