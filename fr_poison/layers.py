"""Layers whose gradients are fast on every platform, also in a loop.

XLA:CPU runs the gradient of a convolution 10-40 times slower inside `scan` or
`fori_loop` than outside (jax-ml/jax#12868), and grouped convolutions slowly
everywhere; the gradient by a kernel takes 3 to 20 times as long as the
convolution. An attack is nothing but such gradients in a loop, and so is
training. So on CPU they are written out here as ordinary convolutions, matrix
products or shifted multiply-adds, in the forms that were measured to be fast,
see docs/benchmarks.md; all give the same up to rounding. Other platforms keep
XLA's own, which cuDNN and the MXU know.

All arrays are NHWC, kernels HWIO; padding is always explicit, because 'SAME'
is not what PyTorch and dlib do at stride 2. Parameters are float32; a layer
computes in its input's dtype.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

Padding = tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, ..))

_DIMENSIONS = ('NHWC', 'HWIO', 'NHWC')
# jaxlib 0.10 gives a convolution to one core if rows are short and channels
# few; jaxlib 0.12 does not. Measured on these two.
_ONE_CORE = jax.__version_info__ < (0, 12)


def same_padding(size: Sequence[int], kernel: int, stride: int) -> Padding:
  """Gives TensorFlow's 'SAME' padding of a picture of `size` (H, W).

  At stride 2 and even sizes it pads only below and to the right.
  """

  def one(length):
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2

  return one(size[0]), one(size[1])


def _plain(x, kernel, stride, padding, **options):
  return jax.lax.conv_general_dilated(
    x,
    kernel,
    (stride, stride),
    padding,
    dimension_numbers=_DIMENSIONS,
    **options,
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
  y = _plain(x, kernel, stride, (padding[0], (low, size - stride - low)))
  y = y.reshape(y.shape[1], batch, pitch // stride, -1)
  return y[:, :, :out_width].transpose(1, 0, 2, 3)


def _dense(x, kernel, stride, padding):
  """Computes `_plain` on all cores."""
  if _ONE_CORE and len(x) > 1 and x.shape[2] // stride < 96:
    if kernel.shape[-1] <= 64:
      return _side_by_side(x, kernel, stride, padding)
  return _plain(x, kernel, stride, padding)


def _gathered(x, stride):
  """Makes stride x stride pixels of [H, W, C, ...] one of more channels."""
  height, width, channels, *rest = x.shape
  height, width = height // stride, width // stride
  x = x.reshape(height, stride, width, stride, channels, *rest)
  x = jnp.moveaxis(x, 2, 1)
  return x.reshape(height, width, stride**2 * channels, *rest)


def _on_cpu(x, kernel, stride, padding):
  """Computes `_plain` in the form that is fastest on CPU."""
  size = len(kernel)
  if not (_ONE_CORE and stride > 1 and x.shape[-1] <= 4 and size > 3):
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


def _turned(kernel):
  # The barrier keeps XLA from folding the turn back into the convolution,
  # which is the form that its CPU backend has no fast path for in a loop.
  return jax.lax.optimization_barrier(
    jnp.flip(kernel, (0, 1)).transpose(0, 1, 3, 2)
  )


def _axes(grad, kernel, x_shape, padding):
  """Yields rows' and columns' (input, output, kernel size, padding before)."""
  for axis in (0, 1):
    sizes = x_shape[1 + axis], grad.shape[1 + axis], kernel.shape[axis]
    yield *sizes, padding[axis][0]


def _transposed_padding(grad, kernel, x_shape, stride, padding):
  """Pads the gradient's convolution so that it ends at the input's size."""
  pads = []
  for n_in, n_out, size, low in _axes(grad, kernel, x_shape, padding):
    before, dilated = size - 1 - low, (n_out - 1) * stride + 1
    pads.append((before, n_in + size - 1 - dilated - before))
  return tuple(pads)


def _phase(axis, stride, first):
  """Which taps reach the input pixels first, first + stride, ...

  Returns:
    a slice of the kernel and the padding of the gradient, for a convolution
    that gives ceil(length / stride) pixels.
  """
  length, out_length, size, low = axis
  taps = slice((first + low) % stride, None, stride)
  shift, count = (first + low) // stride, len(range(size)[taps])
  after = -(-length // stride) + shift - out_length
  return taps, (count - 1 - shift, after)


def _input_grad_by_phases(grad, kernel, x_shape, stride, padding):
  """One dense convolution for every phase of the stride, interleaved.

  XLA, too, knows better than to multiply by the zeros in between, but it
  interleaves so slowly that for large pictures this is 4 times as fast.
  """
  rows, columns = (
    [_phase(axis, stride, first) for first in range(stride)]
    for axis in _axes(grad, kernel, x_shape, padding)
  )
  phases = [
    [
      _dense(grad, _turned(kernel[i, j]), 1, (row_pad, column_pad))
      for j, column_pad in columns
    ]
    for i, row_pad in rows
  ]
  y = jnp.stack([jnp.stack(row, 3) for row in phases], 2)
  b, h, i, w, j, c = y.shape
  return y.reshape(b, h * i, w * j, c)[:, : x_shape[1], : x_shape[2]]


def _input_grad_by_channels(grad, kernel, x_shape, stride, padding):
  """All phases of the stride as channels of one dense convolution.

  For a picture of 3 channels, which alone would fill no vector register.
  """
  pads, more = [], []
  for n_in, n_out, size, low in _axes(grad, kernel, x_shape, padding):
    last = (stride - 1 + low) // stride  # pixels of grad behind the first
    front = stride * last - low
    taps = -(-(front + size) // stride)
    more.append((front, taps * stride - size - front))
    pads.append((taps - 1 - last, -(-n_in // stride) + last - n_out))
  kernel = jnp.pad(kernel, (*more, (0, 0), (0, 0)))
  y = _dense(grad, _turned(_gathered(kernel, stride)), 1, tuple(pads))
  b, h, w, _ = y.shape
  y = jnp.moveaxis(y.reshape(b, h, w, stride, stride, -1), 3, 2)
  y = y.reshape(b, h * stride, w * stride, -1)
  return y[:, : x_shape[1], : x_shape[2]]


def _input_grad(grad, kernel, x_shape, stride, padding):
  """Computes the input gradient as a convolution with the turned kernel."""
  size = min(kernel.shape[:2])
  if stride > 1 and size > 3 and x_shape[-1] <= 4:
    return _input_grad_by_channels(grad, kernel, x_shape, stride, padding)
  if 1 < stride <= size and x_shape[1] * x_shape[2] > 48**2 and x_shape[-1] > 4:
    return _input_grad_by_phases(grad, kernel, x_shape, stride, padding)
  pads = _transposed_padding(grad, kernel, x_shape, stride, padding)
  if stride == 1:
    return _dense(grad, _turned(kernel), 1, pads)
  return _plain(grad, _turned(kernel), 1, pads, lhs_dilation=(stride, stride))


def _with_grads(forward, input_grad, kernel_grad):
  """Makes `forward(x, kernel, stride, padding)` with its gradients given.

  Where nobody asks for the kernel's, as in an attack on a frozen network, the
  compiler drops it.
  """
  fn = jax.custom_vjp(forward, nondiff_argnums=(2, 3))

  def fwd(x, kernel, stride, padding):
    return forward(x, kernel, stride, padding), (x, kernel)

  def bwd(stride, padding, saved, grad):
    x, kernel = saved
    dx = input_grad(grad, kernel, x.shape, stride, padding)
    # In a caller's shard_map a whole kernel gets the sum of all parts'.
    _, add = jax.vjp(lambda k: k + jnp.zeros_like(x[0, 0, 0, 0]), kernel)
    return dx, *add(kernel_grad(grad, x, kernel, stride, padding))

  fn.defvjp(fwd, bwd)
  return fn


def _shifts(x, size, stride, padding):
  """Yields row, column and the pixels of x that this kernel element meets."""
  x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
  height, width = (
    (length - n) // stride for length, n in zip(x.shape[1:3], size, strict=True)
  )
  for i in range(size[0]):
    for j in range(size[1]):
      rows = slice(i, i + height * stride + 1, stride)
      columns = slice(j, j + width * stride + 1, stride)
      yield i, j, x[:, rows, columns, :]


def _kernel_grad(grad, x, kernel, stride, padding):
  """One matrix product for each kernel element.

  The barrier keeps XLA from computing what `grad` is made of once for each.
  """
  grad, x = jax.lax.optimization_barrier((grad, x))
  grad, rows = grad.reshape(-1, kernel.shape[3]), kernel.shape[2]
  shifts = _shifts(x, kernel.shape[:2], stride, padding)
  products = [pixels.reshape(-1, rows).T @ grad for _, _, pixels in shifts]
  return jnp.stack(products).reshape(kernel.shape)


_conv_on_cpu = _with_grads(_on_cpu, _input_grad, _kernel_grad)


def conv(x, kernel, *, stride: int = 1, padding: Padding = ((0, 0), (0, 0))):
  """Convolves, with a gradient that stays fast inside loops on CPU.

  Args:
    x: [B, H, W, I].
    kernel: [h, w, I, O].
    stride: the same for rows and columns.
    padding: explicit, ((top, bottom), (left, right)).

  Returns:
    [B, H', W', O]
  """
  if kernel.shape[:2] == (1, 1) and stride == 1:
    # A matrix product, and so are its gradients: on CPU up to twice as fast,
    # and of two dimensions, without which the kernel's takes twice as long.
    y = x.reshape(-1, x.shape[-1]) @ kernel[0, 0]
    return y.reshape(*x.shape[:-1], kernel.shape[-1])
  return jax.lax.platform_dependent(
    x,
    kernel,
    cpu=lambda x, k: _conv_on_cpu(x, k, stride, padding),
    default=lambda x, k: _plain(x, k, stride, padding),
  )


def _shifted_multiply_add(x, kernel, stride, padding):
  """Depthwise convolution as one multiply-add per kernel element, fused."""
  shifts = _shifts(x, kernel.shape[:2], stride, padding)
  return sum(pixels * kernel[i, j] for i, j, pixels in shifts)


def _depthwise_input_grad(grad, kernel, x_shape, stride, padding):
  """The turned kernel over the gradient with zeros between its pixels."""
  pads = _transposed_padding(grad, kernel, x_shape, stride, padding)
  between = ((0, 0, 0), *((*p, stride - 1) for p in pads), (0, 0, 0))
  dilated = jax.lax.pad(grad, jnp.zeros((), grad.dtype), between)
  turned = jnp.flip(kernel, (0, 1))
  return _shifted_multiply_add(dilated, turned, 1, ((0, 0), (0, 0)))


def _depthwise_kernel_grad(grad, x, kernel, stride, padding):
  """Sums each shift by halves of the batch, which adds whole rows at a time.

  XLA:CPU sums over pictures, rows and columns one number after the other. The
  barrier: as in `_kernel_grad`.
  """
  grad, x = jax.lax.optimization_barrier((grad, x))

  def total(y):
    while len(y) > 1:
      half = len(y) // 2
      y = jnp.concatenate([y[:half] + y[half : 2 * half], y[2 * half :]])
    return jnp.sum(y, (0, 1, 2))

  shifts = _shifts(x, kernel.shape[:2], stride, padding)
  sums = [total(pixels * grad) for _, _, pixels in shifts]
  return jnp.stack(sums).reshape(kernel.shape)


_depthwise_on_cpu = _with_grads(
  _shifted_multiply_add, _depthwise_input_grad, _depthwise_kernel_grad
)


# Traced once for all layers, networks and programs with the same shapes.
@functools.partial(jax.jit, static_argnames=('stride', 'padding'))
def depthwise_conv(x, kernel, *, stride: int = 1, padding: Padding):
  """Convolves every channel alone: x [B, H, W, C], kernel [h, w, C]."""
  groups = x.shape[-1]
  return jax.lax.platform_dependent(
    x,
    kernel,
    cpu=lambda x, k: _depthwise_on_cpu(x, k, stride, padding),
    default=lambda x, k: _plain(
      x, k[:, :, None, :], stride, padding, feature_group_count=groups
    ),
  )


def _padding(amount, size, kernel_size, stride):
  if amount is None:
    return same_padding(size, kernel_size, stride)
  return ((amount, amount), (amount, amount))


class Conv(nn.Module):
  """`conv` with its parameters: [B, H, W, I] -> [B, H', W', features].

  `padding` is on all sides; None means TensorFlow's 'SAME'.
  """

  features: int
  kernel_size: int
  stride: int = 1
  padding: int | None = 0
  use_bias: bool = True

  @nn.compact
  def __call__(self, x):
    k = self.kernel_size
    shape = k, k, x.shape[-1], self.features
    kernel = self.param('kernel', nn.initializers.lecun_normal(), shape)
    padding = _padding(self.padding, x.shape[1:3], k, self.stride)
    x = conv(x, kernel.astype(x.dtype), stride=self.stride, padding=padding)
    if self.use_bias:
      bias = self.param('bias', nn.initializers.zeros, (self.features,))
      x = x + bias.astype(x.dtype)[None, None, None]
    return x


class DepthwiseConv(nn.Module):
  """`depthwise_conv` with its kernel; `padding` as in `Conv`."""

  kernel_size: int = 3
  stride: int = 1
  padding: int | None = 0

  @nn.compact
  def __call__(self, x):
    k, shape = self.kernel_size, (self.kernel_size,) * 2 + x.shape[-1:]
    kernel = self.param('kernel', nn.initializers.normal(1 / k), shape)
    padding = _padding(self.padding, x.shape[1:3], k, self.stride)
    return depthwise_conv(
      x, kernel.astype(x.dtype), stride=self.stride, padding=padding
    )


class PReLU(nn.Module):
  """max(x, 0) + slope * min(x, 0), one slope a channel, or one if `shared`."""

  shared: bool = False

  @nn.compact
  def __call__(self, x):
    shape = (1,) if self.shared else x.shape[-1:]
    slope = self.param('slope', nn.initializers.constant(0.25), shape)
    return jnp.maximum(x, 0) + slope.astype(x.dtype) * jnp.minimum(x, 0)


def max_pool(x, window=3):
  """Takes the maximum of square windows at stride 2, [B, H, W, C], unpadded.

  As maxima of shifted slices: their gradient is a few selects, whereas that
  of a window reduction is a slow scalar loop on CPU.
  """

  def along(x, axis):
    n = (x.shape[axis] - window) // 2 + 1
    slices = (
      jax.lax.slice_in_dim(x, i, i + 2 * n - 1, 2, axis) for i in range(window)
    )
    return functools.reduce(jnp.maximum, slices)

  return along(along(x, 1), 2)
