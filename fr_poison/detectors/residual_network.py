"""A network that regresses the perturbation from pairs, and only that.

Public tools cloak any picture, so whoever has pictures has pairs. From these a
plain stack of convolutions learns what was added to a picture, nothing where
it is clean: DnCNN's residual learning (Zhang et al., TIP 2017) on two by two
pixels at a time as in FFDNet (Zhang et al., TIP 2018), for the purpose of
LightShed (Foerster et al., USENIX Security 2025). Without batch norm, so that
no picture's estimate depends on its batch.
"""

import functools
from collections.abc import Sequence
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from fr_poison import checks
from fr_poison.attacks.base import is_grey, mono
from fr_poison.data.batches import map_batches
from fr_poison.data.faces import to_float
from fr_poison.detectors import base, fitting
from fr_poison.detectors.model import Model
from fr_poison.layers import Conv
from fr_poison.types import Images, InputError, Params

_UNIT = 8 / 255  # the network's: so it answers numbers near 1
_LOSSES = {'l1': jnp.abs, 'l2': jnp.square}


class ResidualNetwork(nn.Module):
  """Pictures [B, H, W, 3] in [0, 1] of any size -> what was added to each.

  Attributes:
    channels: of every hidden layer.
    depth: convolutions, of 3x3.
    block: side of the square of pixels that is one position for them.
  """

  channels: int = 32
  depth: int = 6
  block: int = 2

  @nn.compact
  def __call__(self, images):
    """[B, H, W, 3] in [0, 1] -> the same shape, in [0, 1] pixel units."""
    count, height, width, _ = images.shape
    rows, columns = -(-height // self.block), -(-width // self.block)
    more = rows * self.block - height, columns * self.block - width
    x = jnp.pad(images, ((0, 0), (0, more[0]), (0, more[1]), (0, 0)), 'edge')
    x = x.reshape(count, rows, self.block, columns, self.block, 3)
    x = x.transpose(0, 1, 3, 2, 4, 5).reshape(count, rows, columns, -1)
    x = nn.relu(Conv(self.channels, 3, padding=1)(2 * x - 1))
    for _ in range(self.depth - 2):
      x = x + nn.relu(Conv(self.channels, 3, padding=1)(x))
    x = _UNIT * Conv(3 * self.block**2, 3, padding=1)(x)
    x = x.reshape(count, rows, columns, self.block, self.block, 3)
    x = x.transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(count, rows * self.block, columns * self.block, 3)
    return x[:, :height, :width]


@checks.checked
def fit(
  clean: np.ndarray,
  cloaked: Sequence[np.ndarray],
  *,
  num_epochs: checks.Count = 30,
  batch_size: checks.Count = 32,
  learning_rate: checks.Positive = 2e-3,
  loss: str = 'l1',
  crop: checks.Count = 56,
  channels: checks.Count = 32,
  depth: Annotated[int, checks.Range(2, is_whole=True)] = 6,
  block: checks.Count = 2,
  seed: checks.Seed = 0,
) -> Model:
  """Trains on clean pictures and what public tools made of them.

  Args:
    clean: uint8 [N, H, W, 3].
    cloaked: the same pictures from each tool.
    num_epochs: how often every version of a picture is seen.
    batch_size: crops a step.
    learning_rate: the highest one, of Adam.
    loss: 'l1' or 'l2', of the estimate per pixel.
    crop: side of the squares that it trains on, in pixels; a shorter side of
      the pictures is taken whole.
    channels: see `ResidualNetwork`.
    depth: see there.
    block: see there.
    seed: of the start, the order and the crops.

  Raises:
    InputError: no pictures, no tool, a tool that gave other pictures than it
      was given, a setting that cannot be meant, a loss that is not finite.
  """
  loop = {
    'num_epochs': num_epochs,
    'batch_size': batch_size,
    'learning_rate': learning_rate,
    'seed': seed,
  }
  shape = {'channels': channels, 'depth': depth, 'block': block}
  settings = loop | shape | {'loss': loss, 'crop': crop}
  _check_pairs(clean, cloaked)
  _check_settings(settings)
  network, measure = ResidualNetwork(**shape), _LOSSES[loss]
  sides = (min(crop, clean.shape[1]), min(crop, clean.shape[2]))
  params = jax.jit(network.init)(
    jax.random.key(seed), jnp.zeros((1, *sides, 3))
  )

  def loss_fn(params, batch, rng):
    del rng
    wrong = network.apply(params, batch['images']) - batch['change']
    return jnp.mean(measure(wrong / _UNIT))

  versions = [clean, *cloaked]
  batch_fn = functools.partial(crops, versions, sides, seed)
  num_rows = len(versions) * len(clean)
  params = fitting.minimize(loss_fn, params, num_rows, batch_fn, **loop)
  return Model(params, settings)


@checks.checked
def estimate(
  model: Model, images: np.ndarray, *, batch_size: checks.Count = 32
) -> np.ndarray:
  """What was added to each picture, grey for grey ones.

  Args:
    model: of `fit`.
    images: uint8 [N, H, W, 3] of any size.
    batch_size: pictures at a time.

  Returns:
    float32 [N, H, W, 3] in [0, 1] pixel units.

  Raises:
    InputError: images are not that.
  """
  base.check_pictures(images)
  if not len(images):
    return np.zeros(images.shape, np.float32)
  network = _network(model.settings)
  fn = functools.partial(_estimate, network, model.params)
  return map_batches(fn, images, batch_size)


@functools.partial(jax.jit, static_argnums=0)
def _estimate(network: nn.Module, params: Params, images: Images):
  return mono(network.apply(params, images), is_grey(images))


def _network(settings):
  fields = ('channels', 'depth', 'block')
  return ResidualNetwork(**{name: settings[name] for name in fields})


def crops(
  versions: Sequence[np.ndarray],
  sides: tuple[int, int],
  seed: int,
  step: int,
  index: np.ndarray,
) -> dict[str, np.ndarray]:
  """Random squares of a picture and of what was added, mirrored or not.

  Args:
    versions: uint8 [N, H, W, 3], clean, then of each tool.
    sides: (h, w) of a square.
    seed: of the training.
    step: of the training; draws follow from both.
    index: [B], rows of all versions one after the other.

  Returns:
    `images` and `change`, float32 [B, h, w, 3], in [0, 1] pixel units.
  """
  rng = np.random.default_rng([seed, 2, step])
  height, width = versions[0].shape[1:3]
  images = np.empty((len(index), *sides, 3), np.uint8)
  change = np.empty(images.shape, np.float32)
  for i, row in enumerate(index):
    version, picture = divmod(int(row), len(versions[0]))
    top = rng.integers(height - sides[0] + 1)
    left = rng.integers(width - sides[1] + 1)
    way = 1 - 2 * int(rng.integers(2))
    place = np.s_[top : top + sides[0], left : left + sides[1]]
    clean, cloaked = (
      versions[v][picture][place][:, ::way] for v in (0, version)
    )
    images[i] = cloaked
    change[i] = np.float32(cloaked) - np.float32(clean)
  return {'images': to_float(images), 'change': change / np.float32(255)}


def _check_pairs(clean, cloaked):
  base.check_pictures(clean, 'clean')
  if not len(clean):
    raise InputError('clean: no pictures to learn from')
  if not cloaked:
    raise InputError('cloaked: pictures from one tool or more expected')
  for i, images in enumerate(cloaked):
    if images.shape != clean.shape or images.dtype != np.uint8:
      raise InputError(
        f'cloaked[{i}]: {images.dtype} {list(images.shape)}, expected '
        f'uint8 {list(clean.shape)}'
      )


def _check_settings(settings):
  if settings['loss'] not in _LOSSES:
    raise InputError(
      f'loss: {settings["loss"]!r} is unknown; known: {tuple(_LOSSES)}'
    )
