"""VGG16's convolutions up to conv3_3 (Simonyan & Zisserman, 2015).

Trained on ImageNet, as AlexNet is, but no attack here looks at it.
"""

from flax import linen as nn

from fr_poison.attacks import alexnet
from fr_poison.layers import Conv, max_pool

CHANNELS = (64, 64), (128, 128), (256, 256, 256)  # with a pooling in between
MIN_SIZE = 4  # below, nothing is left after the second pooling


class Vgg16(nn.Module):
  """[B, H, W, 3] in [0, 1] -> [B, H/4, W/4, 256]."""

  @nn.compact
  def __call__(self, images):
    """Takes pictures of any size from 4x4 on."""
    x, number = alexnet.normalize(images), 0
    for i, stage in enumerate(CHANNELS):
      if i:
        x = max_pool(x, 2)
      for channels in stage:
        number += 1
        x = nn.relu(Conv(channels, 3, padding=1, name=f'conv{number}')(x))
    return x
