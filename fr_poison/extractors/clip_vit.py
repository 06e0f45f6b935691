"""CLIP's image towers (Radford et al., 2021): ViTs, 224x224 -> 512 or 768.

The graph of `VisionTransformer` in openai/CLIP's clip/model.py: transformer
blocks with the norm first, a norm before the first of them, and the class
token's embedding projected to the space shared with texts.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from fr_poison.extractors.preprocess import Inputs
from fr_poison.layers import Conv


class Tower(NamedTuple):
  """The fields of `ClipVit` in which the published towers differ."""

  patch: int  # rows and columns of one
  width: int
  depth: int
  embedding_size: int


TOWERS = {
  'vitb32': Tower(32, 768, 12, 512),
  'vitb16': Tower(16, 768, 12, 512),
  'vitl14': Tower(14, 1024, 24, 768),
}
_HEAD_SIZE = 64
# .48145466, .4578275, .40821073 and .26862954, .26130258, .27577711 of [0, 1].
INPUTS = Inputs(
  (122.7709383, 116.7460125, 104.09373615),
  (68.5005327, 66.6321579, 70.32316305),
)


def _norm(name, x):
  """Computes in float32 whatever the dtype of `x`, which it returns."""
  norm = nn.LayerNorm(
    epsilon=1e-5, dtype=x.dtype, use_fast_variance=False, name=name
  )
  return norm(x)


class Block(nn.Module):
  """Norm, attention around a skip; norm, two dense layers around a skip."""

  @nn.compact
  def __call__(self, x):
    """[B, tokens, width] -> the same shape."""
    dense = lambda name, size: nn.Dense(size, dtype=x.dtype, name=name)
    batch, tokens, width = x.shape
    qkv = dense('qkv', 3 * width)(_norm('norm1', x))
    qkv = qkv.reshape(batch, tokens, 3, -1, _HEAD_SIZE)
    y = jax.nn.dot_product_attention(*jnp.moveaxis(qkv, 2, 0))
    x = x + dense('out', width)(y.reshape(x.shape))
    y = dense('dense1', 4 * width)(_norm('norm2', x))
    # CLIP's approximation of the GELU; the exact one differs by 4% of a std.
    y = y * nn.sigmoid(1.702 * y)
    return x + dense('dense2', width)(y)


class ClipVit(nn.Module):
  """[B, 224, 224, 3] in 0..255 -> [B, embedding_size], not normalised.

  `remat` keeps only the blocks' inputs for the gradient and computes the rest
  again.
  """

  patch: int = 32
  width: int = 768
  depth: int = 12
  embedding_size: int = 512
  remat: bool = False

  @nn.compact
  def __call__(self, x):
    """Embeds pictures already at the network's size and range."""
    x = INPUTS.scale(x)
    patches = Conv(
      self.width, self.patch, stride=self.patch, use_bias=False, name='patches'
    )
    x = patches(x).reshape(len(x), -1, self.width)
    init = nn.initializers.normal(self.width**-0.5)
    first = self.param('class_embedding', init, (self.width,)).astype(x.dtype)
    first = jnp.broadcast_to(first, (len(x), 1, self.width))
    x = jnp.concatenate([first, x], 1)
    positions = self.param('positional_embedding', init, x.shape[1:])
    x = _norm('norm_pre', x + positions.astype(x.dtype))
    block = nn.remat(Block) if self.remat else Block
    for i in range(self.depth):
      x = block(name=f'block{i + 1}')(x)
    x = _norm('norm_post', x[:, 0])
    x = nn.Dense(
      self.embedding_size, use_bias=False, dtype=x.dtype, name='projection'
    )(x)
    return jnp.asarray(x, jnp.float32)
