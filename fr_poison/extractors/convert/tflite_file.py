"""Reads the weights of TensorFlow Lite models without TensorFlow.

The file is a FlatBuffer: tables, which say in front of them where each of
their fields is, and vectors. As in `openvino_ir` arrays are called by what uses
them, counted in the order of the graph. TensorFlow has no PReLU of its own:
it is written as `relu(x) + c (x - |x|)`, whose slope below 0 is 2 c.
"""

import pathlib

import numpy as np

from fr_poison import files
from fr_poison.extractors.convert import limits
from fr_poison.extractors.convert.cursor import Cursor

HEAD = rb'.{4}TFL3'  # behind the address of the first table
_CONVS = 3, 4  # Conv2D and depthwise, by TensorFlow's number
_MULTIPLY, _SUBTRACT = 18, 41
_DTYPES = {0: np.dtype('<f4'), 1: np.dtype('<f2')}
_MAX_RANK = 8
_MOST = 10_000  # operators


class _Table:
  """A table; its fields are called by their place in TensorFlow's schema."""

  def __init__(self, data, at):
    self.data, self.at = data, at
    self.fields = at - Cursor(data, at).number('i')
    self.size = Cursor(data, self.fields).number('H')

  def _where(self, field):
    """Where a field is; 0 if it is not there, and has its default."""
    place = 4 + 2 * field
    if place >= self.size:
      return 0
    offset = Cursor(self.data, self.fields + place).number('H')
    return offset and self.at + offset

  def number(self, field, kind='i'):
    """Reads a number, 0 by default."""
    at = self._where(field)
    return Cursor(self.data, at).number(kind) if at else 0

  def vector(self, field):
    """Gives a cursor at a vector's first element, and how many there are."""
    at = self._where(field)
    if not at:
      return Cursor(self.data), 0
    cursor = Cursor(self.data, at + Cursor(self.data, at).number('I'))
    return cursor, cursor.number('I')

  def numbers(self, field, most):
    """Reads a vector of int32, or the first `most` of them."""
    cursor, count = self.vector(field)
    return cursor.numbers('i', min(count, most))

  def table(self, field, index):
    """Gives a table of a vector of them."""
    cursor, count = self.vector(field)
    if not 0 <= index < count:
      raise ValueError(f'table {index} of {count}')
    cursor.at += 4 * index
    return _Table(self.data, cursor.at + cursor.number('I'))

  def tables(self, field, most):
    """Yields all tables of a vector of them."""
    _, count = self.vector(field)
    if count > most:
      raise ValueError(f'{count} tables, more than {most}')
    return (self.table(field, index) for index in range(count))


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
  """Reads conv0.weight, conv0.bias, prelu0.weight, ..., of one graph.

  Kernels are [out, h, w, in], those of depthwise convolutions [1, h, w, C].

  Raises:
    ValueError: truncated, more than 10,000 operators, or a constant that the
      file does not hold.
  """
  data = files.read(path, max_bytes=files.LARGE)
  model = _Table(data, Cursor(data).number('I'))
  # What the number was called when it still fitted into a byte, and since.
  codes = [
    max(code.number(0, 'b'), code.number(3)) for code in model.tables(1, _MOST)
  ]
  graph, arrays, differences = model.table(2, 0), {}, set()
  counts = {'conv': 0, 'prelu': 0}

  def add(kind, **tensors):
    for part, index in tensors.items():
      name = f'{kind}{counts[kind]}.{part}'
      arrays[name] = _array(name, graph.table(0, index), model)
    counts[kind] += 1

  for operator in graph.tables(3, _MOST):
    code = codes[operator.number(0, 'I')]
    inputs, outputs = operator.numbers(1, 3), operator.numbers(2, 1)
    if code in _CONVS:
      add('conv', weight=inputs[1], bias=inputs[2])
    elif code == _SUBTRACT:
      differences.update(outputs)
    elif code == _MULTIPLY and not differences.isdisjoint(inputs):
      add('prelu', weight=min(set(inputs) - differences))
  slopes = {name: a for name, a in arrays.items() if name.startswith('prelu')}
  if sum(array.nbytes for array in slopes.values()) > len(data):
    raise ValueError('constants that overlap')  # these are copied
  return arrays | {name: 2 * array for name, array in slopes.items()}


def _array(name, tensor, model):
  shape = tensor.numbers(0, _MAX_RANK)
  dtype = _DTYPES.get(tensor.number(1, 'b'))
  cursor, size = model.table(4, tensor.number(2, 'I')).vector(0)
  if dtype is None:
    raise ValueError(f'{name}: a format that no weights have')
  count = limits.count(name, shape)
  if count * dtype.itemsize != size:
    raise ValueError(f'{name}: {list(shape)} in {size} bytes')
  return cursor.array(dtype, count).reshape(shape)
