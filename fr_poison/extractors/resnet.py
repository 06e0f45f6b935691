"""ResNet (He et al., 2016) as torchvision has it: 224x224 -> 512 or 2048.

The graph of torchvision's models/resnet.py up to its global average pool. A
bottleneck's stride is in its 3x3 convolution ("v1.5"). The last layer, which
knows ImageNet's classes, is left out: trainers put their own on the features.
"""

import functools
from collections.abc import Callable

import jax.numpy as jnp
from flax import linen as nn

from fr_poison.extractors.convert.state_dict import torch_table
from fr_poison.extractors.network import (
  Inputs,
  Network,
  NetworkSpec,
  blocks,
  dense_head,
  shortcut,
)
from fr_poison.layers import Conv, max_pool

# Blocks a stage, by depth; from 50 on they are bottlenecks.
UNITS = {
  18: (2, 2, 2, 2),
  34: (3, 4, 6, 3),
  50: (3, 4, 6, 3),
  101: (3, 4, 23, 3),
  152: (3, 8, 36, 3),
}
# ImageNet's: 0.485, 0.456, 0.406 and 0.229, 0.224, 0.225 of [0, 1].
IMAGENET = Inputs((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


class Block(nn.Module):
  """Two 3x3 convolutions, or 1x1, 3x3, 1x1 around a skip, then ReLU.

  [B, H, W, C] -> [B, H/stride, W/stride, features or 4 features].
  """

  features: int  # of the 3x3 convolutions; a bottleneck gives four times that
  stride: int
  bottleneck: bool
  norm: Callable

  @nn.compact
  def __call__(self, x):
    n, wide = self.features, self.features * (4 if self.bottleneck else 1)
    if self.bottleneck:
      shapes = (n, 1, 1), (n, 3, self.stride), (wide, 1, 1)
    else:
      shapes = (n, 3, self.stride), (wide, 3, 1)
    y = x
    for i, (*shape, stride) in enumerate(shapes, 1):
      options = {'stride': stride, 'padding': shape[1] // 2, 'use_bias': False}
      conv = Conv(*shape, **options, name=f'conv{i}')
      y = conv(nn.relu(y) if i > 1 else y)
      y = self.norm(name=f'norm{i}')(y)
    if self.stride != 1 or x.shape[-1] != wide:
      x = shortcut(x, wide, self.stride, self.norm)
    return nn.relu(y + x)


class ResNet(Network):
  """[B, 224, 224, 3] -> [B, 8 width or 32 width], pooled features.

  `units` are the blocks a stage, `width` the channels of the first one, which
  double from stage to stage. With `head_size` a dense layer over all positions
  takes the place of the pool, and gives that many.
  """

  units: tuple[int, ...] = UNITS[18]
  bottleneck: bool = False
  width: int = 64
  head_size: int | None = None

  @nn.compact
  def __call__(self, x, train=False):
    norm, block = self.norm(x, train), self.block(Block)
    x = Conv(self.width, 7, stride=2, padding=3, use_bias=False, name='stem')(x)
    x = nn.relu(norm(name='stem_norm')(x))
    # Behind a ReLU, zeros are as good a padding as -inf.
    x = max_pool(jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))))
    for name, features, stride in blocks(self.units, self.width):
      stride = 1 if features == self.width else stride
      x = block(features, stride, self.bottleneck, norm, name=name)(x)
    if self.head_size:
      return dense_head(x, self.head_size, norm)
    return jnp.asarray(jnp.mean(x, (1, 2)), jnp.float32)


# Also of the networks that were made from torchvision's.
RULES = (
  ('^stem/', 'conv1/'),
  ('^stem_norm/', 'bn1/'),
  (r'^stage(\d)_block(\d+)/', r'layer\1.\2/'),
  ('/norm', '/bn'),
  ('/shortcut/', '/downsample.0/'),
  ('/shortcut_norm/', '/downsample.1/'),
)
_HASHES = {
  18: 'f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec',
  50: '0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a',
}
SPECS = tuple(
  NetworkSpec(
    f'resnet{depth}',
    functools.partial(ResNet, UNITS[depth], bottleneck=depth >= 50),
    224,
    2048 if depth >= 50 else 512,
    any_size=True,
    pretrained=False,
    batch_norm=True,
    inputs=IMAGENET,
    year=2016,
    family='ResNet',
    licence='BSD-3-Clause (the repository)',
    url=f'https://download.pytorch.org/models/resnet{depth}-{sha256[:8]}.pth',
    sha256=sha256,
    table=torch_table(*RULES),
    ignored=r'fc\.(weight|bias)',  # ImageNet's classes, or a trainer's
    prefixes=('module.', 'backbone.'),
  )
  for depth, sha256 in _HASHES.items()
)
