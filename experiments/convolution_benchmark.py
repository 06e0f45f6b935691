"""The convolutions of `fr_poison.layers` against XLA's own, by turns.

Forward and input gradient of the shapes that the networks have most of, in
the forms that the platform gets, see `fr_poison.layers`.
"""

import time
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from fr_poison.layers import conv

# (rows and columns, channels in, channels out, kernel, stride, padding)
_SHAPES = (
  (150, 3, 32, 7, 2, 0),  # dlib_resnet's stem
  (112, 64, 64, 3, 1, 1),  # iresnet18, in order
  (112, 64, 64, 3, 2, 1),
  (56, 64, 64, 3, 1, 1),
  (56, 128, 128, 3, 2, 1),
  (28, 128, 128, 3, 1, 1),
  (28, 256, 256, 3, 2, 1),
  (14, 256, 256, 3, 1, 1),
)
_CALLS = 3  # in a row, before the other one's turn


def _plain(x, kernel, stride, padding):
  return jax.lax.conv_general_dilated(
    x,
    kernel,
    (stride, stride),
    padding,
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )


def _ours(x, kernel, stride, padding):
  return conv(x, kernel, stride=stride, padding=padding)


def _milliseconds(fns, repeats):
  """The fastest call of each, taken in turns, after a warm-up."""
  best = [np.inf] * len(fns)
  for i in range(repeats + 1):
    for j, fn in enumerate(fns):
      for _ in range(_CALLS):
        start = time.perf_counter()
        jax.block_until_ready(fn())
        if i:
          best[j] = min(best[j], 1e3 * (time.perf_counter() - start))
  return best


def _times(shape, batch_size, dtype, repeats):
  """[XLA's forward, ours, XLA's gradient, ours] in milliseconds."""
  size, channels, features, k, stride, pad = shape
  rng = np.random.default_rng(0)
  draw = lambda *shape: jnp.asarray(rng.standard_normal(shape), dtype)
  x = draw(batch_size, size, size, channels)
  kernel = draw(k, k, channels, features)
  calls = []
  for form in (_plain, _ours):

    def forward(x, kernel, form=form):
      return form(x, kernel, stride, ((pad, pad), (pad, pad)))

    grad = draw(*jax.eval_shape(forward, x, kernel).shape)

    def backward(x, kernel, grad, forward=forward):
      return jax.vjp(lambda x: forward(x, kernel), x)[1](grad)

    forward, backward = jax.jit(forward), jax.jit(backward)
    calls.append(lambda f=forward: f(x, kernel))
    calls.append(lambda f=backward, g=grad: f(x, kernel, g))
  return _milliseconds([calls[i] for i in (0, 2, 1, 3)], repeats)


def lines(dtype: str, batch_size: int, repeats: int) -> Iterator[str]:
  """The table, line by line.

  Args:
    dtype: of pictures and kernels.
    batch_size: pictures.
    repeats: turns of each form; the fastest call counts.
  """
  yield f'convolutions, {batch_size} pictures, {dtype}; milliseconds'
  yield (
    'size    in   out  kernel  stride  forward: XLA  ours  ratio  '
    'gradient: XLA  ours  ratio'
  )
  for shape in _SHAPES:
    size, channels, features, k, stride, _ = shape
    plain, ours, plain_grad, our_grad = _times(
      shape, batch_size, dtype, repeats
    )
    yield (
      f'{size:4} {channels:5} {features:5} {k:7} {stride:7} {plain:13.1f} '
      f'{ours:5.1f} {ours / plain:6.2f} {plain_grad:14.1f} {our_grad:5.1f} '
      f'{our_grad / plain_grad:6.2f}'
    )
