"""Which networks there are, and what each of them is."""

import functools
from collections.abc import Callable
from typing import NamedTuple

from flax import linen as nn

from fr_poison.extractors import (
  dlib_resnet,
  faceres,
  iresnet,
  mobileface,
  resnet,
)
from fr_poison.types import EmbedFn, InputError, Params


class NetworkSpec(NamedTuple):
  """What a network is, apart from its weights."""

  name: str
  module: Callable[..., nn.Module]  # takes RGB in 0..255
  input_size: int
  embedding_size: int
  any_size: bool = False  # also takes other input sizes
  pretrained: bool = True  # its weights ship
  batch_norm: bool = False  # takes `train` and keeps running statistics


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
  sha256: str | None  # of the weights; None without any


def _untrained(name, module, size, embedding_size, any_size=False):
  return NetworkSpec(
    name,
    module,
    size,
    embedding_size,
    any_size,
    pretrained=False,
    batch_norm=True,
  )


def _iresnet(depth):
  module = functools.partial(iresnet.IResNet, iresnet.UNITS[depth])
  return _untrained(f'arcface_r{depth}', module, 112, 512)


def _resnet(depth, embedding_size):
  module = functools.partial(resnet.resnet, depth)
  return _untrained(f'resnet{depth}', module, 224, embedding_size, True)


_SPECS = {
  spec.name: spec
  for spec in (
    NetworkSpec('dlib_resnet', dlib_resnet.DlibResNet, 150, 128),
    NetworkSpec('faceres', faceres.FaceRes, 224, 1024, any_size=True),
    NetworkSpec('faceres_deep', faceres.FaceRes, 224, 1024, any_size=True),
    NetworkSpec('mobileface', mobileface.MobileFace, 112, 256),
    *map(_iresnet, iresnet.UNITS),
    _resnet(18, 512),
    _resnet(50, 2048),
  )
}
PIXELS = 'pixels'  # the control: no network, the picture is the embedding
PIXELS_SPEC = NetworkSpec(PIXELS, nn.Module, 0, 0)


def names() -> tuple[str, ...]:
  """The networks that `load` knows by name."""
  shipped = (name for name, spec in _SPECS.items() if spec.pretrained)
  return (*shipped, PIXELS)


def architectures() -> tuple[str, ...]:
  """The networks that `create` can make, to be trained."""
  return tuple(_SPECS)


def spec(name: str) -> NetworkSpec:
  """The network's entry.

  Raises:
    InputError: no such network; lists those there are.
  """
  if name not in _SPECS:
    known = sorted((*_SPECS, PIXELS))
    raise InputError(f'network: {name!r} is unknown; known: {known}')
  return _SPECS[name]


def working_size(entry: NetworkSpec, input_size: int | None) -> int:
  """`input_size`, or the published one for None.

  Raises:
    InputError: the network cannot take it.
  """
  size = input_size or entry.input_size
  if size != entry.input_size and not entry.any_size:
    raise InputError(
      f'input_size: {entry.name} only takes {entry.input_size}, {size} given'
    )
  if size < 32:
    raise InputError(f'input_size: {size} is below 32')
  return size
