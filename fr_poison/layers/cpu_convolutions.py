"""Dense convolutions and their input gradients in the forms XLA:CPU runs fast.

Only `convolutions` calls these, and only on CPU. What is fast was measured,
see docs/benchmarks.md; all forms give the same up to rounding.
"""

import jax
import jax.numpy as jnp

Padding = tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, ..))

DIMENSIONS = ('NHWC', 'HWIO', 'NHWC')
# jaxlib 0.10 gives a convolution to one core if rows are short and channels
# few; jaxlib 0.12 does not. Measured on these two.
_ONE_CORE = jax.__version_info__ < (0, 12)


def plain_conv(x, kernel, stride, padding):
  """Convolves x [B, H, W, I] with [h, w, I, O] -> [B, H', W', O], XLA's own."""
  return jax.lax.conv_general_dilated(
    x, kernel, (stride, stride), padding, dimension_numbers=DIMENSIONS
  )


def _side_by_side(x, kernel, stride, padding):
  """Convolves a batch as one wide picture, with zeros in between."""
  batch, height, width, channels = x.shape
  size, (low, high) = kernel.shape[1], padding[1]
  out_width = (width + low + high - size) // stride + 1
  pitch = max(width + low, (out_width - 1) * stride + size - low)
  pitch = -(-pitch // stride) * stride
  x = jnp.pad(x, ((0, 0), (0, 0), (0, pitch - width), (0, 0)))
  x = x.transpose(1, 0, 2, 3).reshape(1, height, batch * pitch, channels)
  y = plain_conv(x, kernel, stride, (padding[0], (low, size - stride - low)))
  y = y.reshape(y.shape[1], batch, pitch // stride, -1)
  return y[:, :, :out_width].transpose(1, 0, 2, 3)


def _dense(x, kernel, stride, padding):
  """Computes `plain_conv`, on all cores."""
  if _ONE_CORE and len(x) > 1 and x.shape[2] // stride < 96:
    if kernel.shape[-1] <= 64:
      return _side_by_side(x, kernel, stride, padding)
  return plain_conv(x, kernel, stride, padding)


def fast_conv(x, kernel, stride, padding):
  """Computes `plain_conv` in the form that is fastest on CPU."""
  size, channels = len(kernel), x.shape[-1]
  if not (_ONE_CORE and stride > 1 and channels <= 4 and size > 3):
    return _dense(x, kernel, stride, padding)
  taps = -(-size // stride)
  pads, more = [(0, 0, 0)], taps * stride - size
  for length, (low, high) in zip(x.shape[1:3], padding, strict=True):
    needed = ((length + low + high - size) // stride + taps) * stride
    pads.append((low, needed - length - low, 0))
  x = jax.lax.pad(x, jnp.zeros((), x.dtype), (*pads, (0, 0, 0)))
  kernel = jnp.pad(kernel, ((0, more), (0, more), (0, 0), (0, 0)))
  gathered = jax.vmap(lambda picture: _gathered(picture, stride))(x)
  return _dense(gathered, _gathered(kernel, stride), 1, ((0, 0), (0, 0)))


def _gathered(x, stride):
  """Makes stride x stride pixels of [H, W, C, ...] one of more channels."""
  height, width, channels, *rest = x.shape
  height, width = height // stride, width // stride
  x = x.reshape(height, stride, width, stride, channels, *rest)
  x = jnp.moveaxis(x, 2, 1)
  return x.reshape(height, width, stride**2 * channels, *rest)


def _turned(kernel):
  # The barrier keeps XLA from folding the turn back into the convolution,
  # which is the form that its CPU backend has no fast path for in a loop.
  return jax.lax.optimization_barrier(
    jnp.flip(kernel, (0, 1)).transpose(0, 1, 3, 2)
  )


def transpose_padding(in_size, out_size, kernel_size, stride, padding):
  """Pads the gradient's convolution so that it ends at `in_size`."""
  pads = []
  for n_in, n_out, k, (low, _) in zip(
    in_size, out_size, kernel_size, padding, strict=True
  ):
    before = k - 1 - low
    dilated = (n_out - 1) * stride + 1
    pads.append((before, n_in + k - 1 - dilated - before))
  return tuple(pads)


def _phase(length, out_length, size, stride, low, first):
  """Which taps reach the input pixels first, first + stride, ...

  Returns:
    a slice of the kernel and the padding of the gradient, for a convolution
    that gives ceil(length / stride) pixels.
  """
  taps = slice((first + low) % stride, None, stride)
  shift = (first + low) // stride
  count = len(range(size)[taps])
  after = -(-length // stride) + shift - out_length
  return taps, (count - 1 - shift, after)


def _input_grad_by_phases(grad, kernel, x_shape, stride, padding):
  """One dense convolution for every phase of the stride, interleaved.

  XLA, too, knows better than to multiply by the zeros in between, but it
  interleaves so slowly that for large pictures this is 4 times as fast.
  """
  rows, columns = (
    [_phase(n_in, n_out, size, stride, low, first) for first in range(stride)]
    for n_in, n_out, size, (low, _) in zip(
      x_shape[1:3], grad.shape[1:3], kernel.shape[:2], padding, strict=True
    )
  )
  phases = [
    [
      _dense(grad, _turned(kernel[i, j]), 1, (row_pad, column_pad))
      for j, column_pad in columns
    ]
    for i, row_pad in rows
  ]
  return _interleave(phases)[:, : x_shape[1], : x_shape[2]]


def _interleave(phases):
  """Turns [i][j] of [B, H, W, C] into [B, H * len(i), W * len(j), C]."""
  y = jnp.stack([jnp.stack(row, 3) for row in phases], 2)
  b, h, i, w, j, c = y.shape
  return y.reshape(b, h * i, w * j, c)


def _input_grad_by_channels(grad, kernel, x_shape, stride, padding):
  """All phases of the stride as channels of one dense convolution.

  For a picture of 3 channels, which alone would fill no vector register.
  """
  pads, more, taps = [], [], []
  for n_in, n_out, size, (low, _) in zip(
    x_shape[1:3], grad.shape[1:3], kernel.shape[:2], padding, strict=True
  ):
    last = (stride - 1 + low) // stride  # pixels of grad behind the first
    front = stride * last - low
    taps.append(-(-(front + size) // stride))
    more.append((front, taps[-1] * stride - size - front))
    pads.append((taps[-1] - 1 - last, -(-n_in // stride) + last - n_out))
  kernel = jnp.pad(kernel, (*more, (0, 0), (0, 0)))
  y = _dense(grad, _turned(_gathered(kernel, stride)), 1, tuple(pads))
  b, h, w, _ = y.shape
  y = jnp.moveaxis(y.reshape(b, h, w, stride, stride, -1), 3, 2)
  y = y.reshape(b, h * stride, w * stride, -1)
  return y[:, : x_shape[1], : x_shape[2]]


def input_grad(grad, kernel, x_shape, stride, padding):
  """Computes the input gradient as a convolution with the turned kernel."""
  size = min(kernel.shape[:2])
  if stride > 1 and size > 3 and x_shape[-1] <= 4:
    return _input_grad_by_channels(grad, kernel, x_shape, stride, padding)
  if 1 < stride <= size and x_shape[1] * x_shape[2] > 48**2 and x_shape[-1] > 4:
    return _input_grad_by_phases(grad, kernel, x_shape, stride, padding)
  pads = transpose_padding(
    x_shape[1:3], grad.shape[1:3], kernel.shape[:2], stride, padding
  )
  if stride == 1:
    return _dense(grad, _turned(kernel), 1, pads)
  return jax.lax.conv_general_dilated(
    grad,
    _turned(kernel),
    (1, 1),
    pads,
    lhs_dilation=(stride, stride),
    dimension_numbers=DIMENSIONS,
  )
