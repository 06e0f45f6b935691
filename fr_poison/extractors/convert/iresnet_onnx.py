"""An exported IResNet's arrays under its authors' names again.

PyTorch's exporters fold the batch norm after a convolution into it, and most
of what they folded loses its name. The order of operators tells which it is.
"""

import re
from collections.abc import Mapping

import numpy as np

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


def state_dict(
  graph, arrays: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray] | None:
  """Gives the state dict of an IResNet of which `graph` is an export.

  Args:
    graph: the model's GraphProto.
    arrays: its initialisers.

  Returns:
    {'layer1.0.conv1.weight': array}; a folded norm is there with mean 0 and
    the variance that leaves the convolution as it is. None for other graphs.
  """
  letters = [_LETTERS.get(node.op_type, '?') for node in graph.node]
  order = ''.join(letters)
  if not re.fullmatch('CP(BCPCC?A)+BGB?', order):
    return None
  nodes = [n for n, letter in zip(graph.node, letters, strict=True) if letter]
  epsilon = next(a.f for a in nodes[2].attribute if a.name == 'epsilon')
  result = {}
  for (key, norm), node in zip(_keys(order), nodes, strict=True):
    params = [arrays[name] for name in node.input if name in arrays]
    if node.op_type == 'PRelu':
      params = [params[0].reshape(-1)]
    result |= {f'{key}.{p}': a for p, a in zip(_PARTS, params, strict=False)}
    if norm:
      result |= _norm(norm, result.pop(f'{key}.bias'), epsilon)
  if 'features.bias' not in result:  # Some exporters fold this one, too.
    result |= _norm('features', np.zeros_like(result['fc.bias']), epsilon)
  return result


def _norm(key, bias, epsilon):
  """A batch norm that only adds."""
  ones, zeros = np.ones_like(bias), np.zeros_like(bias)
  values = (ones, bias, zeros, ones - np.float32(epsilon))
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
