"""The trainer who cleans every picture that was scraped before embedding it.

They need not know which pictures are cloaked: what they take for a cloak is
taken away, from clean pictures as well. A filter of `data.squeeze` does (input
squeezing: Xu, Evans and Qi, NDSS 2018, there to detect; Liu et al., "Image
shortcut squeezing", ICML 2023, to train), or `resize`, or a model of
`detectors`: what was reverse-engineered is subtracted, or an autoencoder's
reconstruction is taken instead. Whether probes are cleaned, too, is their
choice.
"""

from collections.abc import Callable

import numpy as np

from fr_poison import checks
from fr_poison.data import placement
from fr_poison.detectors.base import check_pictures
from fr_poison.types import InputError, calling

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
    small = max(1, round(scale * height)), max(1, round(scale * width))
    return placement.resize(placement.resize(image, *small), height, width)

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
