"""Convolutions whose input gradient is fast on every platform, also in a loop.

XLA:CPU runs the gradient of a convolution 10-40 times slower inside `scan` or
`fori_loop` than outside (jax-ml/jax#12868), and grouped convolutions slowly
everywhere. An attack is nothing but such gradients in a loop. So on CPU the
gradients are written out here as ordinary convolutions (or shifted
multiply-adds); other platforms keep XLA's own, which cuDNN and the MXU know.
All arrays are NHWC, kernels HWIO; padding is always explicit, because 'SAME'
is not what PyTorch and dlib do at stride 2.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

Padding = tuple[tuple[int, int], tuple[int, int]]  # ((top, bottom), (left, ..))

_DIMENSIONS = ('NHWC', 'HWIO', 'NHWC')


def same_padding(size: Sequence[int], kernel: int, stride: int) -> Padding:
  """TensorFlow's 'SAME' padding for a picture of `size` (H, W), made explicit.

  At stride 2 and even sizes it pads only below and to the right.
  """

  def one(length):
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2

  return one(size[0]), one(size[1])


def _transpose_padding(in_size, out_size, kernel_size, stride, padding):
  """Padding of the gradient's convolution, so that it ends at `in_size`."""
  pads = []
  for n_in, n_out, k, (low, _) in zip(
    in_size, out_size, kernel_size, padding, strict=True
  ):
    before = k - 1 - low
    dilated = (n_out - 1) * stride + 1
    pads.append((before, n_in + k - 1 - dilated - before))
  return tuple(pads)


def _conv(x, kernel, stride, padding):
  return jax.lax.conv_general_dilated(
    x, kernel, (stride, stride), padding, dimension_numbers=_DIMENSIONS
  )


def _conv_input_grad(grad, kernel, x_shape, stride, padding):
  """The input gradient as an ordinary convolution with the turned kernel."""
  # The barrier keeps XLA from folding the turn back into the convolution,
  # which is the form that its CPU backend has no fast path for in a loop.
  turned = jax.lax.optimization_barrier(
    jnp.flip(kernel, (0, 1)).transpose(0, 1, 3, 2)
  )
  pads = _transpose_padding(
    x_shape[1:3], grad.shape[1:3], kernel.shape[:2], stride, padding
  )
  return jax.lax.conv_general_dilated(
    grad,
    turned,
    (1, 1),
    pads,
    lhs_dilation=(stride, stride),
    dimension_numbers=_DIMENSIONS,
  )


def _with_input_grad(forward, input_grad):
  """`forward(x, kernel, stride, padding)` with the input gradient given.

  The kernel's gradient stays XLA's; where nobody asks for it, as in an attack
  on a frozen network, the compiler drops it.
  """

  @functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
  def fn(x, kernel, stride, padding):
    return forward(x, kernel, stride, padding)

  def fwd(x, kernel, stride, padding):
    return forward(x, kernel, stride, padding), (x, kernel)

  def bwd(stride, padding, saved, grad):
    x, kernel = saved
    _, kernel_vjp = jax.vjp(lambda k: forward(x, k, stride, padding), kernel)
    dx = input_grad(grad, kernel, x.shape, stride, padding)
    return dx, *kernel_vjp(grad)

  fn.defvjp(fwd, bwd)
  return fn


_conv_on_cpu = _with_input_grad(_conv, _conv_input_grad)


def conv(x, kernel, *, stride: int = 1, padding: Padding = ((0, 0), (0, 0))):
  """2-D convolution with a gradient that stays fast inside loops on CPU.

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
    default=lambda x, k: _conv(x, k, stride, padding),
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
  pads = _transpose_padding(
    x_shape[1:3], grad.shape[1:3], kernel.shape[:2], stride, padding
  )
  between = ((0, 0, 0), *((*p, stride - 1) for p in pads), (0, 0, 0))
  dilated = jax.lax.pad(grad, jnp.zeros((), grad.dtype), between)
  turned = jnp.flip(kernel, (0, 1))
  return _shifted_multiply_add(dilated, turned, 1, ((0, 0), (0, 0)))


_depthwise_on_cpu = _with_input_grad(
  _shifted_multiply_add, _depthwise_input_grad
)


def depthwise_conv(x, kernel, *, stride: int = 1, padding: Padding):
  """Depthwise 2-D convolution: x [B, H, W, C], kernel [h, w, C]."""

  def grouped(x, kernel):
    return jax.lax.conv_general_dilated(
      x,
      kernel[:, :, None, :],
      (stride, stride),
      padding,
      dimension_numbers=_DIMENSIONS,
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
    """[B, H, W, I] -> [B, H', W', features]."""
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
    """[B, H, W, C] -> [B, H', W', C]."""
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
    """[..., C] -> [..., C]."""
    slope = self.param('slope', nn.initializers.constant(0.25), x.shape[-1:])
    return jnp.maximum(x, 0) + slope.astype(x.dtype) * jnp.minimum(x, 0)
