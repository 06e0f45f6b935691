"""Which networks there are, and what each of them is."""

from typing import NamedTuple

from flax import linen as nn

from fr_poison.extractors import (
  clip_vit,
  dlib_resnet,
  faceres,
  inception_resnet,
  iresnet,
  lowkey,
  mobileface,
  mobilefacenet,
  resnet,
)
from fr_poison.extractors.network import NetworkSpec
from fr_poison.types import EmbedFn, InputError, Params


class Extractor(NamedTuple):
  """A network ready for use: `embed_fn(params, images) -> [B, D]`.

  `embed_fn` takes RGB float32 in [0, 1] of any size, and does the network's
  own resizing and scaling; embeddings are float32, as the network gives them,
  of length 1 only where `spec.normalized` says so.
  """

  embed_fn: EmbedFn
  params: Params
  spec: NetworkSpec
  input_size: int  # rows and columns it works at here; 0 for pixels
  sha256: str | None  # of the weights; None without any


_FILES = (
  *(dlib_resnet, faceres, mobileface),  # whose weights ship
  *(iresnet, mobilefacenet, inception_resnet, resnet, lowkey, clip_vit),
)
_SPECS = {spec.name: spec for file in _FILES for spec in file.SPECS}
PIXELS = 'pixels'  # the control: no network, the picture is the embedding
PIXELS_SPEC = NetworkSpec(PIXELS, nn.Module, 0, 0)


def names() -> tuple[str, ...]:
  """Lists the networks `load` knows by name; see `spec(name).pretrained`."""
  return (*_SPECS, PIXELS)


def architectures() -> tuple[str, ...]:
  """Lists the networks that `create` can make, to be trained."""
  return tuple(_SPECS)


def spec(name: str) -> NetworkSpec:
  """Gives the network's entry.

  Raises:
    InputError: no such network; lists those there are.
  """
  if name not in _SPECS:
    known = sorted((*_SPECS, PIXELS))
    raise InputError(f'network: {name!r} is unknown; known: {known}')
  return _SPECS[name]


def working_size(entry: NetworkSpec, input_size: int | None) -> int:
  """Gives `input_size`, or the published one for None.

  Raises:
    InputError: the network cannot take it.
  """
  size = input_size or entry.input_size
  if size != entry.input_size and not entry.any_size:
    raise InputError(
      f'input_size: {entry.name} only takes {entry.input_size}, {size} given'
    )
  if size < entry.min_size:
    raise InputError(f'input_size: {size} is below {entry.min_size}')
  return size
