"""`MobileFaceNet` under insightface's names (backbones/mobilefacenet.py)."""

from fr_poison.extractors.convert.state_dict import (
  Entry,
  conv,
  dense,
  depthwise,
  norm,
  prelu,
)
from fr_poison.extractors.mobilefacenet import UNITS

_UNITS = {'expand': conv, 'depthwise': depthwise, 'project': conv}


def entries() -> list[Entry]:
  """The table of `MobileFaceNet()`."""
  table = [
    *_unit('layers.0', 'stem', conv),
    *_unit('layers.1', 'grouped', conv),
    *_unit('conv_sep', 'last', conv),
    Entry('features.layers.0.layers.0.weight', 'params/pool', 'depthwise'),
    *norm('features.layers.0.layers.1', 'pool_norm'),
    *dense('features.layers.2', 'dense', bias=False),
    *norm('features.layers.3', 'dense_norm'),
  ]
  for i, count in enumerate(UNITS):
    # A stage is two of theirs: the strided block, and a list of the others.
    keys = [f'layers.{2 * i + 2}']
    keys += [f'layers.{2 * i + 3}.layers.{j}' for j in range(count)]
    for j, key in enumerate(keys, 1):
      name = f'stage{i + 1}_block{j}'
      for k, (unit, kind) in enumerate(_UNITS.items()):
        table += _unit(f'{key}.layers.{k}', f'{name}/{unit}', kind)
  return table


def _unit(key, name, kind):
  """A convolution, its norm and, but for a block's last one, its PReLU."""
  parts = kind(f'{key}.layers.0', name) + norm(
    f'{key}.layers.1', f'{name}_norm'
  )
  if not name.endswith('project'):
    parts += prelu(f'{key}.layers.2', f'{name}_prelu')
  return parts
