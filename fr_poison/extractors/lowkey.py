"""LowKey's own networks (face.evoLVe): 112x112 -> 512.

The graphs of `IR_50/101/152` and `ResNet_50/101/152` in cmu-spuds'
lowkey_gradio, backbone/model_irse.py and model_resnet.py. Unlike insightface's
IResNet, a block of the former has no norm between its convolutions, and its
skip is projected only where the number of channels changes. The latter are
torchvision's bottlenecks under another head.
"""

import functools
from collections.abc import Callable

from flax import linen as nn

from fr_poison.extractors import iresnet, resnet
from fr_poison.extractors.convert.state_dict import torch_table
from fr_poison.extractors.network import (
  ARCFACE,
  Inputs,
  dense_head,
  shortcut,
)
from fr_poison.layers import Conv, PReLU

# Blocks a stage, by depth.
IR_UNITS = {50: (3, 4, 14, 3), 101: (3, 13, 30, 3), 152: (3, 8, 36, 3)}


class IRBlock(nn.Module):
  """Norm, conv, PReLU, strided conv, norm around a skip."""

  features: int
  stride: int
  norm: Callable

  @nn.compact
  def __call__(self, x):
    """Maps [B, H, W, C] to [B, H/stride, W/stride, features]."""
    conv = functools.partial(Conv, self.features, 3, padding=1, use_bias=False)
    if x.shape[-1] == self.features:
      skip = x[:, :: self.stride, :: self.stride]
    else:
      skip = shortcut(x, self.features, self.stride, self.norm)
    x = conv(name='conv1')(self.norm(name='norm1')(x))
    x = PReLU(name='prelu')(x)
    x = conv(stride=self.stride, name='conv2')(x)
    return self.norm(name='norm2')(x) + skip


LowkeyIR = functools.partial(iresnet.IResNet, units=IR_UNITS[50], kind=IRBlock)


class LowkeyResNet(resnet.ResNet):
  """[B, 112, 112, 3] in 0..255 -> [B, embedding_size], not normalised."""

  units: tuple[int, ...] = resnet.UNITS[50]
  bottleneck: bool = True
  embedding_size: int = 512
  inputs: Inputs = ARCFACE

  @nn.compact
  def __call__(self, x, train=False):
    """Embeds pictures already at the network's size and range."""
    x = self.trunk(self.inputs.scale(x), train)
    return dense_head(x, self.embedding_size, self.norm(x, train))


_IR_RULES = (
  ('^stem/', 'input_layer.0/'),
  ('^stem_norm/', 'input_layer.1/'),
  ('^stem_prelu/', 'input_layer.2/'),
  ('^norm/', 'output_layer.0/'),
  ('^dense/', 'output_layer.3/'),
  ('^dense_norm/', 'output_layer.4/'),
  ('/norm1/', '/res_layer.0/'),
  ('/conv1/', '/res_layer.1/'),
  ('/prelu/', '/res_layer.2/'),
  ('/conv2/', '/res_layer.3/'),
  ('/norm2/', '/res_layer.4/'),
  ('/shortcut/', '/shortcut_layer.0/'),
  ('/shortcut_norm/', '/shortcut_layer.1/'),
)


def _ir_table(units):
  """Its blocks are counted through all stages."""
  before = [sum(units[:i]) for i in range(len(units))]

  def body(match):
    return f'body.{before[int(match[1]) - 1] + int(match[2])}'

  return torch_table((r'^stage(\d)_block(\d+)', body), *_IR_RULES)


_RESNET_TABLE = torch_table(
  *resnet.RULES,
  ('^norm/', 'bn_o1/'),
  ('^dense/', 'fc/'),
  ('^dense_norm/', 'bn_o2/'),
)
_PAGE = 'https://github.com/cmu-spuds/lowkey_gradio'
# Two were published of a network; this is the one trained with ArcFace.
_FILES = {
  'lowkey_ir152': 'Backbone_IR_152_Arcface_Epoch_112.pth',
  'lowkey_resnet152': 'Backbone_ResNet_152_Arcface_Epoch_65.pth',
}


def _spec(name, module, table):
  file = _FILES.get(name)
  return iresnet.ARCFACE_SPEC._replace(
    name=name,
    module=module,
    licence='none given',
    url=f'{_PAGE}/releases/download/weights/{file}' if file else _PAGE,
    table=table,
  )


SPECS = (
  *(
    _spec(
      f'lowkey_ir{depth}',
      functools.partial(LowkeyIR, units=units),
      _ir_table(units),
    )
    for depth, units in IR_UNITS.items()
  ),
  *(
    _spec(
      f'lowkey_resnet{depth}',
      functools.partial(LowkeyResNet, resnet.UNITS[depth]),
      _RESNET_TABLE,
    )
    for depth in IR_UNITS
  ),
)
