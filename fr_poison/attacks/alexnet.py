"""The network under LPIPS: AlexNet's convolutions and the learned weights.

LPIPS compares the activations of two pictures after each of the five ReLUs,
normalised over the channels, and weighs the channels' squared differences by
learned, non-negative numbers (Zhang et al., CVPR 2018, version 0.1). Taking
the square root of those weights into the activations leaves a plain squared
Euclidean distance, and what belongs to the original picture is computed once.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from fr_poison.layers import Conv, max_pool

# (features, kernel, stride, padding) as in torchvision.
CONVS = (
  (64, 11, 4, 2),
  (192, 5, 1, 2),
  (384, 3, 1, 1),
  (256, 3, 1, 1),
  (256, 3, 1, 1),
)
MIN_SIZE = 31  # below, nothing is left after the second pooling
# Of pictures in [-1, 1].
_MEAN = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)


def normalize(images):
  """Scales pictures in [0, 1] as torchvision's networks take them."""
  x = 2 * images - 1
  mean, scale = (jnp.asarray([[[c]]], x.dtype) for c in (_MEAN, _SCALE))
  return (x - mean) / scale


class LpipsFeatures(nn.Module):
  """[B, H, W, 3] in [0, 1] -> five weighted activations [B, h, w, C]."""

  @nn.compact
  def __call__(self, images):
    """Their summed squared differences are the LPIPS of two pictures."""
    x, features = normalize(images), []
    for i, (channels, kernel, stride, padding) in enumerate(CONVS):
      if i in (1, 2):
        x = max_pool(x)
      conv = Conv(
        channels, kernel, stride=stride, padding=padding, name=f'conv{i + 1}'
      )
      x = nn.relu(conv(x))
      weight = self.param(f'weight{i + 1}', nn.initializers.ones, (channels,))
      # The floor keeps the gradient finite where all channels are zero.
      square = jnp.sum(x**2, -1, keepdims=True)
      unit = x * jax.lax.rsqrt(jnp.maximum(square, 1e-20))
      positions = x.shape[1] * x.shape[2]
      features.append(unit * jnp.sqrt(weight / positions)[None, None, None])
    return features
