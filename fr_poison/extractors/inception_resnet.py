"""Inception-ResNet-v1, the network of FaceNet: 160x160 -> 512.

The graph of facenet-pytorch's models/inception_resnet_v1.py (Szegedy et al.,
2016, with David Sandberg's widths), without the dropout before its last layer.
"""

import jax.numpy as jnp
from flax import linen as nn

from fr_poison.extractors.preprocess import Inputs
from fr_poison.extractors.resnet import norm
from fr_poison.layers import Conv, conv, max_pool

FACENET = Inputs(127.5, 128.0)
MIN_SIZE = 75  # below, the last convolutions have no pixel left
REPEATS = (5, 10, 5)  # residual blocks at each of the three resolutions
_EPSILON = 1e-3

# (name, channels in halves of the width, kernel, stride, padded)
STEM = (
  ('conv1a', 2, (3, 3), 2, False),
  ('conv2a', 2, (3, 3), 1, False),
  ('conv2b', 4, (3, 3), 1, True),
  ('conv3b', 5, (1, 1), 1, False),
  ('conv4a', 12, (3, 3), 1, False),
  ('conv4b', 16, (3, 3), 2, False),
)
# A branch is a chain of (channels in halves of the width, kernel, stride).
BLOCK35 = (
  ((2, (1, 1), 1),),
  ((2, (1, 1), 1), (2, (3, 3), 1)),
  ((2, (1, 1), 1), (2, (3, 3), 1), (2, (3, 3), 1)),
)
BLOCK17 = (
  ((8, (1, 1), 1),),
  ((8, (1, 1), 1), (8, (1, 7), 1), (8, (7, 1), 1)),
)
BLOCK8 = (
  ((12, (1, 1), 1),),
  ((12, (1, 1), 1), (12, (1, 3), 1), (12, (3, 1), 1)),
)
MIXED_6A = (
  ((24, (3, 3), 2),),
  ((12, (1, 1), 1), (12, (3, 3), 1), (16, (3, 3), 2)),
)
MIXED_7A = (
  ((16, (1, 1), 1), (24, (3, 3), 2)),
  ((16, (1, 1), 1), (16, (3, 3), 2)),
  ((16, (1, 1), 1), (16, (3, 3), 1), (16, (3, 3), 2)),
)


class Unit(nn.Module):
  """Convolution, batch norm, ReLU; padded to keep the size, or not at all."""

  features: int
  size: tuple[int, int]
  stride: int = 1
  padded: bool = False
  axis_name: str | None = None

  @nn.compact
  def __call__(self, x, train=False):
    """[B, H, W, C] -> [B, H', W', features]."""
    kernel = self.param(
      'kernel',
      nn.initializers.lecun_normal(),
      (*self.size, x.shape[-1], self.features),
    )
    rows, columns = (n // 2 * self.padded for n in self.size)
    x = conv(
      x,
      kernel.astype(x.dtype),
      stride=self.stride,
      padding=((rows, rows), (columns, columns)),
    )
    batch_norm = norm(x, train, self.axis_name, _EPSILON)
    return nn.relu(batch_norm(name='norm')(x))


class Mixed(nn.Module):
  """Branches side by side: added to their input, or with a pool at half size.

  `scale` is what a residual block's branches count; None is a reduction.
  """

  branches: tuple
  width: int
  scale: float | None = None
  relu: bool = True
  axis_name: str | None = None

  @nn.compact
  def __call__(self, x, train=False):
    """[B, H, W, C] -> the same, or [B, H', W', C'] of a reduction."""
    outputs = []
    for i, branch in enumerate(self.branches):
      y = x
      for j, (halves, size, stride) in enumerate(branch):
        features = halves * self.width // 2
        name = f'branch{i}_{j}'
        y = Unit(
          features, size, stride, stride == 1, self.axis_name, name=name
        )(y, train)
      outputs.append(y)
    if self.scale is None:
      return jnp.concatenate([*outputs, max_pool(x)], -1)
    y = Conv(x.shape[-1], 1, name='conv')(jnp.concatenate(outputs, -1))
    y = x + self.scale * y
    return nn.relu(y) if self.relu else y


class InceptionResNet(nn.Module):
  """[B, 160, 160, 3] in 0..255 -> [B, 512], of length 1.

  `repeats` are the residual blocks at each resolution, `width` the channels of
  the first convolution, of which all others are multiples. `remat` keeps only
  the blocks' inputs for the gradient and computes the rest again; `axis_name`
  is the pmapped axis whose devices' batches are normalised as one.
  """

  repeats: tuple[int, int, int] = REPEATS
  width: int = 32
  embedding_size: int = 512
  remat: bool = False
  axis_name: str | None = None

  @nn.compact
  def __call__(self, x, train=False):
    """Embeds pictures already at the network's range; any size from 75 on.

    Args:
      x: [B, H, W, 3].
      train: normalise by the batch and update `batch_stats`.
    """
    x = _stem(FACENET.scale(x), self.width, train, self.axis_name)
    block = nn.remat(Mixed, static_argnums=(2,)) if self.remat else Mixed
    for name, branches, scale, relu in blocks(self.repeats):
      x = block(branches, self.width, scale, relu, self.axis_name, name=name)(
        x, train
      )
    x = jnp.mean(x, (1, 2))
    x = nn.Dense(self.embedding_size, use_bias=False, name='dense')(x)
    x = norm(x, train, self.axis_name, _EPSILON)(name='dense_norm')(x)
    x = jnp.asarray(x, jnp.float32)
    length = jnp.linalg.norm(x, axis=-1, keepdims=True)
    return x / jnp.maximum(length, 1e-12)


def _stem(x, width, train, axis_name):
  for name, halves, *shape in STEM:
    if name == 'conv3b':
      x = max_pool(x)
    x = Unit(halves * width // 2, *shape, axis_name, name=name)(x, train)
  return x


def blocks(repeats):
  """(name, branches, scale, relu) of every `Mixed`, in order."""
  for stage, branches, scale, reduction in (
    (0, BLOCK35, 0.17, ('mixed6a', MIXED_6A, None, True)),
    (1, BLOCK17, 0.10, ('mixed7a', MIXED_7A, None, True)),
    (2, BLOCK8, 0.20, ('block8', BLOCK8, 1.0, False)),
  ):
    for j in range(repeats[stage]):
      yield f'stage{stage + 1}_block{j + 1}', branches, scale, True
    yield reduction
