"""Layers that several rooms' networks share, fast also in loops on CPU."""

from fr_poison.layers.convolutions import conv, depthwise_conv, same_padding
from fr_poison.layers.modules import Conv, DepthwiseConv, PReLU, max_pool

__all__ = [
  'Conv',
  'DepthwiseConv',
  'PReLU',
  'conv',
  'depthwise_conv',
  'max_pool',
  'same_padding',
]
