"""Reads the graph of an ONNX model: its operators and its constants.

Without the `onnx` package, whose parser takes ninety times as much memory as a
file of empty operators is long. Field numbers are those of onnx.proto3.
"""

import os
import pathlib
import struct
from typing import NamedTuple

import ml_dtypes
import numpy as np

from fr_poison import files
from fr_poison.extractors.convert import limits, protobuf

_GRAPH = 7  # of a model
_NODE, _CONSTANT = 1, 5  # of a graph
_INPUT, _OPERATOR, _ATTRIBUTE = 1, 4, 5  # of a node
_NAME, _FLOAT = 1, 2  # of an attribute
_DIMS, _TYPE, _TENSOR_NAME, _RAW, _BESIDE, _PLACE = 1, 2, 8, 9, 13, 14
_EPSILON = 1e-5  # of a norm that does not say
_TEXT = 8  # a type, like the keys below
_TYPES = {
  1: np.dtype('<f4'),
  2: np.dtype('u1'),
  3: np.dtype('i1'),
  4: np.dtype('<u2'),
  5: np.dtype('<i2'),
  6: np.dtype('<i4'),
  7: np.dtype('<i8'),
  9: np.dtype('?'),
  10: np.dtype('<f2'),
  11: np.dtype('<f8'),
  12: np.dtype('<u4'),
  13: np.dtype('<u8'),
  16: np.dtype(ml_dtypes.bfloat16),
}
# Where numbers are that are not raw: floats and doubles as they are, all else
# as integers, of 16-bit floats the bits.
_FLOATS, _INTEGERS, _LONG, _DOUBLES, _UNSIGNED = 4, 5, 7, 10, 11


class Node(NamedTuple):
  """An operator: its type, its inputs' names, its epsilon or the default."""

  op_type: str
  inputs: list[str]
  epsilon: float


class Graph(NamedTuple):
  """The operators in their order, and the constants by name."""

  nodes: list[Node]
  arrays: dict[str, np.ndarray]


def read(path: pathlib.Path) -> Graph:
  """Reads the graph of a model.

  Constants are views of the file, or of one in the model's folder.

  Raises:
    ValueError: damaged, two constants of one name, text, data outside the
      model's folder, or a format of numbers that no weights have.
  """
  reader, nodes, arrays = protobuf.Reader(), [], {}
  names, folder = limits.Names(), path.parent
  for number, graph in reader.fields(
    memoryview(files.read(path, max_bytes=files.LARGE))
  ):
    if number != _GRAPH:
      continue
    for kind, part in reader.fields(graph):
      if kind == _NODE:
        nodes.append(_node(reader, part))
        if len(nodes) > limits.MOST:
          raise ValueError(f'more than {limits.MOST} operators')
      elif kind == _CONSTANT:
        name, array = _constant(reader, part, folder)
        names.add(name)
        arrays[name] = array
  return Graph(nodes, arrays)


def _node(reader, data):
  op_type, inputs, epsilon = '', [], _EPSILON
  for number, value in reader.fields(data):
    if number == _INPUT:
      inputs.append(_text(value))
    elif number == _OPERATOR:
      op_type = _text(value)
    elif number == _ATTRIBUTE and bytes(value[:32]).find(b'epsilon') >= 0:
      fields = dict(reader.fields(value))
      if _text(fields[_NAME]) == 'epsilon':
        (epsilon,) = struct.unpack('<f', fields[_FLOAT])
  return Node(op_type, inputs, epsilon)


def _text(value):
  return bytes(value).decode()


def _constant(reader, data, folder):
  dims, beside, found = [], {}, {}
  for number, value in reader.fields(data):
    if number == _DIMS:
      packed = isinstance(value, memoryview)
      dims += protobuf.varints(value, 'i8').tolist() if packed else [value]
    elif number == _BESIDE:
      pair = dict(reader.fields(value))
      beside[_text(pair[1])] = _text(pair[2])
    else:
      found[number] = value
  name, kind = _text(found.get(_TENSOR_NAME, b'')), found.get(_TYPE)
  if kind == _TEXT:
    raise ValueError(f'{name} is text')
  if kind not in _TYPES:
    raise ValueError(f'{name}: the format {limits.shown(kind)}')
  dtype, count = _TYPES[kind], limits.count(name, dims)
  if found.get(_PLACE):
    return name, _beside(name, folder, beside, dtype, dims)
  array = _numbers(found, dtype)
  if len(array) != count:
    raise ValueError(f'{name}: {dims} of {len(array)} numbers')
  return name, array.reshape(dims)


def _numbers(found, dtype):
  if _RAW in found:
    return np.frombuffer(found[_RAW], dtype)
  if dtype.kind in 'f' and dtype.itemsize > 2:
    return np.frombuffer(
      found.get(_FLOATS if dtype.itemsize == 4 else _DOUBLES, b''), dtype
    )
  field = {'<i8': _LONG, '<u4': _UNSIGNED, '<u8': _UNSIGNED}
  data = found.get(field.get(dtype.str, _INTEGERS), b'')
  if dtype.kind in 'iub':
    return protobuf.varints(data, dtype)
  return protobuf.varints(data, np.dtype('<u2')).view(dtype)


def _beside(name, folder, where, dtype, dims):
  file = (folder / where['location']).resolve()
  shown = where['location'][:200]
  if not file.is_relative_to(folder.resolve()) or not file.is_file():
    raise ValueError(f"{name}: {shown} is no file in the model's folder")
  offset = int(where.get('offset', 0))
  if offset + dtype.itemsize * limits.count(name, dims) > os.stat(file).st_size:
    raise ValueError(f'{name}: {shown} ends before it')
  # A map: many constants may say that they are the same large file.
  with files.opened(file, max_bytes=files.LARGE) as data:
    return np.asarray(np.memmap(data, dtype, 'r', offset, tuple(dims)))
