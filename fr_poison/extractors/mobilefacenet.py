"""MobileFaceNet (Chen et al., 2018) as insightface has it: 112x112 -> 512.

The graph of `get_mbf` in arcface_torch's backbones/mobilefacenet.py: inverted
bottlenecks without activation behind the last convolution, and a depthwise
convolution over all positions instead of a global pool.
"""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from fr_poison.extractors.iresnet import ARCFACE
from fr_poison.extractors.resnet import norm
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
    """[B, H, W, C] -> [B, H, W, C]."""
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
  axis_name: str | None = None

  @nn.compact
  def __call__(self, x, train=False):
    """[B, H, W, C] -> [B, H/stride, W/stride, features]."""
    batch_norm = norm(x, train, self.axis_name)
    y = Conv(self.hidden, 1, use_bias=False, name='expand')(x)
    y = PReLU(name='expand_prelu')(batch_norm(name='expand_norm')(y))
    y = DepthwiseConv(stride=self.stride, padding=1, name='depthwise')(y)
    y = PReLU(name='depthwise_prelu')(batch_norm(name='depthwise_norm')(y))
    y = Conv(self.features, 1, use_bias=False, name='project')(y)
    y = batch_norm(name='project_norm')(y)
    return x + y if self.stride == 1 else y


class MobileFaceNet(nn.Module):
  """[B, 112, 112, 3] in 0..255 -> [B, 512], not normalised.

  `units` are the blocks with a skip a stage, `width` the channels of the
  first one. `remat` keeps only the blocks' inputs for the gradient and
  computes the rest again; `axis_name` is the pmapped axis whose devices'
  batches are normalised as one.
  """

  units: tuple[int, ...] = UNITS
  width: int = 128
  embedding_size: int = 512
  remat: bool = False
  axis_name: str | None = None

  @nn.compact
  def __call__(self, x, train=False):
    """Embeds pictures already at the network's size and range.

    Args:
      x: [B, H, W, 3].
      train: normalise by the batch and update `batch_stats`.
    """
    x = ARCFACE.scale(x)
    batch_norm = norm(x, train, self.axis_name)
    x = Conv(self.width, 3, stride=2, padding=1, use_bias=False, name='stem')(x)
    x = PReLU(name='stem_prelu')(batch_norm(name='stem_norm')(x))
    x = GroupedConv(name='grouped')(x)
    x = PReLU(name='grouped_prelu')(batch_norm(name='grouped_norm')(x))
    block = nn.remat(Block, static_argnums=(2,)) if self.remat else Block
    for name, *shape in blocks(self.units, self.width):
      x = block(*shape, self.axis_name, name=name)(x, train)
    x = Conv(4 * self.width, 1, use_bias=False, name='last')(x)
    x = PReLU(name='last_prelu')(batch_norm(name='last_norm')(x))
    pool = self.param('pool', nn.initializers.lecun_normal(), x.shape[1:])
    x = jnp.einsum('bhwc,hwc->bc', x, pool.astype(x.dtype))
    x = batch_norm(name='pool_norm')(x)
    x = nn.Dense(self.embedding_size, use_bias=False, name='dense')(x)
    x = norm(x, train, self.axis_name)(name='dense_norm')(x)
    return jnp.asarray(x, jnp.float32)


def blocks(units, width):
  """(name, features, hidden channels, stride) of every block, in order."""
  for i, count in enumerate(units):
    features = width * (1, 2, 2)[i]
    yield f'stage{i + 1}_block1', features, width << i, 2
    for j in range(count):
      yield f'stage{i + 1}_block{j + 2}', features, features, 1
