"""The convolutions of `fr_poison.layers` against XLA's own.

Forward, gradient by the pictures and by the kernel of the shapes that the
networks have most of, in the forms that the platform gets, see
`fr_poison.layers`.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import timing
from fr_poison.layers import conv


class Shape(NamedTuple):
  """A convolution without its weights."""

  size: int  # rows and columns
  channels: int
  features: int
  kernel: int
  stride: int
  padding: int

  def operations(self) -> float:
    """Counts 2 a multiplication and addition, of one picture, forward."""
    rows = (self.size + 2 * self.padding - self.kernel) // self.stride + 1
    return 2.0 * (rows * self.kernel) ** 2 * self.channels * self.features


_SHAPES = (
  Shape(150, 3, 32, 7, 2, 0),  # dlib_resnet's stem
  Shape(112, 64, 64, 3, 1, 1),  # iresnet18, in order
  Shape(112, 64, 64, 3, 2, 1),
  Shape(56, 64, 64, 3, 1, 1),
  Shape(56, 128, 128, 3, 2, 1),
  Shape(28, 128, 128, 3, 1, 1),
  Shape(28, 256, 256, 3, 2, 1),
  Shape(14, 256, 256, 3, 1, 1),
)


def _plain(x, kernel, stride, padding):
  axes = ('NHWC', 'HWIO', 'NHWC')
  return jax.lax.conv_general_dilated(
    x, kernel, (stride, stride), padding, dimension_numbers=axes
  )


def _ours(x, kernel, stride, padding):
  return conv(x, kernel, stride=stride, padding=padding)


def calls(
  shape: Shape, batch_size: int, dtype: str
) -> dict[str, Callable[[], Any]]:
  """Makes what is timed: XLA's forward pass and gradients, and ours.

  By name: 'plain' and 'ours', 'plain x' for the gradient by the pictures alone,
  'plain kernel'. Nothing is compiled before it is called.

  Args:
    shape: of the convolution.
    batch_size: pictures.
    dtype: of pictures and kernels.
  """
  size, channels, features, k, stride, pad = shape
  rng = np.random.default_rng(0)
  draw = lambda *shape: jnp.asarray(rng.standard_normal(shape), dtype)
  x = draw(batch_size, size, size, channels)
  kernel = draw(k, k, channels, features)
  made = {}
  for name, form in (('plain', _plain), ('ours', _ours)):

    def forward(x, kernel, form=form):
      return form(x, kernel, stride, ((pad, pad), (pad, pad)))

    grad = draw(*jax.eval_shape(forward, x, kernel).shape)
    compiled = jax.jit(forward)
    made[name] = lambda f=compiled: f(x, kernel)
    for i, argument in enumerate(('x', 'kernel')):

      def backward(x, kernel, grad, i=i, forward=forward):
        return jax.vjp(forward, x, kernel)[1](grad)[i]

      by = jax.jit(backward)
      made[f'{name} {argument}'] = lambda f=by, g=grad: f(x, kernel, g)
  return made


def lines(dtype: str, batch_size: int, repeats: int) -> Iterator[str]:
  """Times each shape, a line of the table each.

  Args:
    dtype: of pictures and kernels.
    batch_size: pictures.
    repeats: turns of each form.
  """
  yield f'convolutions, {batch_size} pictures, {dtype}; milliseconds'
  yield (
    'size    in   out  kernel  stride  forward: XLA  ours  ratio  '
    'gradient: XLA  ours  ratio  by kernel: XLA  ours  ratio'
  )
  for shape in _SHAPES:
    t, _ = timing.medians(calls(shape, batch_size, dtype), repeats, calls=3)
    t = {name: 1e3 * seconds for name, seconds in t.items()}
    size, channels, features, k, stride, _ = shape
    yield (
      f'{size:4} {channels:5} {features:5} {k:7} {stride:7} '
      f'{_times(t, "", 13)} {_times(t, " x", 14)} {_times(t, " kernel", 15)}'
    )


def _times(t, kind, width):
  plain, ours = t[f'plain{kind}'], t[f'ours{kind}']
  return f'{plain:{width}.1f} {ours:5.1f} {ours / plain:6.2f}'
