"""LowKey's IR networks (face.evoLVe): 112x112 -> 512.

The graph of `IR_50/101/152` in cmu-spuds/lowkey_gradio's
backbone/model_irse.py. Unlike insightface's IResNet, a block has no norm
between its convolutions, and its skip is projected only where the number of
channels changes.
"""

import functools

import jax.numpy as jnp
from flax import linen as nn

from fr_poison.extractors.iresnet import ARCFACE, blocks
from fr_poison.extractors.preprocess import Inputs
from fr_poison.extractors.resnet import norm
from fr_poison.layers import Conv, PReLU

# Blocks a stage, by depth.
UNITS = {50: (3, 4, 14, 3), 101: (3, 13, 30, 3), 152: (3, 8, 36, 3)}


class Block(nn.Module):
  """Norm, conv, PReLU, strided conv, norm around a skip."""

  features: int
  stride: int
  axis_name: str | None = None

  @nn.compact
  def __call__(self, x, train=False):
    """[B, H, W, C] -> [B, H/stride, W/stride, features]."""
    batch_norm = norm(x, train, self.axis_name)
    conv = functools.partial(Conv, self.features, use_bias=False)
    if x.shape[-1] == self.features:
      skip = x[:, :: self.stride, :: self.stride]
    else:
      skip = conv(1, stride=self.stride, name='shortcut')(x)
      skip = batch_norm(name='shortcut_norm')(skip)
    x = conv(3, padding=1, name='conv1')(batch_norm(name='norm1')(x))
    x = PReLU(name='prelu')(x)
    x = conv(3, stride=self.stride, padding=1, name='conv2')(x)
    return batch_norm(name='norm2')(x) + skip


class LowkeyIR(nn.Module):
  """[B, 112, 112, 3] in 0..255 -> [B, 512], not normalised.

  `units` are the blocks a stage, `width` the channels of the first one, which
  double from stage to stage. `remat` keeps only the blocks' inputs for the
  gradient and computes the rest again; `axis_name` is the pmapped axis whose
  devices' batches are normalised as one.
  """

  units: tuple[int, ...] = UNITS[50]
  width: int = 64
  embedding_size: int = 512
  remat: bool = False
  axis_name: str | None = None
  inputs: Inputs = ARCFACE

  @nn.compact
  def __call__(self, x, train=False):
    """Embeds pictures already at the network's size and range.

    Args:
      x: [B, H, W, 3].
      train: normalise by the batch and update `batch_stats`.
    """
    block = nn.remat(Block, static_argnums=(2,)) if self.remat else Block
    batch_norm = norm(x, train, self.axis_name)
    x = self.inputs.scale(x)
    x = Conv(self.width, 3, padding=1, use_bias=False, name='stem')(x)
    x = PReLU(name='stem_prelu')(batch_norm(name='stem_norm')(x))
    for name, features, stride in blocks(self.units, self.width):
      x = block(features, stride, self.axis_name, name=name)(x, train)
    x = batch_norm(name='norm')(x)
    # PyTorch flattens channels first, and the published weights expect it.
    x = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
    x = nn.Dense(self.embedding_size, dtype=x.dtype, name='dense')(x)
    return jnp.asarray(batch_norm(name='dense_norm')(x), jnp.float32)
