"""IResNet (insightface, ArcFace): 112x112 -> 512, to train and frozen.

The graph of `iresnet18/34/50/100` in insightface's backbones/iresnet.py: batch
norm before the first and after both convolutions of a block, no stride in the
stem. In the frozen form every batch norm is folded into its neighbours, so an
attack computes none; `fold` turns the variables of one form into the other's.
"""

from collections.abc import Mapping

import jax.numpy as jnp
from flax import linen as nn

from fr_poison.extractors.preprocess import Inputs
from fr_poison.extractors.resnet import norm
from fr_poison.layers import Conv, PReLU, conv

# Blocks a stage, by depth.
UNITS = {
  18: (2, 2, 2, 2),
  34: (3, 4, 6, 3),
  50: (3, 4, 14, 3),
  100: (3, 13, 30, 3),
  200: (6, 26, 60, 6),
}
ARCFACE = Inputs(127.5, 127.5)
MAGFACE = Inputs(0.0, 255.0, 'BGR')
MAGFACE_EPSILON = 2e-5
_EPSILON = 1e-5


class Block(nn.Module):
  """Norm, conv, norm, PReLU, strided conv, norm around a skip.

  Frozen, the first norm becomes a bias map: its shift does not reach into the
  zero padding, so at the border it adds less.
  """

  features: int
  stride: int
  frozen: bool
  axis_name: str | None = None
  epsilon: float = _EPSILON

  @nn.compact
  def __call__(self, x, train=False):
    """[B, H, W, C] -> [B, H/stride, W/stride, features]."""
    batch_norm = norm(x, train, self.axis_name, self.epsilon)
    conv1 = Conv(self.features, 3, padding=1, use_bias=False, name='conv1')
    conv2 = Conv(
      self.features,
      3,
      stride=self.stride,
      padding=1,
      use_bias=self.frozen,
      name='conv2',
    )
    skip = x
    if self.stride != 1 or x.shape[-1] != self.features:
      shortcut = Conv(
        self.features, 1, stride=self.stride, use_bias=False, name='shortcut'
      )
      skip = shortcut(x)
      if not self.frozen:
        skip = batch_norm(name='shortcut_norm')(skip)
    if self.frozen:
      x = conv1(x)
      bias = self.param('bias_map', nn.initializers.zeros, x.shape[1:])
      x = PReLU(name='prelu')(x + bias.astype(x.dtype))
      return conv2(x) + skip
    x = batch_norm(name='norm2')(conv1(batch_norm(name='norm1')(x)))
    x = conv2(PReLU(name='prelu')(x))
    return batch_norm(name='norm3')(x) + skip


class IResNet(nn.Module):
  """[B, 112, 112, 3] in 0..255 -> [B, 512], not normalised.

  `units` are the blocks a stage, `width` the channels of the first one, which
  double from stage to stage. `frozen` is the form without batch norm; `remat`
  keeps only the blocks' inputs for the gradient and computes the rest again;
  `axis_name` is the pmapped axis whose devices' batches are normalised as one;
  `epsilon` is batch norm's.
  """

  units: tuple[int, ...] = UNITS[18]
  width: int = 64
  embedding_size: int = 512
  frozen: bool = False
  remat: bool = False
  axis_name: str | None = None
  epsilon: float = _EPSILON
  inputs: Inputs = ARCFACE

  @nn.compact
  def __call__(self, x, train=False):
    """Embeds pictures already at the network's size and range.

    Args:
      x: [B, H, W, 3].
      train: normalise by the batch and update `batch_stats`.

    Raises:
      ValueError: `train` in the frozen form.
    """
    if train and self.frozen:
      raise ValueError('train: a frozen IResNet has no batch norm to train')
    block = nn.remat(Block, static_argnums=(2,)) if self.remat else Block
    batch_norm = norm(x, train, self.axis_name, self.epsilon)
    x = self.inputs.scale(x)
    x = Conv(self.width, 3, padding=1, use_bias=self.frozen, name='stem')(x)
    if not self.frozen:
      x = batch_norm(name='stem_norm')(x)
    x = PReLU(name='stem_prelu')(x)
    for name, features, stride in blocks(self.units, self.width):
      x = block(
        *(features, stride, self.frozen, self.axis_name, self.epsilon),
        name=name,
      )(x, train)
    if not self.frozen:
      x = batch_norm(name='norm')(x)
    # PyTorch flattens channels first, and the published weights expect it.
    x = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
    x = nn.Dense(self.embedding_size, name='dense')(x)
    if not self.frozen:
      dense_norm = norm(x, train, self.axis_name, self.epsilon)
      x = dense_norm(name='dense_norm')(x)
    return jnp.asarray(x, jnp.float32)


