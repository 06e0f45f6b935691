"""ResNet (He et al., 2016) as torchvision has it: 224x224 -> 512 or 2048.

The graph of torchvision's models/resnet.py up to its global average pool. A
bottleneck's stride is in its 3x3 convolution ("v1.5"). The last layer, which
knows ImageNet's classes, is left out: a trainer puts his own on the features.
"""

import functools

import jax.numpy as jnp
from flax import linen as nn

from fr_poison.extractors.preprocess import Inputs
from fr_poison.layers import Conv, max_pool
from fr_poison.types import InputError

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


def norm(x, train, axis_name, epsilon=1e-5):
  """`nn.BatchNorm` as PyTorch has it, in the dtype of `x`."""
  return functools.partial(
    nn.BatchNorm,
    not train,
    momentum=0.9,
    epsilon=epsilon,
    dtype=x.dtype,
    axis_name=axis_name,
  )


class Block(nn.Module):
  """Two 3x3 convolutions, or 1x1, 3x3, 1x1 around a skip, then ReLU."""

  features: int  # of the 3x3 convolutions; a bottleneck gives four times that
  stride: int
  bottleneck: bool
  axis_name: str | None = None

  @nn.compact
  def __call__(self, x, train=False):
    """[B, H, W, C] -> [B, H/stride, W/stride, features or 4 features]."""
    batch_norm = norm(x, train, self.axis_name)
    n, wide = self.features, self.features * (4 if self.bottleneck else 1)
    if self.bottleneck:
      shapes = (n, 1, 1), (n, 3, self.stride), (wide, 1, 1)
    else:
      shapes = (n, 3, self.stride), (wide, 3, 1)
    y = x
    for i, (features, size, stride) in enumerate(shapes, 1):
      y = nn.relu(y) if i > 1 else y
      y = Conv(
        features,
        size,
        stride=stride,
        padding=size // 2,
        use_bias=False,
        name=f'conv{i}',
      )(y)
      y = batch_norm(name=f'norm{i}')(y)
    if self.stride != 1 or x.shape[-1] != wide:
      shortcut = Conv(
        wide, 1, stride=self.stride, use_bias=False, name='shortcut'
      )
      x = batch_norm(name='shortcut_norm')(shortcut(x))
    return nn.relu(y + x)


def trunk(network, x, train):
  """[B, H, W, 3] at unit scale -> the last block's [B, H/32, W/32, C].

  To be called in `network`'s compact method; its fields are `ResNet`'s.
  """
  width, axis_name = network.width, network.axis_name
  x = Conv(width, 7, stride=2, padding=3, use_bias=False, name='stem')(x)
  x = nn.relu(norm(x, train, axis_name)(name='stem_norm')(x))
  # Behind a ReLU, zeros are as good a padding as -inf.
  x = max_pool(jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))))
  block = nn.remat(Block, static_argnums=(2,)) if network.remat else Block
  for i, count in enumerate(network.units):
    for j in range(count):
      stride = 2 if i > 0 and j == 0 else 1
      name = f'stage{i + 1}_block{j + 1}'
      x = block(width << i, stride, network.bottleneck, axis_name, name=name)(
        x, train
      )
  return x


class ResNet(nn.Module):
  """[B, 224, 224, 3] in 0..255 -> [B, 8 width or 32 width], pooled features.

  `units` are the blocks a stage, `width` the channels of the first one, which
  double from stage to stage. `remat` keeps only the blocks' inputs for the
  gradient and computes the rest again; `axis_name` is the pmapped axis whose
  devices' batches are normalised as one.
  """

  units: tuple[int, ...] = UNITS[18]
  bottleneck: bool = False
  width: int = 64
  remat: bool = False
  axis_name: str | None = None

  @nn.compact
  def __call__(self, x, train=False):
    """Embeds pictures already at the network's range; any size from 32 on.

    Args:
      x: [B, H, W, 3].
      train: normalise by the batch and update `batch_stats`.
    """
    x = IMAGENET.scale(x)
    x = trunk(self, x, train)
    return jnp.asarray(jnp.mean(x, (1, 2)), jnp.float32)


def resnet(depth: int, **fields) -> ResNet:
  """The published network of that depth.

  Args:
    depth: 18, 34, 50, 101 or 152.
    **fields: other fields of `ResNet`.

  Raises:
    InputError: another depth.
  """
  if depth not in UNITS:
    known = ', '.join(map(str, UNITS))
    raise InputError(f'depth: {depth!r} is unknown; known: {known}')
  return ResNet(UNITS[depth], bottleneck=depth >= 50, **fields)
