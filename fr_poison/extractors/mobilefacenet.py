"""MobileFaceNet (Chen et al., 2018): 112x112 -> 128 to 512.

Inverted bottlenecks without activation behind the last convolution, and a
depthwise convolution over all positions instead of a global pool. The paper's
blocks are twice as wide inside as outside; those of `get_mbf` in insightface's
arcface_torch/backbones/mobilefacenet.py, the default here, are as wide.
"""

import functools
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


class Bias(nn.Module):
  """What is left of a batch norm that was folded into the layer before it."""

  @nn.compact
  def __call__(self, x):
    bias = self.param('bias', nn.initializers.zeros, x.shape[-1:])
    return x + bias.astype(x.dtype)


class SqueezeExcite(nn.Module):
  """Scales each channel by what two dense layers make of all their means."""

  @nn.compact
  def __call__(self, x):
    channels = x.shape[-1]
    y = nn.Dense(channels // 8, dtype=x.dtype, name='squeeze')(x.mean((1, 2)))
    y = PReLU(shared=True, name='squeeze_prelu')(y)
    y = nn.sigmoid(nn.Dense(channels, dtype=x.dtype, name='excite')(y))
    return x * y[:, None, None]


class EfficientAttention(nn.Module):
  """Scales each channel by a convolution over the means of its neighbours.

  That of ECA-Net (Wang et al., 2020): 3 or 5 channels wide, the same for all.
  """

  @nn.compact
  def __call__(self, x):
    size = 3 if x.shape[-1] < 128 else 5
    kernel = self.param('kernel', nn.initializers.lecun_normal(), (1, 1, size))
    means = jnp.pad(x.mean((1, 2)), ((0, 0), (size // 2,) * 2))
    taps = kernel.astype(x.dtype).ravel()
    y = sum(taps[i] * means[:, i : i + x.shape[-1]] for i in range(size))
    return x * nn.sigmoid(y)[:, None, None]


class Block(nn.Module):
  """Pointwise, depthwise, pointwise, around a skip where it has no stride."""

  features: int
  hidden: int
  stride: int
  padding: int | None
  attention: type[nn.Module] | None
  norm: Callable

  @nn.compact
  def __call__(self, x):
    shared = self.attention is SqueezeExcite
    prelu = functools.partial(norm_prelu, norm=self.norm, shared=shared)
    y = prelu(Conv(self.hidden, 1, use_bias=False, name='expand')(x), 'expand')
    strided = {'stride': self.stride, 'padding': self.padding}
    y = prelu(DepthwiseConv(**strided, name='depthwise')(y), 'depthwise')
    y = Conv(self.features, 1, use_bias=False, name='project')(y)
    y = self.norm(name='project_norm')(y)
    if self.attention:
      y = self.attention(name='attention')(y)
    return x + y if self.stride == 1 else y


def norm_prelu(x, name, norm, shared):
  """Normalises the layer of that name, and applies its PReLU."""
  x = norm(name=f'{name}_norm')(x)
  return PReLU(shared, name=f'{name}_prelu')(x)


class MobileFaceNet(Network):
  """[B, H, W, 3] -> [B, embedding_size], not normalised.

  Attributes:
    units: the blocks with a skip of each of the three stages.
    width: channels inside the blocks of the first one.
    embedding_size: of the last dense layer.
    expansion: of a block's channels inside over those outside, 1 or 2.
    dense_bias: whether that one has a bias.
    folded: the batch norms are folded into the layers, all have a bias.
    epsilons: of all batch norms, and of the last one.
    squeeze: squeeze-and-excitation at the end of all blocks, one slope for all
      channels, and nothing behind the last layer (Intel's).
    eca: `EfficientAttention` at the end of all blocks (FRBench's).
    linear: two more linear layers, one in front of the first block and one in
      front of the last layer, and TensorFlow's padding (sirius-ai's).
    cut: columns of the picture that it does not look at, on each side.
  """

  units: tuple[int, ...] = UNITS
  width: int = 128
  embedding_size: int = 512
  expansion: int = 1
  dense_bias: bool = False
  folded: bool = False
  epsilons: tuple[float, float] = (1e-5, 1e-5)
  squeeze: bool = False
  eca: bool = False
  linear: bool = False
  cut: int = 0

  @nn.compact
  def __call__(self, x, train=False):
    x = x[:, :, self.cut : x.shape[2] - self.cut]
    norm, block = self.norm_or_bias(x, train), self.block(Block)
    prelu = functools.partial(norm_prelu, norm=norm, shared=self.squeeze)
    x = self.stem(x, norm, prelu)
    shared = self.padding, self.attention, norm
    for name, features, hidden, stride in self.blocks():
      x = block(features, hidden, stride, *shared, name=name)(x)
    x = Conv(4 * self.width, 1, use_bias=False, name='last')(x)
    x = prelu(x, 'last')
    pool = self.param('pool', nn.initializers.lecun_normal(), x.shape[1:])
    x = jnp.einsum('bhwc,hwc->bc', x, pool.astype(x.dtype))
    x = norm(name='pool_norm')(x)
    if self.linear:
      x = nn.Dense(x.shape[-1], use_bias=False, name='hidden')(x)
      x = norm(name='hidden_norm')(x)
    x = nn.Dense(self.embedding_size, use_bias=self.dense_bias, name='dense')(x)
    if not self.squeeze:
      x = self.norm_or_bias(x, train, last=True)(name='dense_norm')(x)
    return jnp.asarray(x, jnp.float32)

  @property
  def padding(self):
    """That of 3x3 convolutions; None is TensorFlow's."""
    return None if self.linear else 1

  @property
  def attention(self):
    """That at the end of a block, if any."""
    if self.squeeze:
      return SqueezeExcite
    return EfficientAttention if self.eca else None

  @nn.nowrap
  def norm_or_bias(self, x, train, last=False):
    """Gives `Bias` where the batch norms are folded."""
    return Bias if self.folded else self.norm(x, train, self.epsilons[last])

  @nn.nowrap
  def stem(self, x, norm, prelu):
    """Applies what is in front of the blocks: [B, H/2, W/2, C]."""
    features = self.width // self.expansion
    strided = {'stride': 2, 'padding': self.padding}
    x = Conv(features, 3, **strided, use_bias=False, name='stem')(x)
    x = prelu(x, 'stem')
    if self.expansion == 1:
      x = GroupedConv(name='grouped')(x)
    else:
      x = DepthwiseConv(padding=1, name='grouped')(x)
    x = prelu(x, 'grouped')
    if self.linear:
      x = Conv(features, 1, use_bias=False, name='pointwise')(x)
      x = norm(name='pointwise_norm')(x)
    return x

  @nn.nowrap
  def blocks(self):
    """Yields (name, features, hidden, stride) of every block, in order."""
    for i, count in enumerate(self.units):
      inside = self.width * (1, 2, 2)[i]
      for j in range(count + 1):
        hidden, stride = (inside, 1) if j else (self.width << i, 2)
        name = f'stage{i + 1}_block{j + 1}'
        yield name, inside // self.expansion, hidden, stride


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
  ARCFACE_SPEC._replace(
    name='arcface_mbf',
    module=MobileFaceNet,
    family='MobileFaceNet',
    table=_TABLE,
  ),
)
