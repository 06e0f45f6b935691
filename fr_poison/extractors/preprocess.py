"""From RGB pictures in [0, 1] of any size to a network's own input.

Differentiable, because attacks go through it: the budget is counted outside,
on the picture the user posts, whatever size the network works at.
"""

import jax

from fr_poison.types import Images


def resize(images: Images, size: int) -> Images:
  """Bilinear, antialiased when shrinking: [B, H, W, 3] -> [B, size, size, 3].

  As two matrix products, so its gradient is fast in loops on CPU, too.
  """
  if images.shape[1:3] == (size, size):
    return images
  shape = (len(images), size, size, images.shape[-1])
  return jax.image.resize(images, shape, 'linear')
