"""`ResNet` under torchvision's names (models/resnet.py), without its `fc`."""

from fr_poison.extractors import resnet
from fr_poison.extractors.convert.state_dict import Entry, conv, norm


def entries(depth: int) -> list[Entry]:
  """The table of `resnet.resnet(depth)`."""
  table = conv('conv1', 'stem') + norm('bn1', 'stem_norm')
  bottleneck = depth >= 50
  for i, count in enumerate(resnet.UNITS[depth], 1):
    for j in range(count):
      key, name = f'layer{i}.{j}', f'stage{i}_block{j + 1}'
      for k in range(1, 4 if bottleneck else 3):
        table += conv(f'{key}.conv{k}', f'{name}/conv{k}')
        table += norm(f'{key}.bn{k}', f'{name}/norm{k}')
      if j == 0 and (i > 1 or bottleneck):
        table += conv(f'{key}.downsample.0', f'{name}/shortcut')
        table += norm(f'{key}.downsample.1', f'{name}/shortcut_norm')
  return table
