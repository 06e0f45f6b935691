"""MobileFaceNet (Chen et al., 2018) as insightface has it: 112x112 -> 512.

The graph of `get_mbf` in arcface_torch's backbones/mobilefacenet.py: inverted
bottlenecks without activation behind the last convolution, and a depthwise
convolution over all positions instead of a global pool.
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from fr_poison.extractors.convert.state_dict import torch_table
from fr_poison.extractors.iresnet import ARCFACE_SPEC
from fr_poison.extractors.network import Network
from fr_poison.layers import Conv, DepthwiseConv, PReLU, depthwise_conv

# Blocks with a skip behind each of the three strided ones.
UNITS = (4, 6, 2)
_GROUP = 2  # channels a group of the second convolution


class GroupedConv(nn.Module):
  """3x3 convolution within pairs of channels, as depthwise ones.

  XLA:CPU runs grouped convolutions slowly, and their gradients more so.
  """

  @nn.compact
  def __call__(self, x):
    channels = x.shape[-1]
    kernel = self.param(
      'kernel', nn.initializers.lecun_normal(), (3, 3, _GROUP, channels)
    ).astype(x.dtype)
    outputs = np.arange(channels)
    groups = x.reshape(*x.shape[:-1], -1, _GROUP)
    total = 0.0
    for i in range(_GROUP):
      # What every output takes from the i-th channel behind its own.
      taken = jnp.roll(groups, -i, -1).reshape(x.shape)
      weights = kernel[:, :, (outputs + i) % _GROUP, outputs]
      total += depthwise_conv(taken, weights, padding=((1, 1), (1, 1)))
    return total


class Block(nn.Module):
  """Pointwise, depthwise, pointwise, around a skip where it has no stride."""

  features: int
  hidden: int
  stride: int
  norm: Callable

  @nn.compact
  def __call__(self, x):
    y = Conv(self.hidden, 1, use_bias=False, name='expand')(x)
    y = norm_prelu(y, self.norm, 'expand')
    y = DepthwiseConv(stride=self.stride, padding=1, name='depthwise')(y)
    y = norm_prelu(y, self.norm, 'depthwise')
    y = Conv(self.features, 1, use_bias=False, name='project')(y)
    y = self.norm(name='project_norm')(y)
    return x + y if self.stride == 1 else y


def norm_prelu(x, norm, name):
  """Normalises the layer of that name, and applies its PReLU."""
  return PReLU(name=f'{name}_prelu')(norm(name=f'{name}_norm')(x))


class MobileFaceNet(Network):
  """[B, 112, 112, 3] -> [B, 512], not normalised.

  `units` are the blocks with a skip a stage, `width` the channels of the
  first one.
  """

  units: tuple[int, ...] = UNITS
  width: int = 128
  embedding_size: int = 512

  @nn.compact
  def __call__(self, x, train=False):
    norm, block = self.norm(x, train), self.block(Block)
    x = Conv(self.width, 3, stride=2, padding=1, use_bias=False, name='stem')(x)
    x = norm_prelu(x, norm, 'stem')
    x = norm_prelu(GroupedConv(name='grouped')(x), norm, 'grouped')
    for i, count in enumerate(self.units):
      features = self.width * (1, 2, 2)[i]
      for j in range(count + 1):
        hidden, stride = (features, 1) if j else (self.width << i, 2)
        name = f'stage{i + 1}_block{j + 1}'
        x = block(features, hidden, stride, norm, name=name)(x)
    x = Conv(4 * self.width, 1, use_bias=False, name='last')(x)
    x = norm_prelu(x, norm, 'last')
    pool = self.param('pool', nn.initializers.lecun_normal(), x.shape[1:])
    x = jnp.einsum('bhwc,hwc->bc', x, pool.astype(x.dtype))
    x = norm(name='pool_norm')(x)
    x = nn.Dense(self.embedding_size, use_bias=False, name='dense')(x)
    x = norm(dtype=x.dtype, name='dense_norm')(x)
    return jnp.asarray(x, jnp.float32)


def _layer(match):
  """A stage is two of theirs: the strided block, and a list of the others."""
  stage, block = int(match[1]), int(match[2])
  if block == 0:
    return f'layers.{2 * stage}/layers.'
  return f'layers.{2 * stage + 1}.layers.{block - 1}/layers.'


_TABLE = torch_table(
  ('^(stem|grouped|last|stage.*)/kernel$', r'\1.layers.0/kernel'),
  (r'^stage(\d)_block(\d+)/', _layer),
  ('^pool$', 'features.layers.0.layers.0/kernel'),
  ('^pool_norm/', 'features.layers.0.layers.1/'),
  ('^dense/', 'features.layers.2/'),
  ('^dense_norm/', 'features.layers.3/'),
  ('^stem', 'layers.0'),
  ('^grouped', 'layers.1'),
  ('^last', 'conv_sep'),
  (r'(?<=layers\.)expand', '0'),
  (r'(?<=layers\.)depthwise', '1'),
  (r'(?<=layers\.)project', '2'),
  # A convolution, its norm and, but for a block's last one, its PReLU.
  ('_norm/', '.layers.1/'),
  ('_prelu/', '.layers.2/'),
)
SPECS = (
  ARCFACE_SPEC._replace(name='arcface_mbf', module=MobileFaceNet, table=_TABLE),
)
