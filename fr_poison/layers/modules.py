"""Layers whose input gradient is fast on every platform, also in a loop.

XLA:CPU runs the gradient of a convolution 10-40 times slower inside `scan` or
`fori_loop` than outside (jax-ml/jax#12868), and grouped convolutions slowly
everywhere. An attack is nothing but such gradients in a loop. So on CPU the
gradients are written out here as ordinary convolutions (or shifted
multiply-adds); other platforms keep XLA's own, which cuDNN and the MXU know.
All arrays are NHWC, kernels HWIO; padding is always explicit, because 'SAME'
is not what PyTorch and dlib do at stride 2. Parameters are float32; a layer
computes in its input's dtype.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from fr_poison.layers.cpu_convolutions import (
  DIMENSIONS,
  Padding,
  fast_conv,
  input_grad,
  plain_conv,
  transpose_padding,
)


def same_padding(size: Sequence[int], kernel: int, stride: int) -> Padding:
  """Gives TensorFlow's 'SAME' padding of a picture of `size` (H, W).

  At stride 2 and even sizes it pads only below and to the right.
  """

  def one(length):
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2

  return one(size[0]), one(size[1])


def _with_input_grad(forward, input_grad, plain):
  """Makes `forward(x, kernel, stride, padding)` with the input gradient given.

  The kernel's gradient is that of `plain`; where nobody asks for it, as in an
  attack on a frozen network, the compiler drops it.
  """

  @functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
  def fn(x, kernel, stride, padding):
    return forward(x, kernel, stride, padding)

  def fwd(x, kernel, stride, padding):
    return forward(x, kernel, stride, padding), (x, kernel)

  def bwd(stride, padding, saved, grad):
    x, kernel = saved
    _, kernel_vjp = jax.vjp(lambda k: plain(x, k, stride, padding), kernel)
    dx = input_grad(grad, kernel, x.shape, stride, padding)
    return dx, *kernel_vjp(grad)

  fn.defvjp(fwd, bwd)
  return fn


_conv_on_cpu = _with_input_grad(fast_conv, input_grad, plain_conv)


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
    # A matrix product, and so is its gradient: on CPU up to twice as fast.
    return jnp.einsum('bhwi,io->bhwo', x, kernel[0, 0])
  return jax.lax.platform_dependent(
    x,
    kernel,
    cpu=lambda x, k: _conv_on_cpu(x, k, stride, padding),
    default=lambda x, k: plain_conv(x, k, stride, padding),
  )


def _shifted_multiply_add(x, kernel, stride, padding):
  """Depthwise convolution as one multiply-add per kernel element, fused."""
  x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
  height = (x.shape[1] - kernel.shape[0]) // stride + 1
  width = (x.shape[2] - kernel.shape[1]) // stride + 1
  total = 0.0
  for i in range(kernel.shape[0]):
    for j in range(kernel.shape[1]):
      rows = slice(i, i + (height - 1) * stride + 1, stride)
      columns = slice(j, j + (width - 1) * stride + 1, stride)
      total += x[:, rows, columns, :] * kernel[i, j]
  return total


def _depthwise_input_grad(grad, kernel, x_shape, stride, padding):
  """The turned kernel over the gradient with zeros between its pixels."""
  pads = transpose_padding(
    x_shape[1:3], grad.shape[1:3], kernel.shape[:2], stride, padding
  )
  between = ((0, 0, 0), *((*p, stride - 1) for p in pads), (0, 0, 0))
  dilated = jax.lax.pad(grad, jnp.zeros((), grad.dtype), between)
  turned = jnp.flip(kernel, (0, 1))
  return _shifted_multiply_add(dilated, turned, 1, ((0, 0), (0, 0)))


_depthwise_on_cpu = _with_input_grad(
  _shifted_multiply_add, _depthwise_input_grad, _shifted_multiply_add
)


def depthwise_conv(x, kernel, *, stride: int = 1, padding: Padding):
  """Convolves every channel alone: x [B, H, W, C], kernel [h, w, C]."""

  def grouped(x, kernel):
    return jax.lax.conv_general_dilated(
      x,
      kernel[:, :, None, :],
      (stride, stride),
      padding,
      dimension_numbers=DIMENSIONS,
      feature_group_count=x.shape[-1],
    )

  return jax.lax.platform_dependent(
    x,
    kernel,
    cpu=lambda x, k: _depthwise_on_cpu(x, k, stride, padding),
    default=grouped,
  )


class Conv(nn.Module):
  """`conv` with its parameters; `padding` None means TensorFlow's 'SAME'."""

  features: int
  kernel_size: int
  stride: int = 1
  padding: int | None = 0
  use_bias: bool = True

  @nn.compact
  def __call__(self, x):
    """Maps [B, H, W, I] to [B, H', W', features]."""
    k = self.kernel_size
    kernel = self.param(
      'kernel',
      nn.initializers.lecun_normal(),
      (k, k, x.shape[-1], self.features),
    )
    padding = _padding(self.padding, x.shape[1:3], k, self.stride)
    x = conv(x, kernel.astype(x.dtype), stride=self.stride, padding=padding)
    if self.use_bias:
      bias = self.param('bias', nn.initializers.zeros, (self.features,))
      x = x + bias.astype(x.dtype)
    return x


class DepthwiseConv(nn.Module):
  """`depthwise_conv` with its kernel; `padding` as in `Conv`."""

  kernel_size: int = 3
  stride: int = 1
  padding: int | None = 0

  @nn.compact
  def __call__(self, x):
    """Maps [B, H, W, C] to [B, H', W', C]."""
    k = self.kernel_size
    kernel = self.param(
      'kernel', nn.initializers.normal(1 / k), (k, k, x.shape[-1])
    )
    padding = _padding(self.padding, x.shape[1:3], k, self.stride)
    return depthwise_conv(
      x, kernel.astype(x.dtype), stride=self.stride, padding=padding
    )


def _padding(amount, size, kernel_size, stride):
  if amount is None:
    return same_padding(size, kernel_size, stride)
  return ((amount, amount), (amount, amount))


class PReLU(nn.Module):
  """max(x, 0) + slope * min(x, 0), one slope a channel (Flax's has one)."""

  @nn.compact
  def __call__(self, x):
    """Maps [..., C] to [..., C]."""
    slope = self.param('slope', nn.initializers.constant(0.25), x.shape[-1:])
    return jnp.maximum(x, 0) + slope.astype(x.dtype) * jnp.minimum(x, 0)


def max_pool(x):
  """Takes the 3x3 maximum at stride 2 without padding, [B, H, W, C].

  As maxima of shifted slices: their gradient is a few selects, whereas that
  of a window reduction is a slow scalar loop on CPU.
  """

  def along(x, axis):
    n = (x.shape[axis] - 3) // 2 + 1
    a, b, c = (
      jax.lax.slice_in_dim(x, i, i + 2 * n - 1, 2, axis) for i in range(3)
    )
    return jnp.maximum(jnp.maximum(a, b), c)

  return along(along(x, 1), 2)
