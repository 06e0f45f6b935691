"""CLIP's image towers (Radford et al., 2021): ViTs, 224x224 -> 512 or 768.

The graph of `VisionTransformer` in openai/CLIP's clip/model.py: transformer
blocks with the norm first, a norm before the first of them, and the class
token's embedding projected to the space shared with texts.
"""

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn

from fr_poison.extractors.convert.state_dict import torch_table
from fr_poison.extractors.network import Inputs, Network, NetworkSpec
from fr_poison.layers import Conv

_HEAD_SIZE = 64
# .48145466, .4578275, .40821073 and .26862954, .26130258, .27577711 of [0, 1].
INPUTS = Inputs(
  (122.7709383, 116.7460125, 104.09373615),
  (68.5005327, 66.6321579, 70.32316305),
)


def _norm(name, x):
  """Computes in float32 whatever the dtype of `x`, and returns that."""
  norm = nn.LayerNorm(
    epsilon=1e-5, dtype=x.dtype, use_fast_variance=False, name=name
  )
  return norm(x)


class Block(nn.Module):
  """Norm, attention around a skip; norm, two dense layers around a skip.

  [B, tokens, width] -> the same shape.
  """

  @nn.compact
  def __call__(self, x):
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


class ClipVit(Network):
  """[B, 224, 224, 3] -> [B, embedding_size], not normalised.

  `patch` is rows and columns of one.
  """

  patch: int = 32
  width: int = 768
  depth: int = 12
  embedding_size: int = 512

  @nn.compact
  def __call__(self, x):
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
    block = self.block(Block)
    for i in range(self.depth):
      x = block(name=f'block{i + 1}')(x)
    x = _norm('norm_post', x[:, 0])
    x = nn.Dense(
      self.embedding_size, use_bias=False, dtype=x.dtype, name='projection'
    )(x)
    return jnp.asarray(x, jnp.float32)


# OpenAI's names (clip/model.py), all below `visual`.
TABLE = torch_table(
  ('^patches/', 'conv1/'),
  ('^norm_(pre|post)/', r'ln_\1/'),
  # [width, embedding size] on both sides.
  ('^projection/kernel$', 'proj'),
  (
    r'^block(\d+)/',
    lambda match: f'transformer.resblocks.{int(match[1]) - 1}/',
  ),
  ('/norm([12])/', r'/ln_\1/'),
  # Queries, keys and values side by side, with names of their own.
  ('/qkv/kernel$', '/attn/in_proj_weight'),
  ('/qkv/bias$', '/attn/in_proj_bias'),
  ('/out/', '/attn/out_proj/'),
  ('/dense1/', '/mlp/c_fc/'),
  ('/dense2/', '/mlp/c_proj/'),
  ('^', 'visual.'),
)
# What else the published files hold.
TEXT_TOWER = (
  r'transformer\..+|token_embedding\.weight|ln_final\.(weight|bias)|'
  r'positional_embedding|text_projection|logit_scale|'
  r'input_resolution|context_length|vocab_size'
)


_TOWERS = {  # patch, width, depth, embedding size
  'vitb32': (32, 768, 12, 512),
  'vitb16': (16, 768, 12, 512),
  'vitl14': (14, 1024, 24, 768),
}
_FILES = {  # SHA-256 and name
  'vitb32': '40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af'
  '/ViT-B-32.pt',
  'vitb16': '5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f'
  '/ViT-B-16.pt',
  'vitl14': 'b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836'
  '/ViT-L-14.pt',
}
SPECS = tuple(
  NetworkSpec(
    f'clip_{name}',
    functools.partial(ClipVit, *tower),
    224,
    tower[-1],
    pretrained=False,
    inputs=INPUTS,
    year=2022 if name == 'vitl14' else 2021,
    family='ViT',
    licence='MIT (the repository)',
    url=f'https://openaipublic.azureedge.net/clip/models/{_FILES[name]}',
    sha256=_FILES[name].partition('/')[0],
    table=TABLE,
    ignored=TEXT_TOWER,
    prefixes=('module.',),
  )
  for name, tower in _TOWERS.items()
)
