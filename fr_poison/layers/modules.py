"""The layers that several networks share: Flax modules over `convolutions`.

All arrays are NHWC, kernels HWIO. Parameters are float32; a layer computes in
its input's dtype.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from fr_poison.layers.convolutions import conv, depthwise_conv, same_padding


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


def max_pool(x):
  """3x3 maximum at stride 2 without padding, [B, H, W, C].

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
