"""AlexNet's trunk as an extractor: where and how much its channels answer.

ImageNet taught it edges and textures and no faces, so that what it sees of a
cloak does not depend on the network that the cloak was made for.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from fr_poison import extractors, weights
from fr_poison.attacks import alexnet, perceptual
from fr_poison.extractors import Extractor, NetworkSpec
from fr_poison.layers import Conv
from fr_poison.types import InputError

NAME = 'alexnet'
_COLUMNS = 2 * sum(channels for channels, *_ in alexnet.CONVS)
_FLOOR = 1e-12  # of a variance: at 0 a square root has no gradient


class TrunkStatistics(nn.Module):
  """[B, H, W, 3] in 0..255 -> [B, 2304], where and how much channels answer.

  Mean and standard deviation over space of each of the 1152 channels after
  the five ReLUs of the AlexNet under LPIPS. `scaling` then takes a mean off
  each column and divides it by a deviation; training leaves these as they are.
  """

  axis_name: str | None = None  # pictures are not normalised by each other

  @nn.compact
  def __call__(self, images, train=False):
    """Takes pictures of any size from 31x31 on."""
    del train
    height, width = images.shape[1:3]
    if min(height, width) < alexnet.MIN_SIZE:
      raise InputError(
        f'images: {height}x{width}, but {NAME} needs at least '
        f'{alexnet.MIN_SIZE}x{alexnet.MIN_SIZE}'
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
      alexnet.LpipsFeatures(name='trunk')(images / 255)
    means = [x.mean((1, 2)) for x in activations]
    variances = [x.var((1, 2)) for x in activations]
    deviations = [jnp.sqrt(jnp.maximum(x, _FLOOR)) for x in variances]
    return nn.BatchNorm(
      True, use_bias=False, use_scale=False, epsilon=0.0, name='scaling'
    )(jnp.concatenate(means + deviations, -1))


_SPEC = NetworkSpec(
  NAME, TrunkStatistics, 0, _COLUMNS, any_size=True, batch_norm=True
)


def load(name: str = NAME) -> Extractor:
  """Loads LPIPS's AlexNet as an extractor, or a face network by its name.

  AlexNet works on pictures of any one size from 31x31 on, as they are:
  resizing would change the very noise that it is asked about.

  Raises:
    InputError: no such network; its weights are missing or altered.
  """
  if name != NAME:
    return extractors.load(name)
  trunk = jax.tree.map(jnp.asarray, perceptual.load_lpips()['params'])
  extractor = Extractor(_embed, {'params': {'trunk': trunk}}, _SPEC, 0, None)
  return _scaled(extractor, np.zeros(_COLUMNS), np.ones(_COLUMNS))


def standardized(extractor: Extractor, images: np.ndarray) -> Extractor:
  """Scales its columns to mean 0 and deviation 1 on `images`, to be trained.

  Else one step would move the loud channels by far too much and the quiet ones
  not at all.

  Args:
    extractor: AlexNet of `load`.
    images: uint8 [N, H, H, 3]; it then works at this size.

  Raises:
    InputError: pictures that are not square, to which training would resize.
  """
  height, width = images.shape[1:3]
  if height != width:
    raise InputError(f'clean: {height}x{width}; {NAME} learns from squares')
  columns = extractors.embed(extractor, images).astype(np.float64)
  variance = columns.var(0)
  variance[variance <= _FLOOR] = 1
  scaled = _scaled(extractor, columns.mean(0), variance)
  return scaled._replace(input_size=height)


def _embed(params, images):
  return TrunkStatistics().apply(params, 255 * images)


def _scaled(extractor, mean, variance):
  """With these numbers in `TrunkStatistics`'s `scaling`, [2304] each."""
  numbers = {'mean': mean, 'var': variance}
  scaling = {k: jnp.asarray(v, jnp.float32) for k, v in numbers.items()}
  params = extractor.params | {'batch_stats': {'scaling': scaling}}
  digest = weights.digest(weights.flatten(params))
  return extractor._replace(params=params, sha256=digest)
