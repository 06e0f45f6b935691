"""IResNet (insightface: ArcFace, MagFace): 112x112 -> 512, to train and frozen.

The graph of `iresnet18/34/50/100` in insightface's backbones/iresnet.py: batch
norm before the first and after both convolutions of a block, no stride in the
stem. In the frozen form every batch norm is folded into its neighbours, so an
attack computes none; `fold` turns the variables of one form into the other's.
"""

import functools
import re
from collections.abc import Callable, Mapping

import jax.numpy as jnp
from flax import linen as nn
from flax import traverse_util

from fr_poison import weights
from fr_poison.extractors import resnet
from fr_poison.extractors.convert.state_dict import torch_table
from fr_poison.extractors.network import (
  ARCFACE,
  Inputs,
  Network,
  NetworkSpec,
  blocks,
  dense_head,
  shortcut,
)
from fr_poison.layers import Conv, PReLU, conv

# Blocks a stage, by depth.
UNITS = {
  18: (2, 2, 2, 2),
  34: (3, 4, 6, 3),
  50: (3, 4, 14, 3),
  100: (3, 13, 30, 3),
  200: (6, 26, 60, 6),
}
MAGFACE = Inputs(0.0, 255.0, 'BGR')
_EPSILON = 1e-5


class Block(nn.Module):
  """Norm, conv, norm, PReLU, strided conv, norm around a skip.

  Frozen, without `norm`, the first one becomes a bias map: its shift does not
  reach into the zero padding, so at the border it adds less.
  """

  features: int
  stride: int
  norm: Callable | None

  @nn.compact
  def __call__(self, x):
    """Maps [B, H, W, C] to [B, H/stride, W/stride, features]."""
    frozen = self.norm is None
    norm = self.norm or (lambda name: lambda x: x)
    conv1 = Conv(self.features, 3, padding=1, use_bias=False, name='conv1')
    conv2 = Conv(
      self.features,
      3,
      stride=self.stride,
      padding=1,
      use_bias=frozen,
      name='conv2',
    )
    skip = x
    if self.stride != 1 or x.shape[-1] != self.features:
      skip = shortcut(x, self.features, self.stride, norm)
    x = conv1(norm(name='norm1')(x))
    if frozen:
      bias = self.param('bias_map', nn.initializers.zeros, x.shape[1:])
      x = x + bias.astype(x.dtype)
    x = conv2(PReLU(name='prelu')(norm(name='norm2')(x)))
    return norm(name='norm3')(x) + skip


class IResNet(Network):
  """[B, 112, 112, 3] in 0..255 -> [B, 512], not normalised.

  `units` are the blocks a stage, `width` the channels of the first one, which
  double from stage to stage; `kind` is their module. `frozen` is the form
  without batch norm, of which `epsilon` is.
  """

  units: tuple[int, ...] = UNITS[18]
  width: int = 64
  embedding_size: int = 512
  frozen: bool = False
  epsilon: float = _EPSILON
  inputs: Inputs = ARCFACE
  kind: Callable = Block

  @nn.compact
  def __call__(self, x, train=False):
    """Embeds pictures already at the network's size and range.

    Raises:
      ValueError: `train` in the frozen form.
    """
    if train and self.frozen:
      raise ValueError('train: a frozen IResNet has no batch norm to train')
    norm = None if self.frozen else self.norm(x, train, self.epsilon)
    block = self.block(self.kind)
    x = self.inputs.scale(x)
    x = Conv(self.width, 3, padding=1, use_bias=self.frozen, name='stem')(x)
    if norm:
      x = norm(name='stem_norm')(x)
    x = PReLU(name='stem_prelu')(x)
    for name, features, stride in blocks(self.units, self.width):
      x = block(features, stride, norm, name=name)(x)
    return dense_head(x, self.embedding_size, norm)


