"""`IResNet` under insightface's names (arcface_torch, backbones/iresnet.py)."""

from collections.abc import Sequence

from fr_poison.extractors.convert.state_dict import (
  Entry,
  conv,
  dense,
  norm,
  prelu,
)


def entries(units: Sequence[int]) -> list[Entry]:
  """The table of an `IResNet` with that many blocks a stage."""
  table = [
    *conv('conv1', 'stem'),
    *norm('bn1', 'stem_norm'),
    *prelu('prelu', 'stem_prelu'),
    *norm('bn2', 'norm'),
    *dense('fc', 'dense'),
    *norm('features', 'dense_norm'),
  ]
  for i, count in enumerate(units, 1):
    for j in range(count):
      key, name = f'layer{i}.{j}', f'stage{i}_block{j + 1}'
      for k in (1, 2, 3):
        table += norm(f'{key}.bn{k}', f'{name}/norm{k}')
      table += conv(f'{key}.conv1', f'{name}/conv1')
      table += conv(f'{key}.conv2', f'{name}/conv2')
      table += prelu(f'{key}.prelu', f'{name}/prelu')
    key, name = f'layer{i}.0.downsample', f'stage{i}_block1/shortcut'
    table += conv(f'{key}.0', name) + norm(f'{key}.1', f'{name}_norm')
  return table
