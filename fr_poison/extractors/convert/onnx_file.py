"""Names the weights of ONNX models.

PyTorch's exporters fold the batch norm after a convolution into it, and most
of what they folded loses its name. For two designs the order of operators says
which it is: an IResNet's arrays get their authors' names again, those of a
MobileFaceNet, all of whose norms are folded, are counted: conv0.weight, ...
"""

import pathlib
import re

import numpy as np

from fr_poison.extractors.convert import onnx_graph

# What the exporter made up for arrays that it computed.
_MADE_UP = r'(onnx::\w+_|val_)?\d+'
_LETTERS = {
  'Conv': 'C',
  'PRelu': 'P',
  'BatchNormalization': 'B',
  'Add': 'A',
  'Gemm': 'G',
  # These change no number here.
  **dict.fromkeys(
    ('Flatten', 'Reshape', 'Constant', 'Identity', 'Dropout'), ''
  ),
}
_PARTS = ('weight', 'bias', 'running_mean', 'running_var')
# By operator of a block: the authors' name, and of the norm folded into it.
_BLOCK = (
  *(('bn1', None), ('conv1', 'bn2'), ('prelu', None), ('conv2', 'bn3')),
  ('downsample.0', 'downsample.1'),
)


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
  """Reads the initialisers of an ONNX model by name, in their number formats.

  Data beside the model are read where they lie in its folder or below.

  Raises:
    ValueError: as `onnx_graph.read`, or arrays whose names were lost.
  """
  nodes, arrays = onnx_graph.read(path)
  arrays = _iresnet(nodes, arrays) or _mobilefacenet(nodes, arrays) or arrays
  for name, array in arrays.items():
    if re.fullmatch(_MADE_UP, name) and array.ndim > 1:
      raise ValueError(
        f'{name} has lost its name: the exporter folded batch norms (which '
        'is undone for an IResNet or MobileFaceNet only); give the PyTorch '
        'file instead'
      )
  return arrays


def _iresnet(nodes, arrays):
  """Gives the state dict of the IResNet of which these are an export.

  A folded norm is there with mean 0 and the variance that leaves the
  convolution as it is. None for other graphs.
  """
  letters = [_LETTERS.get(node.op_type, '?') for node in nodes]
  order = ''.join(letters)
  if not re.fullmatch('CP(BCPCC?A)+BGB?', order):
    return None
  nodes = [n for n, letter in zip(nodes, letters, strict=True) if letter]
  epsilon = nodes[2].epsilon
  result = {}
  for (key, norm), node in zip(_keys(order), nodes, strict=True):
    params = [arrays[name] for name in node.inputs if name in arrays]
    if node.op_type == 'PRelu':
      params = [params[0].reshape(-1)]
    result |= {f'{key}.{p}': a for p, a in zip(_PARTS, params, strict=False)}
    if norm:
      result |= _adding_norm(norm, result.pop(f'{key}.bias'), epsilon)
  if 'features.bias' not in result:  # Some exporters fold this one, too.
    result |= _adding_norm('features', 0 * result['fc.bias'], epsilon)
  return result


def _mobilefacenet(nodes, arrays):
  """Gives {'conv0.weight': array, ...} of a MobileFaceNet.

  None for other graphs, and where a norm is not folded.
  """
  order = ''.join(_LETTERS.get(node.op_type, '?') for node in nodes)
  if not re.fullmatch('(CP){2}(CPCPCA?)+CPCC', order):
    return None
  result, counts = {}, {'Conv': 0, 'PRelu': 0}
  for node in nodes:
    if node.op_type in counts:
      name = f'{node.op_type.lower()}{counts[node.op_type]}'
      counts[node.op_type] += 1
      constants = node.inputs[1:]
      for part, constant in zip(_PARTS, constants, strict=False):
        result[f'{name}.{part}'] = arrays[constant]
  # The slopes have axes for rows and columns, too.
  return {
    name: array.reshape(-1) if name.startswith('prelu') else array
    for name, array in result.items()
  }


def _adding_norm(key, bias, epsilon):
  """Makes no array: there are three for each of any number of norms."""
  one = np.ones((), bias.dtype)
  constants = (0 * one, one - np.float32(epsilon))
  ones, zeros, variances = (
    np.broadcast_to(value, bias.shape) for value in (one, *constants)
  )
  values = (ones, bias, zeros, variances)
  return {f'{key}.{p}': a for p, a in zip(_PARTS, values, strict=True)}


def _keys(order):
  """Yields the authors' key of each node, and of the norm folded into it."""
  yield from (('conv1', 'bn1'), ('prelu', None))
  stage, index = 0, 0
  for block in re.findall('BCPCC?A', order):
    if 'CC' in block:  # Each stage begins with a shortcut.
      stage, index = stage + 1, 0
    prefix = f'layer{stage}.{index}.'
    for key, norm in _BLOCK[: len(block) - 1]:
      yield prefix + key, norm and prefix + norm
    yield '', None  # the sum
    index += 1
  yield from (('bn2', None), ('fc', None))
  if order.endswith('B'):
    yield 'features', None
