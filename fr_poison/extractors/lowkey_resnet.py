"""LowKey's ResNets (face.evoLVe): 112x112 -> 512.

The graph of `ResNet_50/101/152` in cmu-spuds/lowkey_gradio's
backbone/model_resnet.py: torchvision's bottlenecks, and instead of the global
pool a norm and a dense layer over all positions.
"""

import jax.numpy as jnp
from flax import linen as nn

from fr_poison.extractors.iresnet import ARCFACE
from fr_poison.extractors.preprocess import Inputs
from fr_poison.extractors.resnet import UNITS, norm, trunk


class LowkeyResNet(nn.Module):
  """[B, 112, 112, 3] in 0..255 -> [B, embedding_size], not normalised.

  The fields are those of `resnet.ResNet`.
  """

  units: tuple[int, ...] = UNITS[50]
  bottleneck: bool = True
  width: int = 64
  embedding_size: int = 512
  remat: bool = False
  axis_name: str | None = None
  inputs: Inputs = ARCFACE

  @nn.compact
  def __call__(self, x, train=False):
    """Embeds pictures already at the network's size and range.

    Args:
      x: [B, H, W, 3].
      train: normalise by the batch and update `batch_stats`.
    """
    x = trunk(self, self.inputs.scale(x), train)
    batch_norm = norm(x, train, self.axis_name)
    x = batch_norm(name='norm')(x)
    # PyTorch flattens channels first, and the published weights expect it.
    x = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
    x = nn.Dense(self.embedding_size, dtype=x.dtype, name='dense')(x)
    return jnp.asarray(batch_norm(name='dense_norm')(x), jnp.float32)
