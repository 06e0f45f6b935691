"""`InceptionResNet` under facenet-pytorch's names."""

from fr_poison.extractors import inception_resnet
from fr_poison.extractors.convert.state_dict import Entry, conv, dense, norm


def entries() -> list[Entry]:
  """The table of `InceptionResNet()`."""
  table = dense('last_linear', 'dense', bias=False)
  table += norm('last_bn', 'dense_norm')
  for name, *_ in inception_resnet.STEM:
    table += _unit(name.replace('conv', 'conv2d_'), name)
  for name, branches, scale, _ in inception_resnet.blocks(
    inception_resnet.REPEATS
  ):
    key = _key(name)
    for i, branch in enumerate(branches):
      for j in range(len(branch)):
        # A branch of one convolution is no list.
        inside = f'.{j}' if len(branch) > 1 else ''
        table += _unit(f'{key}.branch{i}{inside}', f'{name}/branch{i}_{j}')
    if scale is not None:
      table += conv(f'{key}.conv2d', f'{name}/conv', bias=True)
  return table


def _key(name):
  """'stage1_block2' -> 'repeat_1.1', 'mixed6a' -> 'mixed_6a'."""
  if not name.startswith('stage'):
    return name.replace('mixed', 'mixed_')
  stage, block = name.removeprefix('stage').split('_block')
  return f'repeat_{stage}.{int(block) - 1}'


def _unit(key, name):
  return conv(f'{key}.conv', name) + norm(f'{key}.bn', f'{name}/norm')
