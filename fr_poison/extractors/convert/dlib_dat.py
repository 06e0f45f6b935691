"""Reads dlib's serialised networks (`.dat`) without dlib.

The format is what dlib's `serialize` writes: layers from the innermost (nearest
the picture) outwards, each with its name and its parameters in front. Integers
are a control byte (count of bytes, 0x80 for the sign) and that many
little-endian bytes; floats are mantissa and exponent, both integers; tensors
are a 2, four dimensions and raw float32. What has no parameters is passed over.
"""

import math
import pathlib
import re

import numpy as np

from fr_poison import files
from fr_poison.extractors.convert import limits
from fr_poison.extractors.convert.cursor import Cursor

INPUT = b'input_rgb_image_sized'
_LAYER = re.compile(rb'\x01(?:\x05con_4|\x07affine_|\x04fc_2)')  # length, name


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
  """Reads a network's arrays: mean, con0/kernel, con0/bias, ..., fc/kernel.

  Kernels are [out, in, h, w] and [in, out], `mean` what is subtracted from R,
  G and B. An affine layer is folded into the convolution before it:
  affine(conv(x)) = gamma * (w x + b) + beta = (gamma w) x + (gamma b + beta)

  Raises:
    ValueError: truncated, or another network than of these layers.
  """
  data = files.read(path, max_bytes=files.LARGE)
  reader, count = _Reader(data, data.index(INPUT) + len(INPUT)), 0
  mean = [math.ldexp(reader.integer(), reader.integer()) for _ in range(3)]
  arrays, before = {'mean': np.float32(mean)}, None
  while match := _LAYER.search(data, reader.at):
    reader.at = match.end()
    if len(arrays) > limits.MOST:
      raise ValueError(f'more than {limits.MOST} arrays')
    kind = match[0][2:]
    if kind == b'fc_2':
      before, shape = None, reader.integers(2)[::-1]
      arrays['fc/kernel'] = reader.tensor().reshape(shape)
    elif kind == b'con_4':
      before, count, params = f'con{count}', count + 1, reader.tensor()
      # Filters, rows, columns, strides, paddings, and the mark of a shape.
      shape = reader.integers(8) and reader.integers(4)
      arrays[f'{before}/kernel'] = params[: -shape[0]].reshape(shape)
      arrays[f'{before}/bias'] = params[-shape[0] :]
    else:
      gamma, beta = reader.tensor().reshape(2, -1)
      kernel, bias = (f'{before}/{name}' for name in ('kernel', 'bias'))
      if gamma.shape != arrays[bias].shape:
        raise ValueError(f'{before}: its affine layer does not fit it')
      arrays[kernel] = arrays[kernel] * gamma[:, None, None, None]
      arrays[bias], before = arrays[bias] * gamma + beta, None
  return arrays


class _Reader(Cursor):
  """Reads dlib's numbers."""

  def integer(self):
    control = self.take(1)[0]
    if control & 0x70 or control & 0x0F > 8:
      raise ValueError(f'not a dlib integer at byte {self.at}')
    value = int.from_bytes(self.take(control & 0x0F), 'little')
    return -value if control & 0x80 else value

  def integers(self, count):
    return tuple(self.integer() for _ in range(count))

  def tensor(self):
    if self.integer() != 2:
      raise ValueError(f'expected a tensor at byte {self.at}')
    count = limits.count('a tensor', self.integers(4))
    return self.array(np.dtype('<f4'), count)
