"""IResNet (insightface: ArcFace, MagFace): 112x112 -> 512.

The graph of `iresnet18/34/50/100` in insightface's backbones/iresnet.py: batch
norm before the first and after both convolutions of a block, no stride in the
stem. Without the norm between a block's convolutions it is face.evoLVe's IR,
and with squeeze-and-excitation behind them its IR-SE.
"""

import functools
from collections.abc import Callable

import jax.numpy as jnp
from flax import linen as nn

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
from fr_poison.layers import Conv, PReLU

# Blocks a stage, by depth.
UNITS = {
  18: (2, 2, 2, 2),
  34: (3, 4, 6, 3),
  50: (3, 4, 14, 3),
  100: (3, 13, 30, 3),
  200: (6, 26, 60, 6),
}


class Block(nn.Module):
  """Norm, conv, norm, PReLU, strided conv, norm around a skip.

  [B, H, W, C] -> [B, H/stride, W/stride, features]. Without `middle_norm` the
  second norm is not there, and the skip is projected only where the number of
  channels changes; with `squeeze` it ends in `squeeze_excite`.
  """

  features: int
  stride: int
  middle_norm: bool
  squeeze: bool
  norm: Callable

  @nn.compact
  def __call__(self, x):
    conv = functools.partial(Conv, self.features, 3, padding=1, use_bias=False)
    norms = (self.norm(name=f'norm{i}') for i in (1, 2, 3))
    strided = self.middle_norm and self.stride > 1
    if strided or x.shape[-1] != self.features:
      skip = shortcut(x, self.features, self.stride, self.norm)
    else:
      skip = x[:, :: self.stride, :: self.stride]
    x = conv(name='conv1')(next(norms)(x))
    if self.middle_norm:
      x = next(norms)(x)
    x = PReLU(name='prelu')(x)
    x = conv(stride=self.stride, name='conv2')(x)
    x = next(norms)(x)
    return (squeeze_excite(x) if self.squeeze else x) + skip


def squeeze_excite(x):
  """Scales each channel by what two 1x1 layers make of all their means."""
  conv = functools.partial(Conv, kernel_size=1, use_bias=False)
  channels = x.shape[-1]
  y = conv(channels // 16, name='squeeze')(jnp.mean(x, (1, 2), keepdims=True))
  return x * nn.sigmoid(conv(channels, name='excite')(nn.relu(y)))


class IResNet(Network):
  """[B, 112, 112, 3] -> [B, 512], not normalised.

  `units` are the blocks a stage, `width` the channels of the first one, which
  double from stage to stage, `epsilon` batch norm's, the others `Block`'s.
  """

  units: tuple[int, ...] = UNITS[18]
  width: int = 64
  embedding_size: int = 512
  epsilon: float = 1e-5
  middle_norm: bool = True
  squeeze: bool = False

  @nn.compact
  def __call__(self, x, train=False):
    norm, block = self.norm(x, train, self.epsilon), self.block(Block)
    x = Conv(self.width, 3, padding=1, use_bias=False, name='stem')(x)
    x = PReLU(name='stem_prelu')(norm(name='stem_norm')(x))
    kind = self.middle_norm, self.squeeze, norm
    for name, features, stride in blocks(self.units, self.width):
      x = block(features, stride, *kind, name=name)(x)
    return dense_head(x, self.embedding_size, norm)


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
  template='arcface',
  family='IResNet',
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
    module=functools.partial(IResNet, UNITS[100], epsilon=2e-5),
    inputs=Inputs(0.0, 255.0, 'BGR'),
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
    template='arcface',
    licence='',
    url='',
  ),
)
