"""LowKey's own networks (face.evoLVe): 112x112 -> 512.

The graphs of `IR_50/101/152` and `ResNet_50/101/152` in cmu-spuds'
lowkey_gradio, backbone/model_irse.py and model_resnet.py: an IResNet whose
blocks have no norm between their convolutions, and torchvision's bottlenecks
under IResNet's head.
"""

import functools

from fr_poison.extractors import resnet
from fr_poison.extractors.convert.state_dict import torch_table
from fr_poison.extractors.iresnet import ARCFACE_SPEC, IResNet

# Blocks a stage, by depth.
IR_UNITS = {50: (3, 4, 14, 3), 101: (3, 13, 30, 3), 152: (3, 8, 36, 3)}
LowkeyIR = functools.partial(IResNet, middle_norm=False)
LowkeyResNet = functools.partial(resnet.ResNet, bottleneck=True, head_size=512)

IR_STEM = (
  ('^stem/', 'input_layer.0/'),
  ('^stem_norm/', 'input_layer.1/'),
  ('^stem_prelu/', 'input_layer.2/'),
)
_IR_HEAD = (
  ('^norm/', 'output_layer.0/'),
  ('^dense/', 'output_layer.3/'),
  ('^dense_norm/', 'output_layer.4/'),
)
_IR_BLOCK = (
  ('/norm1/', '/res_layer.0/'),
  ('/conv1/', '/res_layer.1/'),
  ('/prelu/', '/res_layer.2/'),
  ('/conv2/', '/res_layer.3/'),
  ('/norm2/', '/res_layer.4/'),
  ('/shortcut/', '/shortcut_layer.0/'),
  ('/shortcut_norm/', '/shortcut_layer.1/'),
)
RESNET_HEAD = (
  ('^norm/', 'bn_o1/'),
  ('^dense/', 'fc/'),
  ('^dense_norm/', 'bn_o2/'),
)
RESNET_TABLE = torch_table(*resnet.RULES, *RESNET_HEAD)
_PAGE = 'https://github.com/cmu-spuds/lowkey_gradio'
# Two were published of a network; this is the one trained with ArcFace.
_FILES = {
  'lowkey_ir152': 'Backbone_IR_152_Arcface_Epoch_112.pth',
  'lowkey_resnet152': 'Backbone_ResNet_152_Arcface_Epoch_65.pth',
}


def ir_table(units, *head):
  """Makes an IR's table, whose blocks are counted through all stages."""
  before = [sum(units[:i]) for i in range(len(units))]

  def block(match):
    return f'body.{before[int(match[1]) - 1] + int(match[2])}'

  body = r'^stage(\d)_block(\d+)', block
  return torch_table(body, *IR_STEM, *_IR_BLOCK, *head)


def _spec(name, module, units, table, family='IResNet'):
  file = _FILES.get(name)
  return ARCFACE_SPEC._replace(
    name=name,
    module=functools.partial(module, units=units),
    licence='none given',
    family=family,
    url=f'{_PAGE}/releases/download/weights/{file}' if file else _PAGE,
    table=table,
  )


SPECS = (
  *(
    _spec(f'lowkey_ir{depth}', LowkeyIR, units, ir_table(units, *_IR_HEAD))
    for depth, units in IR_UNITS.items()
  ),
  *(
    _spec(
      f'lowkey_resnet{n}',
      LowkeyResNet,
      resnet.UNITS[n],
      RESNET_TABLE,
      'ResNet',
    )
    for n in IR_UNITS
  ),
)
