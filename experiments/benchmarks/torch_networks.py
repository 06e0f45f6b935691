"""Networks of ours in eager PyTorch, with the same weights."""

from collections.abc import Callable

import jax
import numpy as np

from fr_poison.extractors import Extractor, dlib_resnet, iresnet, mobileface
from fr_poison.extractors.network import blocks


def place(dtype: str, torch) -> tuple:
  """Gives device and dtype: as asked on JAX's GPU, else float32 on the CPU."""
  if jax.default_backend() == 'gpu' and torch.cuda.is_available():
    return 'cuda', getattr(torch, dtype)
  return 'cpu', torch.float32


def pictures(images, device: str, torch):
  """Gives pictures [B, H, W, 3] as [B, 3, H, W], channels last in memory."""
  return torch.from_numpy(np.array(images)).to(device).permute(0, 3, 1, 2)


def is_known(extractor: Extractor) -> bool:
  """Says whether `embed_fn` has this network."""
  return type(extractor.spec.module()) in _GRAPHS


def embed_fn(extractor: Extractor, where: tuple, torch) -> Callable:
  """Makes pictures [B, 3, H, W] in [0, 1] -> embeddings [B, D], float32.

  Args:
    extractor: one that `is_known`; pictures are of its size.
    where: device and dtype of weights and computation, see `place`.
    torch: the package.
  """

  def tensor(array):
    found = torch.from_numpy(np.array(array)).to(*where)
    if found.ndim == 4:  # HWIO -> OIHW
      found = found.permute(3, 2, 0, 1)
      found = found.contiguous(memory_format=torch.channels_last)
    return found

  module, inputs = extractor.spec.module(), extractor.spec.inputs
  variables = jax.tree.map(tensor, extractor.params)
  graph = _GRAPHS[type(module)](module, variables, torch)
  mean, std = (
    tensor(np.reshape(n, (-1, 1, 1))) for n in (inputs.mean, inputs.std)
  )
  return lambda x: graph(((255 * x).to(mean.dtype) - mean) / std).float()


def _conv(torch):
  def conv(x, p, **options):
    return torch.nn.functional.conv2d(x, p['kernel'], p.get('bias'), **options)

  return conv


def _add_padded(a, b, functional):
  """dlib's add_prev, see `fr_poison.extractors.dlib_resnet.add_padded`."""
  shape = [max(m, n) for m, n in zip(a.shape, b.shape, strict=True)]

  def pad(x):
    missing = [m - n for m, n in zip(shape, x.shape, strict=True)]
    if not any(missing):
      return x
    return functional.pad(x, [n for m in missing[:0:-1] for n in (0, m)])

  return pad(a) + pad(b)


def _dlib_resnet(module, variables, torch):
  functional, params = torch.nn.functional, variables['params']
  conv = _conv(torch)

  def embed(x):
    x = functional.max_pool2d(conv(x, params['stem'], stride=2).relu(), 3, 2)
    for i, (_, down) in enumerate(dlib_resnet.BLOCKS):
      p = params[f'block{i + 1}']
      y = conv(x, p['conv1'], **({'stride': 2} if down else {'padding': 1}))
      y = conv(y.relu(), p['conv2'], padding=1)
      skip = functional.avg_pool2d(x, 2, 2) if down else x
      x = _add_padded(y, skip, functional).relu()
    return x.mean((2, 3)) @ params['dense']['kernel']

  return embed


def _iresnet(module, variables, torch):
  functional, params = torch.nn.functional, variables['params']
  conv = _conv(torch)

  def norm(x, *path):
    p, s = params, variables['batch_stats']
    for key in path:
      p, s = p[key], s[key]
    values = s['mean'], s['var'], p['scale'], p['bias']
    return functional.batch_norm(x, *values, eps=module.epsilon)

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
    x = norm(conv(x, params['stem'], padding=1), 'stem_norm')
    x = functional.prelu(x, params['stem_prelu']['slope'])
    for name, _, stride in blocks(module.units, module.width):
      x = block(x, name, stride)
    x = norm(x, 'norm').flatten(1)
    x = x @ params['dense']['kernel'] + params['dense']['bias']
    return norm(x, 'dense_norm')

  return embed


def _mobileface(module, variables, torch):
  functional, params = torch.nn.functional, variables['params']
  conv = _conv(torch)

  def depthwise(x, p, i, stride=1):
    kernel = p[f'depthwise{i}']['kernel'].permute(2, 0, 1)[:, None]
    options = {'stride': stride, 'padding': 1, 'groups': len(kernel)}
    x = functional.conv2d(x, kernel, **options)
    return functional.prelu(x, p[f'prelu{i}']['slope'])

  def embed(x):
    x = conv(x, params['stem'], stride=2, padding=1)
    x = functional.prelu(x, params['stem_prelu']['slope'])
    for i in range(4):
      p = params[f'stage{i}']
      x = skip = depthwise(conv(x, p['pointwise']), p, 0, stride=2)
      x = depthwise(depthwise(x, p, 1), p, 2) + skip
    x = x.permute(0, 2, 3, 1).flatten(1) @ params['dense']['kernel']
    return x * params['scale'] + params['bias']

  return embed


_GRAPHS = {
  dlib_resnet.DlibResNet: _dlib_resnet,
  iresnet.IResNet: _iresnet,
  mobileface.MobileFace: _mobileface,
}
