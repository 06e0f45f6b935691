"""FRBench's networks (HKU-TASR): one data set, loss and size after another.

The graphs of `IR_SE`, `IR`, `MobileFaceNet` with ECA and `ResNet` in frbench
1.1.3, backbones/: IResNet with and without squeeze-and-excitation, the paper's
MobileFaceNet, and torchvision's bottlenecks under IResNet's head. A name is
FRBench's, then what sets weights apart from those by ArcFace on MS1M.
"""

import functools

import numpy as np

from fr_poison.data import align
from fr_poison.extractors import lowkey, resnet
from fr_poison.extractors.convert.frbench import Config
from fr_poison.extractors.convert.state_dict import torch_table
from fr_poison.extractors.iresnet import ARCFACE_SPEC, UNITS, IResNet
from fr_poison.extractors.mobilefacenet import MobileFaceNet
from fr_poison.extractors.network import NetworkSpec
from fr_poison.types import InputError

# Blocks a stage, by depth.
IRSE_UNITS = {
  18: (2, 2, 2, 2),
  34: (3, 4, 6, 3),
  50: (3, 4, 14, 3),
  100: (3, 13, 30, 3),
  101: (3, 4, 23, 3),
  152: (3, 8, 36, 3),
  185: (3, 22, 33, 3),
  200: (3, 24, 36, 3),
}
IR_UNITS = UNITS | {depth: IRSE_UNITS[depth] for depth in (101, 152)}
# Each is one more published file of IR-SE 100.
_LOSSES = (
  *('triplet', 'center', 'sphereface', 'cosface'),
  *('curricularface', 'magface', 'adaface', 'uniface'),
)
_DATASETS = 'webface4m', 'glint360k'
_PUBLISHED = 18, 34, 50, 100  # depths of IR-SE

_IRSE_RULES = (
  ('/squeeze/', '/res_layer.5.fc1/'),
  ('/excite/', '/res_layer.5.fc2/'),
  ('^norm/', 'bn2/'),
  ('^dense/', 'fc/'),
  ('^dense_norm/', 'features/'),
)
_IR_TABLE = torch_table(*lowkey.IR_STEM, *resnet.RULES, *lowkey.RESNET_HEAD)


def _mobilefacenet_block(match):
  """Stage 1 is conv_23, and conv_3 with the blocks behind its first."""
  stage, block = int(match[1]) + 2, int(match[2])
  if block == 0:
    return f'conv_{stage - 1}{stage}'
  return f'conv_{stage}.layers.{block - 1}'


_MOBILEFACENET_TABLE = torch_table(
  (r'^stage(\d)_block(\d+)', _mobilefacenet_block),
  ('^stem', 'conv1'),
  ('^grouped', 'conv2_dw'),
  ('^last', 'conv_6_sep'),
  ('^pool$', 'output_layer.conv_dw/kernel'),
  ('^pool_norm/', 'output_layer.conv_dw.bn/'),
  ('^dense/', 'output_layer.fc/'),
  ('^dense_norm/', 'output_layer.bn/'),
  ('/attention/', '/eca.conv/'),
  ('/(expand|project)', r'/conv_\1'),
  ('/depthwise', '/conv_dw'),
  (r'(?<!fc)(?<!eca.conv)/kernel$', '.conv/kernel'),
  ('_norm/', '.bn/'),
  ('_prelu/', '.prelu/'),
)._replace(kernels='(?!.*eca).*weight')

_SPEC = ARCFACE_SPEC._replace(
  year=2026,
  licence='MIT (the package)',
  url='https://github.com/HKU-TASR/FRBench/releases/tag/weights-v1.0.0',
)
_IRSE = {
  depth: _SPEC._replace(
    name=f'irse_{depth}',
    module=functools.partial(IResNet, units, middle_norm=False, squeeze=True),
    table=lowkey.ir_table(units, *_IRSE_RULES),
    url=_SPEC.url if depth in _PUBLISHED else '',
  )
  for depth, units in IRSE_UNITS.items()
}
SPECS = (
  *_IRSE.values(),
  *(
    _IRSE[100]._replace(name=f'irse_100_{which}')
    for which in (*_LOSSES, *_DATASETS)
  ),
  *(
    _SPEC._replace(
      name=f'ir_{depth}',
      module=functools.partial(IResNet, units),
      table=_IR_TABLE,
      url='',
    )
    for depth, units in IR_UNITS.items()
  ),
  _SPEC._replace(
    name='mobilefacenet',
    module=functools.partial(MobileFaceNet, expansion=2, eca=True),
    family='MobileFaceNet',
    table=_MOBILEFACENET_TABLE,
  ),
  _SPEC._replace(
    name='resnet_100',
    module=functools.partial(lowkey.LowkeyResNet, units=UNITS[100]),
    family='ResNet',
    table=lowkey.RESNET_TABLE,
  ),
)


def check(config: Config, entry: NetworkSpec) -> None:
  """Checks that a release is of this network and takes the same pictures.

  Its other settings show in its arrays. Landmarks may be half a pixel off.

  Raises:
    InputError: a field says something else than the network's entry.
  """
  if not f'{entry.name}_'.startswith(f'{config.backbone.replace("-", "_")}_'):
    raise InputError(f'config: backbone {config.backbone}, not {entry.name}')
  if config.channels != entry.inputs.channels:
    raise InputError(f'config: input.channel is not {entry.inputs.channels}')
  size, points = entry.input_size, config.template
  if points is not None and entry.template == 'arcface':
    points = points - align.template_points('arcface', size)
  for field, found, expected, tolerance in (
    ('size', config.size, size, 0),
    ('mean', config.mean, np.divide(entry.inputs.mean, 255), 1e-4),
    ('std', config.std, np.divide(entry.inputs.std, 255), 1e-4),
    ('template', 0 if points is None else points, 0, 0.5),
  ):
    if not np.allclose(found, expected, rtol=0, atol=tolerance):
      raise InputError(
        f'config: input.{field} is not that of {entry.name}: {size} pixels, '
        f'{entry.inputs}, {entry.template} template'
      )