def blocks(units, width):
  """(name, features, stride) of every block, in order."""
  for i, count in enumerate(units):
    for j in range(count):
      yield f'stage{i + 1}_block{j + 1}', width << i, 1 if j else 2


def _affine(variables, epsilon, *path):
  """A frozen batch norm as (scale, shift), each [C]."""
  params, stats = variables['params'], variables['batch_stats']
  for name in path:
    params, stats = params[name], stats[name]
  scale = params['scale'] / jnp.sqrt(stats['var'] + epsilon)
  return scale, params['bias'] - stats['mean'] * scale


def _fold_block(variables, epsilon, name, size):
  """The frozen parameters of a block whose input has `size` rows."""
  params = variables['params'][name]
  scale1, shift1 = _affine(variables, epsilon, name, 'norm1')
  scale2, shift2 = _affine(variables, epsilon, name, 'norm2')
  scale3, bias = _affine(variables, epsilon, name, 'norm3')
  kernel = params['conv1']['kernel'] * scale2
  constant = jnp.broadcast_to(shift1, (1, size, size, len(shift1)))
  folded = {
    'conv1': {'kernel': kernel * scale1[:, None]},
    'bias_map': conv(constant, kernel, padding=((1, 1), (1, 1)))[0] + shift2,
    'prelu': params['prelu'],
  }
  if 'shortcut' in params:
    scale, shift = _affine(variables, epsilon, name, 'shortcut_norm')
    folded['shortcut'] = {'kernel': params['shortcut']['kernel'] * scale}
    bias = bias + shift
  folded['conv2'] = {'kernel': params['conv2']['kernel'] * scale3, 'bias': bias}
  return folded


def fold(
  variables: Mapping, input_size: int = 112, epsilon: float = _EPSILON
) -> dict:
  """Variables of `IResNet` -> those of `IResNet(frozen=True)`, exactly.

  Args:
    variables: `params` and `batch_stats`.
    input_size: rows and columns of the pictures, which the bias maps are for.
    epsilon: batch norm's, as in the module.

  Returns:
    {'params': ...} of the same width and units.
  """
  params = variables['params']
  scale, shift = _affine(variables, epsilon, 'stem_norm')
  folded = {
    'stem': {'kernel': params['stem']['kernel'] * scale, 'bias': shift},
    'stem_prelu': params['stem_prelu'],
  }
  size = input_size
  # By stage and block, also past the ninth.
  names = sorted((n for n in params if '_block' in n), key=_numbers)
  for name in names:
    folded[name] = _fold_block(variables, epsilon, name, size)
    if name.endswith('_block1'):
      size = -(-size // 2)
  scale, shift = _affine(variables, epsilon, 'norm')
  out_scale, out_shift = _affine(variables, epsilon, 'dense_norm')
  kernel = params['dense']['kernel'] * out_scale
  positions = len(kernel) // len(scale)
  bias = params['dense']['bias'] * out_scale + out_shift
  folded['dense'] = {
    'kernel': kernel * jnp.repeat(scale, positions)[:, None],
    'bias': bias + jnp.repeat(shift, positions) @ kernel,
  }
  return {'params': folded}


def _numbers(name):
  return [int(part.strip('stageblock')) for part in name.split('_')]
