"""The trainer who cleans every picture that he scraped before he embeds it.

He need not know which pictures are cloaked: what he takes for a cloak is taken
away, from clean pictures as well. A filter of `data.squeeze` does (input
squeezing: Xu, Evans and Qi, NDSS 2018, there to detect; Liu et al., "Image
shortcut squeezing", ICML 2023, to train), or `resize`, or a model of
`detectors`: what was reverse-engineered is subtracted, or an autoencoder's
reconstruction is taken instead. Whether the pictures that he is asked about
later are cleaned, too, is his choice.
"""

from collections.abc import Callable, Sequence
from types import ModuleType

import numpy as np
from PIL import Image

from fr_poison import checks
from fr_poison.data.splits import Split
from fr_poison.detectors.base import check_pictures
from fr_poison.recognizers.ranking import Ranking
from fr_poison.types import Embeddings, InputError, Labels, calling

Purifier = Callable[[np.ndarray], np.ndarray]  # uint8 [N, H, W, 3], both


@checks.checked
def resize(scale: checks.PositiveShare) -> Purifier:
  """Smaller by `scale` and back again, both bilinear, by Pillow.

  Args:
    scale: in (0, 1]; 1 is the identity. Sides are rounded to whole pixels.

  Raises:
    InputError: scale is not that.
  """

  def one(image):
    height, width = image.shape[:2]
    small = max(1, round(scale * width)), max(1, round(scale * height))
    bilinear = Image.Resampling.BILINEAR
    shrunk = Image.fromarray(image).resize(small, bilinear)
    return np.asarray(shrunk.resize((width, height), bilinear))

  def purify(images):
    check_pictures(images)
    purified = np.empty_like(images)
    for index, image in enumerate(images):
      purified[index] = one(image)
    return purified

  return purify


def nothing(images: np.ndarray) -> np.ndarray:
  """The purifier that leaves pictures as they are."""
  return images


def apply(purify: Purifier, images: np.ndarray) -> np.ndarray:
  """Purified pictures, clean and cloaked ones alike, uint8 [N, H, W, 3].

  Args:
    purify: a squeezer, `resize`, or made of a detector's model.
    images: uint8 [N, H, W, 3].

  Raises:
    InputError: the purifier gave other pictures than it was given; or its own.
  """
  with calling('purify'):
    purified = purify(images)
  if not hasattr(purified, 'shape'):
    kind = type(purified).__name__
    raise InputError(
      f'purifier: gave a {kind}, expected uint8 {list(images.shape)}'
    )
  if purified.shape != images.shape or purified.dtype != np.uint8:
    raise InputError(
      f'purifier: gave {purified.dtype} {list(purified.shape)}, expected '
      f'uint8 {list(images.shape)}'
    )
  return purified


def rank_protected(
  recognizer: ModuleType,
  clean: Embeddings,
  cloaked: Embeddings,
  probes: Embeddings,
  labels: Labels,
  protected: Sequence[int],
  splits: Sequence[Split],
  **settings,
) -> list[Ranking]:
  """The recognizer's, with probes that may have gone another way.

  Args:
    recognizer: a module of `fr_poison.recognizers`.
    clean: [N, D] of all pictures as they are trained on, purified.
    cloaked: [N, D], the same with the protected people's pictures cloaked.
    probes: [N, D] of all pictures as they are tested, purified or not.
    labels: [N].
    protected: [P], the protected people's labels.
    splits: which pictures are for training and for testing.
    **settings: the recognizer's.

  Returns:
    Per split, [P, number of test pictures, top_k], for `oblivious.errors`.

  Raises:
    InputError: as the recognizer.
  """
  # Probes are told from galleries by their place behind all of these.
  apart = [Split(split.train, split.test + len(labels)) for split in splits]
  return recognizer.rank_protected(
    np.concatenate([clean, probes]),
    np.concatenate([cloaked, probes]),
    np.tile(labels, 2),
    protected,
    apart,
    **settings,
  )
