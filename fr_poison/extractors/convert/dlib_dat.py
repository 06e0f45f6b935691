"""Reads dlib's serialised networks (`.dat`) without dlib.

The format is what dlib's `serialize` writes: a C++ type wrapped around a C++
type, versions first, layers from the innermost (nearest the picture) outwards.
Integers are a control byte (count of bytes, 0x80 for the sign) and that many
little-endian bytes; floats are mantissa and exponent, both integers; strings
have their length in front; tensors are a 2, four dimensions and raw float32.
"""

import math
import struct
from typing import NamedTuple

import numpy as np

from fr_poison.types import InputError

_INPUT = b'input_rgb_image_sized'


class Layer(NamedTuple):
  """One layer that has parameters, in the order of the forward pass."""

  kind: str  # 'con', 'affine' or 'fc'
  params: np.ndarray  # 1-D float32, weights first, then biases
  shape: tuple[int, ...]  # con: (out, in, h, w); affine: (C,); fc: (in, out)


class _Reader:
  """A cursor over the file's bytes; every read checks that they are there."""

  def __init__(self, data: bytes, name: str):
    self.data, self.name, self.at = data, name, 0

  def fail(self, reason: str):
    raise InputError(f'{self.name}: {reason} at byte {self.at}')

  def take(self, count: int) -> bytes:
    part = self.data[self.at : self.at + count]
    if len(part) != count:
      self.fail(f'truncated: {count} bytes expected')
    self.at += count
    return part

  def integer(self) -> int:
    control = self.take(1)[0]
    if control & 0x70 or control & 0x0F > 8:
      self.fail(f'not a dlib integer (control byte {control:#x})')
    value = int.from_bytes(self.take(control & 0x0F), 'little')
    return -value if control & 0x80 else value

  def integers(self, count: int) -> tuple[int, ...]:
    return tuple(self.integer() for _ in range(count))

  def floats(self, count: int) -> tuple[float, ...]:
    try:
      return tuple(
        math.ldexp(self.integer(), self.integer()) for _ in range(count)
      )
    except OverflowError:
      self.fail('not a dlib float')

  def string(self) -> str:
    return self.take(self.integer()).decode('ascii', 'replace')

  def tensor(self) -> np.ndarray:
    if self.integer() != 2:
      self.fail('expected a tensor')
    count = math.prod(self.integers(4))
    return np.frombuffer(self.take(4 * count), '<f4')

  def alias(self) -> tuple[int, ...]:
    if self.integer() != 1:
      self.fail('expected an alias tensor')
    return self.integers(4)

  def skip_tail(self) -> None:
    """Past what follows each layer's details: flags and empty tensors."""
    if set(self.take(3)) - set(b'01'):
      self.fail('expected three flags')
    while self.data[self.at : self.at + 2] == b'\x01\x02':
      self.tensor()


def _read_con(reader: _Reader) -> Layer:
  params = reader.tensor()
  reader.integers(7)  # filters, rows, columns, strides, paddings
  filters, bias = reader.alias(), reader.alias()
  reader.floats(4)  # learning rates and decays
  if math.prod(filters) + math.prod(bias) != params.size:
    reader.fail('convolution of another size than its parameters')
  return Layer('con', params, filters)


def _read_affine(reader: _Reader) -> Layer:
  params = reader.tensor()
  gamma, beta = reader.alias(), reader.alias()
  reader.integer()  # mode: convolutional or fully connected
  if gamma != beta or 2 * math.prod(gamma) != params.size:
    reader.fail('affine layer of another size than its parameters')
  return Layer('affine', params, (math.prod(gamma),))


def _read_fc(reader: _Reader) -> Layer:
  outputs, inputs = reader.integers(2)
  params = reader.tensor()
  reader.alias(), reader.alias()
  reader.integer()  # whether it has a bias
  reader.floats(4)
  if inputs * outputs != params.size:
    reader.fail('dense layer of another size than its parameters')
  return Layer('fc', params, (inputs, outputs))


_READERS = {
  'con_4': _read_con,
  'affine_': _read_affine,
  'fc_2': _read_fc,
  'relu_': lambda reader: None,
  'add_prev_': lambda reader: None,
  'max_pool_2': lambda reader: reader.integers(6) and None,
  'avg_pool_2': lambda reader: reader.integers(6) and None,
}


def read(data: bytes, name: str) -> list[Layer]:
  """The layers with parameters of a dlib network, in forward order.

  Args:
    data: the whole file.
    name: what to call it in errors.

  Raises:
    InputError: not such a network, truncated, or bytes left over.
  """
  reader = _Reader(data, name)
  start = data.find(_INPUT)
  if start < 0:
    reader.fail('no dlib network over RGB pictures')
  reader.at = start + len(_INPUT)
  reader.floats(3)  # the means of R, G and B
  reader.integers(2)  # rows and columns
  layers = []
  while reader.at < len(data):
    kind = reader.string()
    if kind not in _READERS:
      reader.fail(f'unknown layer {kind!r}')
    layers.append(_READERS[kind](reader))
    reader.skip_tail()
    if len(layers) == 1:
      reader.integer()  # the innermost layer's sample expansion factor
  return [layer for layer in layers if layer is not None]


def input_means(data: bytes) -> tuple[float, ...]:
  """The R, G and B means stored beside the input layer (float32 values)."""
  reader = _Reader(data, 'dlib')
  reader.at = data.index(_INPUT) + len(_INPUT)
  return struct.unpack('<3f', struct.pack('<3f', *reader.floats(3)))