def fold(
  variables: Mapping, input_size: int = 112, epsilon: float = _EPSILON
) -> dict:
  """Turns variables of `IResNet` into those of `IResNet(frozen=True)`, exactly.

  Args:
    variables: `params` and `batch_stats`.
    input_size: rows and columns of the pictures, which the bias maps are for.
    epsilon: batch norm's, as in the module.

  Returns:
    {'params': ...} of the same width and units.
  """
  flat = weights.flatten(variables)
  # Batch norms only add and multiply, and PReLUs stay what they are.
  folded = {key: a for key, a in flat.items() if key.endswith('/slope')}

  def affine(layer):
    """A frozen batch norm as (scale, shift), each [C]."""
    params, stats = f'params/{layer}', f'batch_stats/{layer}'
    scale = flat[f'{params}/scale'] / jnp.sqrt(flat[f'{stats}/var'] + epsilon)
    return scale, flat[f'{params}/bias'] - flat[f'{stats}/mean'] * scale

  for name in variables['params']:
    if '_block' in name:
      block = _fold_block(flat, affine, name, input_size)
      folded |= {f'params/{name}/{key}': a for key, a in block.items()}
  stem, folded['params/stem/bias'] = affine('stem_norm')
  folded['params/stem/kernel'] = flat['params/stem/kernel'] * stem
  scale, shift = affine('norm')
  out_scale, out_shift = affine('dense_norm')
  kernel = flat['params/dense/kernel'] * out_scale
  positions = len(kernel) // len(scale)
  bias = flat['params/dense/bias'] * out_scale + out_shift
  folded['params/dense/kernel'] = kernel * jnp.repeat(scale, positions)[:, None]
  folded['params/dense/bias'] = bias + jnp.repeat(shift, positions) @ kernel
  return traverse_util.unflatten_dict(folded, sep='/')


def _fold_block(flat, affine, name, input_size):
  """Gives the frozen parameters of a block by their names in it."""
  stage, block = map(int, re.findall(r'\d+', name))
  size = -(-input_size // 2 ** (stage - (block == 1)))  # of its input
  kernel = lambda layer: flat[f'params/{name}/{layer}/kernel']
  norms = [affine(f'{name}/norm{i}') for i in (1, 2, 3)]
  (scale1, shift1), (scale2, shift2), (scale3, bias) = norms
  conv1 = kernel('conv1') * scale2
  constant = jnp.broadcast_to(shift1, (1, size, size, len(shift1)))
  folded = {
    'conv1/kernel': conv1 * scale1[:, None],
    'bias_map': conv(constant, conv1, padding=((1, 1), (1, 1)))[0] + shift2,
    'conv2/kernel': kernel('conv2') * scale3,
  }
  if f'params/{name}/shortcut/kernel' in flat:
    scale, shift = affine(f'{name}/shortcut_norm')
    folded['shortcut/kernel'] = kernel('shortcut') * scale
    bias = bias + shift
  return folded | {'conv2/bias': bias}


TABLE = torch_table(
  *resnet.RULES,
  ('^stem_prelu/', 'prelu/'),
  ('^norm/', 'bn2/'),
  ('^dense/', 'fc/'),
  ('^dense_norm/', 'features/'),
)
ARCFACE_SPEC = NetworkSpec(
  '',
  IResNet,
  112,
  512,
  pretrained=False,
  batch_norm=True,
  inputs=ARCFACE,
  year=2021,
  licence='non-commercial research only',
  url='https://github.com/deepinsight/insightface/tree/master/recognition/arcface_torch#model-zoo',
  table=TABLE,
  prefixes=('module.', 'backbone.'),
)
SPECS = (
  *(
    ARCFACE_SPEC._replace(
      name=f'arcface_r{depth}', module=functools.partial(IResNet, units)
    )
    for depth, units in UNITS.items()
  ),
  ARCFACE_SPEC._replace(
    name='magface_r100',
    module=functools.partial(IResNet, UNITS[100], inputs=MAGFACE, epsilon=2e-5),
    inputs=MAGFACE,
    licence='Apache-2.0 (the repository)',
    url='https://drive.google.com/file/d/1Bd87admxOZvbIOAyTkGEntsEz3fyMt7H',
    # The classifier beside the network, which is `features`.
    ignored=r'(module\.)?fc\.weight',
    prefixes=('features.module.', 'module.features.'),
  ),
  # A design that two CPU cores train in minutes. Nobody publishes weights of
  # it: the year is the design's.
  ARCFACE_SPEC._replace(
    name='arcface_small',
    module=functools.partial(IResNet, (1, 1, 1, 1), 16),
    input_size=64,
    any_size=True,
    year=2019,
    licence='',
    url='',
  ),
)
