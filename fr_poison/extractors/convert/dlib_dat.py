"""Reads dlib's serialised networks (`.dat`) without dlib.

The format is what dlib's `serialize` writes: layers from the innermost (nearest
the picture) outwards, each with its name and its parameters in front. Integers
are a control byte (count of bytes, 0x80 for the sign) and that many
little-endian bytes; floats are mantissa and exponent, both integers; tensors
are a 2, four dimensions and raw float32. What has no parameters is passed over.
"""

import math
import re
from typing import NamedTuple

import numpy as np

from fr_poison.types import InputError

_INPUT = b'input_rgb_image_sized'
_LAYER = re.compile(rb'\x01(?:\x05con_4|\x07affine_|\x04fc_2)')  # length, name


class Layer(NamedTuple):
  """One layer that has parameters, in the order of the forward pass."""

  kind: str  # 'con', 'affine' or 'fc'
  params: np.ndarray  # 1-D float32, weights first, then biases
  shape: tuple[int, ...]  # con: (out, in, h, w); affine: (C,); fc: (in, out)


def read(data: bytes, name: str) -> list[Layer]:
  """Reads the layers with parameters of a dlib network, in forward order.

  Args:
    data: the whole file.
    name: what to call it in errors.

  Raises:
    InputError: not such a network, or truncated.
  """
  reader, layers = _Reader(data, name), []
  while match := _LAYER.search(data, reader.at):
    reader.at = match.end()
    layers.append(reader.layer(match[0][2:].decode()))
  return layers


def input_means(data: bytes) -> list[float]:
  """Reads the means of R, G and B that are subtracted from pictures."""
  reader = _Reader(data, 'dlib')
  return [math.ldexp(reader.integer(), reader.integer()) for _ in range(3)]


class _Reader:
  """A cursor over the file's bytes; every read checks that they are there."""

  def __init__(self, data, name):
    self.data, self.name = data, name
    self.at = data.find(_INPUT) + len(_INPUT)
    if _INPUT not in data:
      self.fail('no dlib network over RGB pictures')

  def fail(self, reason):
    raise InputError(f'{self.name}: {reason} at byte {self.at}')

  def take(self, count):
    part = self.data[self.at : self.at + count]
    if len(part) != count:
      self.fail(f'truncated: {count} bytes expected')
    self.at += count
    return part

  def integer(self):
    control = self.take(1)[0]
    if control & 0x70 or control & 0x0F > 8:
      self.fail(f'not a dlib integer (control byte {control:#x})')
    value = int.from_bytes(self.take(control & 0x0F), 'little')
    return -value if control & 0x80 else value

  def integers(self, count):
    return tuple(self.integer() for _ in range(count))

  def layer(self, kind):
    shape = self.integers(2)[::-1] if kind == 'fc_2' else ()
    if self.integer() != 2:
      self.fail('expected a tensor')
    params = np.frombuffer(self.take(4 * math.prod(self.integers(4))), '<f4')
    size = math.prod(shape)
    if kind == 'con_4':
      # Filters, rows, columns, strides, paddings, and the mark of a shape.
      shape = self.integers(8) and self.integers(4)
      size = math.prod(shape) + shape[0]
    elif kind == 'affine_':
      shape, size = (params.size // 2,), params.size // 2 * 2
    if size != params.size:
      self.fail(f'{kind} of another size than its {params.size} parameters')
    return Layer(kind.split('_')[0], params, shape)
