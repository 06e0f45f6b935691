"""The networks again in plain PyTorch, for benchmarks only.

Nothing in fr_poison uses these. Each function takes the Flax variables and
returns `embed(x)`, [B, 3, H, W] in 0..255 -> [B, D], in eager mode and
channels_last, with the same weights and hence the same outputs; the weights
take no gradient. PyTorch is imported when the first one is made.
"""

import functools

import jax
import numpy as np

from fr_poison.extractors import dlib_resnet as dlib
from fr_poison.extractors import iresnet, network


def available() -> bool:
  """Whether PyTorch can be imported."""
  try:
    import torch  # noqa: F401
  except ImportError:
    return False
  return True


def _tensors(variables, device, dtype):
  """Arrays as tensors; kernels HWIO -> OIHW in channels_last."""
  import torch

  def convert(array):
    tensor = torch.from_numpy(np.array(array)).to(device, dtype)
    if tensor.ndim == 4:
      tensor = tensor.permute(3, 2, 0, 1)
      tensor = tensor.contiguous(memory_format=torch.channels_last)
    return tensor

  return jax.tree.map(convert, variables)


def _conv(x, params, **options):
  from torch.nn import functional

  return functional.conv2d(x, params['kernel'], params.get('bias'), **options)


def _add_padded(a, b):
  """dlib's add_prev, see `fr_poison.extractors.dlib_resnet.add_padded`."""
  from torch.nn import functional

  shape = [max(m, n) for m, n in zip(a.shape, b.shape, strict=True)]

  def pad(x):
    missing = [m - n for m, n in zip(shape, x.shape, strict=True)]
    if not any(missing):
      return x
    return functional.pad(x, [n for m in missing[:0:-1] for n in (0, m)])

  return pad(a) + pad(b)


def dlib_resnet(variables, device='cpu', dtype=None):
  """`DlibResNet`."""
  import torch
  from torch.nn import functional

  params = _tensors(variables['params'], device, dtype)
  mean = torch.tensor(dlib.MEAN_RGB, device=device, dtype=dtype)[:, None, None]

  def embed(x):
    x = _conv((x - mean) / 256, params['stem'], stride=2).relu()
    x = functional.max_pool2d(x, 3, 2)
    for i, (_, down) in enumerate(dlib.BLOCKS):
      p = params[f'block{i + 1}']
      options = {'stride': 2} if down else {'padding': 1}
      y = _conv(x, p['conv1'], **options).relu()
      y = _conv(y, p['conv2'], padding=1)
      skip = functional.avg_pool2d(x, 2, 2) if down else x
      x = _add_padded(y, skip).relu()
    return x.mean((2, 3)) @ params['dense']['kernel']

  return embed


def _batch_norm(x, path, variables):
  from torch.nn import functional

  params, stats = (
    functools.reduce(lambda tree, key: tree[key], path, variables[kind])
    for kind in ('params', 'batch_stats')
  )
  return functional.batch_norm(
    x, stats['mean'], stats['var'], params['scale'], params['bias'], eps=1e-5
  )


def iresnet_peer(
  variables, units=iresnet.UNITS[18], width=64, device='cpu', dtype=None
):
  """`IResNet`."""
  from torch.nn import functional

  variables = _tensors(variables, device, dtype)
  params = variables['params']
  norm = lambda x, *path: _batch_norm(x, path, variables)

  def block(x, name, stride):
    p, skip = params[name], x
    if 'shortcut' in p:
      skip = _conv(x, p['shortcut'], stride=stride)
      skip = norm(skip, name, 'shortcut_norm')
    x = _conv(norm(x, name, 'norm1'), p['conv1'], padding=1)
    x = functional.prelu(norm(x, name, 'norm2'), p['prelu']['slope'])
    x = _conv(x, p['conv2'], stride=stride, padding=1)
    return norm(x, name, 'norm3') + skip

  def embed(x):
    x = norm(_conv((x - 127.5) / 127.5, params['stem'], padding=1), 'stem_norm')
    x = functional.prelu(x, params['stem_prelu']['slope'])
    for name, _, stride in network.blocks(units, width):
      x = block(x, name, stride)
    x = norm(x, 'norm').flatten(1)
    x = x @ params['dense']['kernel'] + params['dense']['bias']
    return norm(x, 'dense_norm')

  return embed
