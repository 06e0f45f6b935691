"""Clean pictures that something was done to, and no cloak.

A detector that was taught clean pictures and cloaks may have learnt "as the
camera left it": then it takes whatever else was done to a picture for a cloak.
"""

import functools
import zlib
from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageFilter

from fr_poison.attacks import noise
from fr_poison.data import squeeze
from fr_poison.types import UInt8Images

_SHARPEN = ImageFilter.UnsharpMask(radius=1, percent=100, threshold=0)


def versions(
  images: UInt8Images, cloaked: Mapping[str, UInt8Images], seed: int
) -> dict[str, UInt8Images]:
  """Makes what a detector had better not flag, by what was done.

  Args:
    images: clean ones.
    cloaked: the same pictures by each attack, whose noise control, matched in
      spectrum and values, is among the versions.
    seed: of the noise, with each picture's content.

  Returns:
    The pictures, by what was done; 'untouched' comes first.
  """
  made = {name: make(images, seed) for name, make in _VERSIONS.items()}
  for attack, adv_images in cloaked.items():
    change = adv_images.astype(np.int16) - images
    matched = noise.matched_noise(change, seed=seed)
    made[f'noise like {attack}'] = _stored(images + matched)
  return made


def camera_noise(
  images: UInt8Images, seed: int, deviation: float = 1.0
) -> UInt8Images:
  """Adds independent normal noise to every pixel; grey stays grey.

  Args:
    images: the pictures.
    seed: each picture draws from it and from its own bytes.
    deviation: standard deviation in grey levels of 0..255.
  """
  noisy = np.empty_like(images)
  for row, image in enumerate(images):
    content = zlib.crc32(np.ascontiguousarray(image).tobytes())
    rng = np.random.default_rng([seed, content])
    channels = 1 if (image == image[..., :1]).all() else 3
    drawn = rng.normal(0, deviation, (*image.shape[:2], channels))
    noisy[row] = _stored(image + drawn)
  return noisy


def sharpen(images: UInt8Images) -> UInt8Images:
  """Doubles what a blur by a pixel takes away: Pillow's unsharp mask."""
  sharpened = [Image.fromarray(image).filter(_SHARPEN) for image in images]
  return np.stack([np.asarray(image) for image in sharpened])


def _stored(values):
  return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _filtered(filter_):
  return lambda images, seed: filter_(images)


_VERSIONS = {
  'untouched': _filtered(lambda images: images),
  'camera noise 1': functools.partial(camera_noise, deviation=1.0),
  'camera noise 2': functools.partial(camera_noise, deviation=2.0),
  'sharpened': _filtered(sharpen),
  'JPEG 75 4:2:0': _filtered(
    squeeze.make('jpeg', quality=75, subsampling='4:2:0')
  ),
  'half size': _filtered(squeeze.make('resize', scale=0.5)),
}
