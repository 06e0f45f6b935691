"""LowKey's own networks under face.evoLVe's names (backbone/model_*.py)."""

from fr_poison.extractors import lowkey_ir
from fr_poison.extractors.convert import resnet_names
from fr_poison.extractors.convert.state_dict import (
  Entry,
  conv,
  dense,
  norm,
  prelu,
)
from fr_poison.extractors.iresnet import blocks


def ir_entries(depth: int) -> list[Entry]:
  """The table of a `LowkeyIR`; its blocks are counted through all stages."""
  table = [
    *conv('input_layer.0', 'stem'),
    *norm('input_layer.1', 'stem_norm'),
    *prelu('input_layer.2', 'stem_prelu'),
    *norm('output_layer.0', 'norm'),
    *dense('output_layer.3', 'dense'),
    *norm('output_layer.4', 'dense_norm'),
  ]
  names = [name for name, *_ in blocks(lowkey_ir.UNITS[depth], 64)]
  for i, name in enumerate(names):
    key = f'body.{i}.res_layer'
    table += norm(f'{key}.0', f'{name}/norm1')
    table += conv(f'{key}.1', f'{name}/conv1')
    table += prelu(f'{key}.2', f'{name}/prelu')
    table += conv(f'{key}.3', f'{name}/conv2')
    table += norm(f'{key}.4', f'{name}/norm2')
    # The first stage has as many channels as the stem.
    if name.endswith('_block1') and i > 0:
      key = f'body.{i}.shortcut_layer'
      table += conv(f'{key}.0', f'{name}/shortcut')
      table += norm(f'{key}.1', f'{name}/shortcut_norm')
  return table


def resnet_entries(depth: int) -> list[Entry]:
  """The table of a `LowkeyResNet`: torchvision's names and a new head."""
  return [
    *resnet_names.entries(depth),
    *norm('bn_o1', 'norm'),
    *dense('fc', 'dense'),
    *norm('bn_o2', 'dense_norm'),
  ]
