"""From RGB pictures in [0, 1] of any size to a network's own input.

Differentiable, because attacks go through it: the budget is counted outside,
on the picture the user posts, whatever size the network works at.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from fr_poison.types import Array, Images


class Inputs(NamedTuple):
  """What a network was trained on: (x - mean) / std of x in 0..255.

  `mean` and `std` are one number, or three in the order of `channels`.
  """

  mean: float | tuple[float, float, float] = 0.0
  std: float | tuple[float, float, float] = 1.0
  channels: str = 'RGB'

  def __str__(self):
    """As a formula: 'BGR, (x - 0) / 255'."""
    return f'{self.channels}, (x - {self.mean}) / {self.std}'

  def scale(self, x: Array) -> Array:
    """RGB in 0..255, [..., 3] -> what the network takes, of the same shape."""
    if self.channels == 'BGR':
      x = x[..., ::-1]
    return (x - jnp.asarray(self.mean, x.dtype)) / jnp.asarray(
      self.std, x.dtype
    )


def resize(images: Images, size: int) -> Images:
  """Bilinear, antialiased when shrinking: [B, H, W, 3] -> [B, size, size, 3].

  As two matrix products, so its gradient is fast in loops on CPU, too.
  """
  if images.shape[1:3] == (size, size):
    return images
  shape = (len(images), size, size, images.shape[-1])
  return jax.image.resize(images, shape, 'linear')
