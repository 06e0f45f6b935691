"""Layers that several rooms' networks share, fast also in loops on CPU."""

from fr_poison.layers.modules import (
  Conv,
  DepthwiseConv,
  PReLU,
  conv,
  depthwise_conv,
  max_pool,
  same_padding,
)

__all__ = [
  'Conv',
  'DepthwiseConv',
  'PReLU',
  'conv',
  'depthwise_conv',
  'max_pool',
  'same_padding',
]
