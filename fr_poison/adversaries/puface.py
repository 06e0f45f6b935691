"""The trainer who learns to wash cloaks off, in the manner of PuFace.

Public tools cloak any picture, so whoever has pictures has pairs. PuFace (arXiv
2406.02253) trains a purifier on *amplified* cloaks, and asks for the clean
picture and for its embedding. Its constants are not published: those here are
ours, and so is the network, that of `detectors.residual`, whose estimate of
what was added is taken away.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Int, UInt8

from fr_poison import checks, extractors
from fr_poison.adversaries.purifying import Purifier
from fr_poison.attacks.base import is_grey, mono
from fr_poison.attacks.objectives import normalize
from fr_poison.data.batches import map_batches
from fr_poison.detectors import residual
from fr_poison.training import Recipe, Trainer
from fr_poison.training.heads import Head
from fr_poison.types import Images, InputError, Params, UInt8Images

_BLOCK = 2  # side of the square of pixels that is one position
_BATCH_SIZE = 32  # pictures purified at a time
_SPEC = extractors.NetworkSpec('puface', residual.Network, 0, 0)
# What of a recipe only says something of networks that embed.
_NOT_READ = 'head', 'label_smoothing', 'dtype'


def recipe(settings: dict, field: str = 'training') -> Recipe:
  """Reads a config's field, without what a purifier has no use for.

  Raises:
    InputError: as `Recipe.from_config`; a head, label smoothing or a dtype.
  """
  for name in _NOT_READ:
    if name in settings:
      raise InputError(f'config.{field}.{name}: a purifier has none')
  return Recipe.from_config(settings, field)


# What goes in, and behind it what should come out.
Pairs = UInt8[np.ndarray, 'M H W 6']


@dataclasses.dataclass(frozen=True, kw_only=True)
class PuFace:
  """Settings of a purifier, beside the recipe of its training.

  Attributes:
    amplification: so many times as large cloaks are shown, one after the other.
    feature_weight: lambda, of the embedding's part of the loss.
    channels: of every hidden layer.
    depth: convolutions, of 3x3.

  Raises:
    InputError: a number out of range, no amplification.
  """

  amplification: tuple[checks.Positive, ...] = (2.0, 4.0)
  feature_weight: checks.NotNegative = 0.1
  channels: checks.Count = 32
  depth: Annotated[int, checks.Range(2, is_whole=True)] = 6

  def __post_init__(self):
    """Checks every number."""
    checks.check_fields(self)
    if not self.amplification:
      raise InputError('amplification: none given, one or more expected')

  def training_set(
    self, clean: UInt8Images, cloaked: Sequence[UInt8Images]
  ) -> tuple[Pairs, Int[np.ndarray, ' M']]:
    """Pairs clean pictures, and amplified cloaks of them, with clean ones.

    Args:
      clean: the public people's pictures.
      cloaked: the same pictures as each tool gives them back.

    Returns:
      Of M = (1 + tools * factors) N versions, what goes in beside what should
      come out; and which row of `clean` that is.
    """
    shown = [clean] + [
      _amplified(clean, images, factor)
      for images in cloaked
      for factor in self.amplification
    ]
    pairs = [np.concatenate([images, clean], -1) for images in shown]
    rows = np.arange(len(clean), dtype=np.int32)
    return np.concatenate(pairs), np.tile(rows, len(pairs))

  def training(
    self,
    recipe: Recipe,
    extractor: extractors.Extractor,
    pairs: Pairs,
    rows: Int[np.ndarray, ' M'],
  ) -> Trainer:
    """Makes the training of a purifier for a network, which itself stays.

    A pair's loss is the mean `|purified - clean|` over pixels in [0, 1], plus
    `feature_weight` times the squared distance of both embeddings, of length 1.

    Args:
      recipe: of `recipe`.
      extractor: the network that pictures are purified for.
      pairs: of `training_set`.
      rows: likewise.
    """
    network = residual.Network(self.channels, self.depth, _BLOCK)
    purified = functools.partial(_purified, network)
    params = jax.jit(network.init)(
      jax.random.key(recipe.seed), jnp.zeros((1, *pairs.shape[1:3], 3))
    )
    return Trainer(
      recipe,
      extractors.Extractor(purified, params, _SPEC, 0, None),
      num_classes=len(np.unique(rows)),
      num_images=len(rows),
      train_fn=functools.partial(_terms, purified, extractor),
      head=_sum(self.feature_weight),
    )


def purifier(trainer: Trainer, params: Params) -> Purifier:
  """Makes the filter that a training ended with, for pictures of any size.

  Args:
    trainer: of `PuFace.training`.
    params: what it has learnt, `training.variables` of its last state.
  """
  purified = trainer.extractor.embed_fn

  @jax.jit
  def purify(params, images):
    codes = jnp.round(255 * jnp.clip(purified(params, images), 0, 1))
    return codes.astype(jnp.uint8)

  run = functools.partial(purify, params)
  return lambda images: map_batches(run, images, _BATCH_SIZE)


def _amplified(clean, cloaked, factor):
  change = np.float32(cloaked) - np.float32(clean)
  return np.clip(np.rint(clean + factor * change), 0, 255).astype(np.uint8)


def _purified(network, params, images: Images) -> Images:
  """Pictures [B, H, W, 3] in [0, 1], not clipped; grey stays grey."""
  return images - mono(network.apply(params, images), is_grey(images))


def _terms(purified, extractor, variables, pairs):
  """Both parts of the loss [B, 2], as a train step's train_fn."""
  images, clean = pairs[..., :3], pairs[..., 3:]
  found = purified(variables, images)
  error = jnp.mean(jnp.abs(found - clean), (1, 2, 3))
  embed = lambda x: normalize(extractor.embed_fn(extractor.params, x))
  change = embed(jnp.clip(found, 0, 1)) - embed(clean)
  return jnp.stack([error, jnp.sum(change**2, -1)], -1), {}


def _sum(feature_weight):
  """A head that adds up both parts."""

  def losses(params, terms, labels, label_smoothing=0.0, *, mask=None):
    del params, labels, label_smoothing
    found = terms[:, 0] + feature_weight * terms[:, 1]
    return found if mask is None else jnp.where(mask, found, 0)

  return Head(lambda rng, embedding_size, num_classes: {}, losses, None)
