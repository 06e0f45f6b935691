"""load(name) -> Extractor: the networks that turn pictures into embeddings."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from fr_poison import weights
from fr_poison.extractors import dlib_resnet, faceres, mobileface
from fr_poison.extractors.preprocess import resize
from fr_poison.types import EmbedFn, InputError, Params


class NetworkSpec(NamedTuple):
  """What a network is, apart from its weights."""

  name: str
  module: Callable[..., nn.Module]  # takes RGB in 0..255
  input_size: int
  embedding_size: int
  any_size: bool = False  # also takes other input sizes


class Extractor(NamedTuple):
  """A network ready for use: `embed_fn(params, images) -> [B, D]`.

  `embed_fn` takes RGB float32 in [0, 1] of any size, and does the network's
  own resizing and scaling; embeddings are float32, as the network gives them,
  not normalised.
  """

  embed_fn: EmbedFn
  params: Params
  spec: NetworkSpec
  input_size: int  # rows and columns it works at here; 0 for pixels
  sha256: str | None  # of the weight file; None without weights


_SPECS = {
  spec.name: spec
  for spec in (
    NetworkSpec('dlib_resnet', dlib_resnet.DlibResNet, 150, 128),
    NetworkSpec('faceres', faceres.FaceRes, 224, 1024, any_size=True),
    NetworkSpec('faceres_deep', faceres.FaceRes, 224, 1024, any_size=True),
    NetworkSpec('mobileface', mobileface.MobileFace, 112, 256),
  )
}
PIXELS = 'pixels'  # the control: no network, the picture is the embedding
_PIXELS_SPEC = NetworkSpec(PIXELS, nn.Module, 0, 0)


def names() -> tuple[str, ...]:
  """The networks that `load` knows."""
  return (*_SPECS, PIXELS)


def spec(name: str) -> NetworkSpec:
  """The network's entry.

  Raises:
    InputError: no such network; lists those there are.
  """
  if name not in _SPECS:
    raise InputError(f'network: {name!r} is unknown; known: {sorted(names())}')
  return _SPECS[name]


def load(
  name: str,
  *,
  input_size: int | None = None,
  dtype=jnp.float32,
  remat: bool = False,
) -> Extractor:
  """A shipped network with its pretrained weights.

  Args:
    name: one of `names()`.
    input_size: rows and columns the network works at; None is the published
      size. Only some networks (faceres) take another one.
    dtype: of the computation inside; embeddings come out as float32.
    remat: compute the blocks' insides again for the gradient instead of
      keeping them: less memory, more time, the same numbers.

  Raises:
    InputError: unknown network, a size it cannot take, or a weight file that
      is missing or altered.
  """
  if name == PIXELS:
    return Extractor(_pixels, {}, _PIXELS_SPEC, 0, None)
  entry = spec(name)
  size = input_size or entry.input_size
  if size != entry.input_size and not entry.any_size:
    raise InputError(
      f'input_size: {name} only takes {entry.input_size}, {size} given'
    )
  if size < 32:
    raise InputError(f'input_size: {size} is below 32')
  shapes = weights.expected_shapes(entry.module(), size)
  params, digest = weights.load(name, shapes)
  params = jax.tree.map(jnp.asarray, params)
  return Extractor(
    _embed_fn(name, size, dtype, remat), params, entry, size, digest
  )


@functools.cache  # the same function each time, so that jit compiles it once
def _embed_fn(name, size, dtype, remat):
  module = _SPECS[name].module(remat=remat)

  def embed_fn(params, images):
    inputs = jnp.asarray(255 * resize(images, size), dtype)
    return module.apply(params, inputs).astype(jnp.float32)

  embed_fn.__name__ = f'embed_{name}'
  return embed_fn


def _pixels(params, images):
  del params
  return images.reshape(len(images), -1)
