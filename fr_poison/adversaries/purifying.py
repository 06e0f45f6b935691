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
from fr_poison.types import InputError, UInt8Images, calling

Purifier = Callable[[UInt8Images], UInt8Images]


@checks.checked
def resize(scale: checks.PositiveShare) -> Purifier:
  """Makes pictures smaller by `scale` and back again, bilinear, by Pillow.

  Args:
    scale: in (0, 1]; 1 is the identity. Sides are rounded to whole pixels.

  Raises:
    InputError: scale is not that.
  """

  def purify(images):
    check_pictures(images)
    purified = np.empty_like(images)
    height, width = images.shape[1:3]
    small = max(1, round(scale * height)), max(1, round(scale * width))
    for image, result in zip(images, purified, strict=True):
      shrunk = placement.resize(image, *small)
      result[:] = placement.resize(shrunk, height, width)
    return purified

  return purify


def nothing(images: UInt8Images) -> UInt8Images:
  """Leaves pictures as they are."""
  return images


def apply(purify: Purifier, images: UInt8Images) -> UInt8Images:
  """Purifies pictures, clean and cloaked ones alike.

  Args:
    purify: a squeezer, `resize`, or made of a detector's model.
    images: the pictures.

  Raises:
    InputError: the purifier gave other pictures than it was given; or its own.
  """
  with calling('purify'):
    purified = purify(images)
  kind = getattr(purified, 'dtype', type(purified).__name__)
  if kind != np.uint8 or purified.shape != images.shape:
    raise InputError(
      f'purifier: gave {kind} {list(np.shape(purified))}, expected uint8 '
      f'{list(images.shape)}'
    )
  return purified
