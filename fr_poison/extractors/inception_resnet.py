"""Inception-ResNet-v1, the network of FaceNet: 160x160 -> 512.

The graph of facenet-pytorch's models/inception_resnet_v1.py (Szegedy et al.,
2016, with David Sandberg's widths), without the dropout before its last layer.
"""

import functools
from collections.abc import Callable

import jax.numpy as jnp
from flax import linen as nn

from fr_poison.extractors.convert.state_dict import torch_table
from fr_poison.extractors.network import Inputs, Network, NetworkSpec
from fr_poison.layers import Conv, conv, max_pool

MIN_SIZE = 75  # below, the last convolutions have no pixel left
REPEATS = (5, 10, 5)  # residual blocks at each of the three resolutions

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
  stride: int
  padded: bool
  norm: Callable

  @nn.compact
  def __call__(self, x):
    shape = *self.size, x.shape[-1], self.features
    kernel = self.param('kernel', nn.initializers.lecun_normal(), shape)
    padding = tuple((n // 2 * self.padded,) * 2 for n in self.size)
    kernel = kernel.astype(x.dtype)
    x = conv(x, kernel, stride=self.stride, padding=padding)
    return nn.relu(self.norm(name='norm')(x))


class Mixed(nn.Module):
  """Branches side by side: added to their input, or with a pool at half size.

  `scale` is what a residual block's branches count; None is a reduction.
  """

  branches: tuple
  width: int
  scale: float | None
  relu: bool
  norm: Callable

  @nn.compact
  def __call__(self, x):
    outputs = []
    for i, branch in enumerate(self.branches):
      y = x
      for j, (halves, size, stride) in enumerate(branch):
        shape = halves * self.width // 2, size, stride, stride == 1
        y = Unit(*shape, self.norm, name=f'branch{i}_{j}')(y)
      outputs.append(y)
    if self.scale is None:
      return jnp.concatenate([*outputs, max_pool(x)], -1)
    y = Conv(x.shape[-1], 1, name='conv')(jnp.concatenate(outputs, -1))
    y = x + self.scale * y
    return nn.relu(y) if self.relu else y


class InceptionResNet(Network):
  """[B, 160, 160, 3], or of any size from 75 on, -> [B, 512], of length 1.

  `repeats` are the residual blocks at each resolution, `width` the channels of
  the first convolution, of which all others are multiples.
  """

  repeats: tuple[int, int, int] = REPEATS
  width: int = 32
  embedding_size: int = 512

  @nn.compact
  def __call__(self, x, train=False):
    norm, block = self.norm(x, train, epsilon=1e-3), self.block(Mixed)
    for name, halves, *shape in STEM:
      if name == 'conv3b':
        x = max_pool(x)
      x = Unit(halves * self.width // 2, *shape, norm, name=name)(x)
    for name, branches, scale, relu in blocks(self.repeats):
      x = block(branches, self.width, scale, relu, norm, name=name)(x)
    x = jnp.mean(x, (1, 2))
    x = nn.Dense(self.embedding_size, use_bias=False, name='dense')(x)
    x = norm(dtype=x.dtype, name='dense_norm')(x)
    x = jnp.asarray(x, jnp.float32)
    length = jnp.linalg.norm(x, axis=-1, keepdims=True)
    return x / jnp.maximum(length, 1e-12)


def blocks(repeats):
  """Yields (name, branches, scale, relu) of every `Mixed`, in order."""
  for stage, branches, scale, reduction in (
    (0, BLOCK35, 0.17, ('mixed6a', MIXED_6A, None, True)),
    (1, BLOCK17, 0.10, ('mixed7a', MIXED_7A, None, True)),
    (2, BLOCK8, 0.20, ('block8', BLOCK8, 1.0, False)),
  ):
    for j in range(repeats[stage]):
      yield f'stage{stage + 1}_block{j + 1}', branches, scale, True
    yield reduction


_FACENET = NetworkSpec(
  'facenet',
  InceptionResNet,
  160,
  512,
  any_size=True,
  min_size=MIN_SIZE,
  pretrained=False,
  batch_norm=True,
  inputs=Inputs(127.5, 128.0),
  normalized=True,
  year=2018,
  family='Inception-ResNet',
  licence='MIT (the repository)',
  url='https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt',
  sha256='281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b',
  table=torch_table(
    ('^dense/', 'last_linear/'),
    ('^dense_norm/', 'last_bn/'),
    ('/conv/', '/conv2d/'),  # of a block, behind its branches
    (r'^(conv\d.|.+/branch\d_\d)/kernel$', r'\1/conv/kernel'),
    ('/norm/', '/bn/'),
    (r'^conv(\d.)/', r'conv2d_\1/'),
    ('^mixed', 'mixed_'),
    (r'^stage(\d)_block(\d+)/', r'repeat_\1.\2/'),
    # A branch of one convolution is no list.
    (r'^(repeat_.+|block8|mixed_6a)/branch0_0/', r'\1/branch0/'),
    (r'/branch(\d)_(\d)/', r'/branch\1.\2/'),
  ),
  ignored=r'logits\.(weight|bias)',  # the people it was trained on
  prefixes=('module.',),
)
SPECS = (
  _FACENET,
  # A design that two CPU cores train in minutes. Nobody publishes weights of
  # it: the year is the design's.
  _FACENET._replace(
    name='facenet_small',
    module=functools.partial(InceptionResNet, (1, 1, 1), 8, 128),
    input_size=80,
    embedding_size=128,
    year=2015,
    licence='',
    url='',
    sha256=None,
  ),
)
