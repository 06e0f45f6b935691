"""Trunks of ImageNet as extractors: where and how much their channels answer.

ImageNet taught them edges and textures and no faces, so that what they see of a
cloak does not depend on the network that the cloak was made for. LowKey's are
made to look small to AlexNet, none here are made for VGG16.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import UInt8

from fr_poison import extractors, weights
from fr_poison.attacks import alexnet, perceptual
from fr_poison.detectors import vgg16
from fr_poison.extractors import Extractor, NetworkSpec
from fr_poison.layers import Conv
from fr_poison.types import InputError, Params

_FLOOR = 1e-12  # of a variance: at 0 a square root has no gradient


class _Trunk(NamedTuple):
  """A network of convolutions, each with a ReLU behind it."""

  module: Callable[..., nn.Module]  # takes pictures in [0, 1]
  channels: int  # of all convolutions
  min_size: int
  load: Callable[[], Params]


def _load_vgg16():
  shapes = weights.expected_shapes(vgg16.Vgg16(), vgg16.MIN_SIZE)
  return weights.load('vgg16', shapes)[0]


_TRUNKS = {
  'alexnet': _Trunk(
    alexnet.LpipsFeatures,
    sum(channels for channels, *_ in alexnet.CONVS),
    alexnet.MIN_SIZE,
    perceptual.load_lpips,
  ),
  'vgg16': _Trunk(
    vgg16.Vgg16, sum(map(sum, vgg16.CHANNELS)), vgg16.MIN_SIZE, _load_vgg16
  ),
}
NAMES = tuple(_TRUNKS)


class TrunkStatistics(nn.Module):
  """[B, H, W, 3] in 0..255 -> [B, 2304], where and how much channels answer.

  Mean and standard deviation over space of each of the channels after all
  ReLUs of the trunk, 1152 of both. `scaling` then takes a mean off each column
  and divides it by a deviation; training leaves these as they are.
  """

  trunk: str  # one of NAMES
  axis_name: str | None = None  # pictures are not normalised by each other

  @nn.compact
  def __call__(self, images, train=False):
    """Takes pictures of any size from 31x31 on, for VGG16 4x4."""
    del train
    (height, width), trunk = images.shape[1:3], _TRUNKS[self.trunk]
    if min(height, width) < trunk.min_size:
      raise InputError(
        f'images: {height}x{width}, but {self.trunk} needs at least '
        f'{trunk.min_size}x{trunk.min_size}'
      )
    activations = []

    def keep(function, args, kwargs, context):
      result = function(*args, **kwargs)
      if isinstance(context.module, Conv):
        # In float32, whatever the convolutions are computed in.
        activations.append(jnp.asarray(nn.relu(result), jnp.float32))
      return result

    # LPIPS gives the directions of the channels; here their lengths matter.
    with nn.intercept_methods(keep):
      trunk.module(name='trunk')(images / 255)
    means = [x.mean((1, 2)) for x in activations]
    variances = [x.var((1, 2)) for x in activations]
    deviations = [jnp.sqrt(jnp.maximum(x, _FLOOR)) for x in variances]
    return nn.BatchNorm(
      True, use_bias=False, use_scale=False, epsilon=0.0, name='scaling'
    )(jnp.concatenate(means + deviations, -1))


def load(name: str) -> Extractor:
  """Loads a trunk, 'alexnet' or 'vgg16', or a face network by its name.

  A trunk works on pictures of any one size, from its smallest on, as they are:
  resizing would change the noise that it is asked about.

  Raises:
    InputError: no such network; its weights are missing or altered.
  """
  if name not in _TRUNKS:
    return extractors.load(name)
  module = functools.partial(TrunkStatistics, name)
  columns = 2 * _TRUNKS[name].channels
  spec = NetworkSpec(name, module, 0, columns, any_size=True, batch_norm=True)
  trunk = jax.tree.map(jnp.asarray, _TRUNKS[name].load()['params'])
  params = {'params': {'trunk': trunk}}
  extractor = Extractor(_embed_fn(name), params, spec, 0, None)
  return _scaled(extractor, np.zeros(columns), np.ones(columns))


def standardized(
  extractor: Extractor, images: UInt8[np.ndarray, 'N S S 3']
) -> Extractor:
  """Scales its columns to mean 0 and deviation 1 on `images`, to be trained.

  Else one step would move the loud channels by far too much and the quiet ones
  not at all.

  Args:
    extractor: a trunk of `load`.
    images: squares; it then works at this size.

  Raises:
    InputError: pictures that are not square, to which training would resize.
  """
  height, width = images.shape[1:3]
  if height != width:
    raise InputError(
      f'clean: {height}x{width}; {extractor.spec.name} learns from squares'
    )
  columns = extractors.embed(extractor, images).astype(np.float64)
  variance = columns.var(0)
  variance[variance <= _FLOOR] = 1
  scaled = _scaled(extractor, columns.mean(0), variance)
  return scaled._replace(input_size=height)


@functools.cache  # the same function each time, so that jit compiles it once
def _embed_fn(name):
  return jax.jit(
    lambda params, images: TrunkStatistics(name).apply(params, 255 * images)
  )


def _scaled(extractor, mean, variance):
  """With these numbers in `TrunkStatistics`'s `scaling`, one a column."""
  numbers = {'mean': mean, 'var': variance}
  scaling = {k: jnp.asarray(v, jnp.float32) for k, v in numbers.items()}
  params = extractor.params | {'batch_stats': {'scaling': scaling}}
  digest = weights.digest(weights.flatten(params))
  return extractor._replace(params=params, sha256=digest)
