"""AlexNet's trunk as an extractor: where and how much its channels answer.

ImageNet taught it edges and textures and no faces, so that what it sees of a
cloak does not depend on the network that the cloak was made for.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from fr_poison import checks, extractors, weights
from fr_poison.attacks import alexnet as lpips_alexnet
from fr_poison.attacks import perceptual
from fr_poison.extractors import Extractor, NetworkSpec
from fr_poison.layers import Conv
from fr_poison.types import InputError

ALEXNET = 'alexnet'
_CHANNELS = sum(channels for channels, *_ in lpips_alexnet.CONVS)
# Of a variance: at 0 a square root has no gradient.
_FLOOR = 1e-12


class TrunkStatistics(nn.Module):
  """[B, H, W, 3] in 0..255 -> [B, 2304], where and how much channels answer.

  Mean and standard deviation over space of each of the 1152 channels after
  the five ReLUs of the AlexNet under LPIPS. `scaling` then takes a mean off
  each column and divides it by a deviation; training leaves these as they are.
  """

  axis_name: str | None = None  # pictures are not normalised by each other

  @nn.compact
  def __call__(self, images, train=False):
    """Pictures of any size from 31x31 on."""
    del train
    activations = []

    def keep(function, args, kwargs, context):
      result = function(*args, **kwargs)
      if isinstance(context.module, Conv):
        # In float32, whatever the convolutions are computed in.
        activations.append(jnp.asarray(nn.relu(result), jnp.float32))
      return result

    # LPIPS gives the directions of the channels; here their lengths matter.
    with nn.intercept_methods(keep):
      lpips_alexnet.LpipsFeatures(name='trunk')(images / 255)
    means = [x.mean((1, 2)) for x in activations]
    variances = [x.var((1, 2)) for x in activations]
    deviations = [jnp.sqrt(jnp.maximum(x, _FLOOR)) for x in variances]
    x = jnp.concatenate(means + deviations, -1)
    return nn.BatchNorm(
      True, use_bias=False, use_scale=False, epsilon=0.0, name='scaling'
    )(x)


_SPEC = NetworkSpec(
  ALEXNET, TrunkStatistics, 0, 2 * _CHANNELS, any_size=True, batch_norm=True
)


def alexnet() -> Extractor:
  """LPIPS's AlexNet as an extractor of `TrunkStatistics`.

  It works on pictures of any one size from 31x31 on, as they are: resizing
  would change the very noise that it is asked about.

  Raises:
    InputError: the weight file is missing or altered.
  """
  trunk = jax.tree.map(jnp.asarray, perceptual.load_lpips()['params'])
  params = {'params': {'trunk': trunk}}
  as_they_are = np.zeros(2 * _CHANNELS), np.ones(2 * _CHANNELS)
  return _scaled(
    Extractor(_embed_alexnet, params, _SPEC, 0, None), *as_they_are
  )


def check_size(images: np.ndarray) -> None:
  """Refuses pictures [N, H, W, 3] of which the trunk would leave nothing.

  Raises:
    InputError: smaller than 31x31.
  """
  smallest = lpips_alexnet.MIN_SIZE
  height, width = images.shape[1:3]
  if min(height, width) < smallest:
    raise InputError(
      f'clean: {height}x{width}, but {ALEXNET} needs at least '
      f'{smallest}x{smallest}'
    )


@checks.checked
def standardized(
  extractor: Extractor, images: np.ndarray, batch_size: checks.Count = 20
) -> Extractor:
  """To be trained: its columns have mean 0 and deviation 1 on `images`.

  Else one step would move the loud channels by far too much and the quiet ones
  not at all.

  Args:
    extractor: of `alexnet`.
    images: uint8 [N, H, H, 3]; it then works at this size.
    batch_size: pictures embedded at a time.

  Raises:
    InputError: pictures that are not square, to which training would resize.
  """
  height, width = images.shape[1:3]
  if height != width:
    raise InputError(f'clean: {height}x{width}; {ALEXNET} learns from squares')
  columns = extractors.embed(extractor, images, batch_size).astype(np.float64)
  variance = columns.var(0)
  silent = variance <= _FLOOR
  extractor = _scaled(extractor, columns.mean(0), np.where(silent, 1, variance))
  return extractor._replace(input_size=height)


def _embed_alexnet(params, images):
  return TrunkStatistics().apply(params, 255 * images)


def _scaled(extractor, mean, variance):
  """With these numbers in `TrunkStatistics`'s `scaling`, [2304] each."""
  scaling = {
    'mean': jnp.asarray(mean, jnp.float32),
    'var': jnp.asarray(variance, jnp.float32),
  }
  params = extractor.params | {'batch_stats': {'scaling': scaling}}
  digest = weights.digest(weights.flatten(params))
  return extractor._replace(params=params, sha256=digest)
