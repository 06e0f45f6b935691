"""A network that regresses the perturbation from pairs, and only that.

Public tools cloak any picture, so whoever has pictures has pairs. From these a
plain stack of convolutions learns what was added to a picture, nothing where
it is clean. It is DnCNN's residual learning (Zhang et al., TIP 2017) on two by
two pixels at a time as in FFDNet (Zhang et al., TIP 2018), for the purpose of
LightShed (Foerster et al., USENIX Security 2025). It has no batch norm, so that
no picture's estimate depends on its batch.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Annotated

import dm_pix
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Float32, Int

from fr_poison import checks
from fr_poison.attacks.base import is_grey, mono
from fr_poison.data.batches import map_batches
from fr_poison.data.faces import to_float
from fr_poison.detectors import base, fitting, reverse_engineering
from fr_poison.layers import Conv
from fr_poison.types import InputError, UInt8Images

_UNIT = 8 / 255  # the network's: so it answers numbers near 1
_LOSSES = {'l1': jnp.abs, 'l2': jnp.square}
_BATCH_SIZE = 32  # pictures estimated at a time


class Network(nn.Module):
  """Pictures [B, H, W, 3] in [0, 1] of any size -> what was added to each."""

  channels: int
  depth: int
  block: int

  @nn.compact
  def __call__(self, images):
    """Estimates [B, H, W, 3] in [0, 1] pixel units."""
    height, width = images.shape[1:3]
    more = -height % self.block, -width % self.block
    x = jnp.pad(images, ((0, 0), (0, more[0]), (0, more[1]), (0, 0)), 'edge')
    x = dm_pix.space_to_depth(2 * x - 1, self.block)
    x = nn.relu(Conv(self.channels, 3, padding=1)(x))
    for _ in range(self.depth - 2):
      x = x + nn.relu(Conv(self.channels, 3, padding=1)(x))
    x = _UNIT * Conv(3 * self.block**2, 3, padding=1)(x)
    return dm_pix.depth_to_space(x, self.block)[:, :height, :width]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Residual(fitting.SmallNetwork):
  """Estimates the change by a network that saw what public tools do.

  Attributes:
    loss: 'l1' or 'l2', of the estimate per pixel.
    crop: side of the squares that it trains on, in pixels; a shorter side of
      the pictures is taken whole.
    channels: of every hidden layer.
    depth: convolutions, of 3x3.
    block: side of the square of pixels that is one position for them.
  """

  loss: str = 'l1'
  crop: checks.Count = 56
  channels: checks.Count = 32
  depth: Annotated[int, checks.Range(2, is_whole=True)] = 6
  block: checks.Count = 2

  def __post_init__(self):
    """Checks the loss, too."""
    super().__post_init__()
    checks.known('loss', self.loss, _LOSSES)

  def _fit(self, clean, cloaked, extractor, folder):
    versions, measure = [clean, *cloaked], _LOSSES[self.loss]
    if {len(images) for images in cloaked} != {len(clean)}:
      raise InputError('cloaked: not as many pictures as clean ones, in pairs')
    network = Network(self.channels, self.depth, self.block)
    sides = tuple(min(self.crop, side) for side in clean.shape[1:3])

    def loss_fn(params, batch, rng):
      del rng
      wrong = network.apply(params, batch['images']) - batch['change']
      return jnp.mean(measure(wrong / _UNIT))

    batch_fn = functools.partial(crops, versions, sides, self.seed)
    params = self.train(network, loss_fn, versions, batch_fn, sides, folder)
    estimate = functools.partial(_estimate, network, params)
    settings = dataclasses.asdict(self) | {'detector': reverse_engineering.NAME}
    return reverse_engineering.detector(
      lambda images: map_batches(estimate, images, _BATCH_SIZE),
      'residual network',
      base.digest(settings, fitting.flat(params)),
    )


def crops(
  versions: Sequence[UInt8Images],
  sides: tuple[int, int],
  seed: int,
  step: int,
  index: Int[np.ndarray, ' B'],
) -> dict[str, Float32[np.ndarray, 'B h w 3']]:
  """Cuts random squares of pictures and of what was added, mirrored or not.

  Args:
    versions: clean, then of each tool.
    sides: (h, w) of a square.
    seed: of the draws, with `step`.
    step: of the training.
    index: rows of all versions one after the other.

  Returns:
    `images` and `change`, in [0, 1] pixel units.
  """
  rng = np.random.default_rng([seed, 2, step])
  height, width = versions[0].shape[1:3]
  pairs = []
  for row in index:
    version, picture = divmod(int(row), len(versions[0]))
    top = rng.integers(height - sides[0] + 1)
    left = rng.integers(width - sides[1] + 1)
    way = 1 - 2 * int(rng.integers(2))
    place = np.s_[picture, top : top + sides[0], left : left + sides[1]]
    pairs.append([versions[v][place][:, ::way] for v in (0, version)])
  clean, images = np.moveaxis(np.stack(pairs), 1, 0)
  change = np.float32(images) - np.float32(clean)
  return {'images': to_float(images), 'change': change / np.float32(255)}


@functools.partial(jax.jit, static_argnums=0)
def _estimate(network, params, images):
  return mono(network.apply(params, images), is_grey(images))
