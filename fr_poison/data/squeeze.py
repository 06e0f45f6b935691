"""Squeezers: filters that take from a picture what a network can do without.

A squeezer maps stored pictures, uint8 [N, H, W, 3], to as many of the same
size, each by itself. What a cloak hides in the finest grey levels, in single
pixels or in colour goes first (Xu, Evans and Qi, "Feature squeezing", NDSS
2018; Liu et al., "Image shortcut squeezing", ICML 2023). Trainers squeeze what
they scraped; detectors look at how far a picture's embedding moves.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import numpy as np
from PIL import Image
from scipy import ndimage

from fr_poison import checks
from fr_poison.data import decode
from fr_poison.types import InputError

Squeezer = Callable[[np.ndarray], np.ndarray]  # uint8 [N, H, W, 3], both

# Xu et al.'s joint detector for colour pictures (EvadeML-Zoo's "bit_depth_5,
# median_filter_2_2, non_local_means_color_11_3_4"). They apply each alone and
# take the largest change; `chain` applies one after the other.
XU_JOINT = (
  {'name': 'bit_depth', 'bits': 5},
  {'name': 'median', 'size': 2},
  {'name': 'non_local_means', 'strength': 4.0, 'patch': 3, 'search': 11},
)
_SUBSAMPLINGS = ('4:4:4', '4:2:2', '4:2:0')


def make(name: str, **settings) -> Squeezer:
  """The squeezer of that name, one of `NAMES`, with its settings.

  Raises:
    InputError: unknown name, unknown, missing or bad setting.
  """
  if name not in NAMES:
    raise InputError(f'squeezer: {name!r} is unknown; known: {list(NAMES)}')
  try:
    return _MAKERS[name](**settings)
  except TypeError as error:
    raise InputError(f'{name}: {error}') from error


def chain(squeezers: Sequence[Mapping]) -> Squeezer:
  """One after the other; none is the identity.

  Args:
    squeezers: each the name and the settings of one, as in `XU_JOINT`.

  Raises:
    InputError: as `make`.
  """
  parts = [make(**squeezer) for squeezer in squeezers]

  def squeeze(images):
    for part in parts:
      images = part(images)
    return images

  return squeeze


@checks.checked
def bit_depth(
  bits: Annotated[int, checks.Range(1, 8, is_whole=True)],
) -> Squeezer:
  """Fewer grey levels: round(x (2^b - 1)) / (2^b - 1) for x in [0, 1].

  Args:
    bits: b, 1 to 8; 8 is the identity.

  Raises:
    InputError: bits is not that.
  """
  last = 2**bits - 1
  # Of odd numbers both, neither quotient ever ends in one half.
  coarse = np.rint(np.arange(256) * last / 255)
  levels = np.rint(coarse * 255 / last).astype(np.uint8)
  return _each(lambda image: levels[image])


@checks.checked
def median(size: checks.Count) -> Squeezer:
  """The median over a square around each pixel, in each channel.

  scipy.ndimage's, as in EvadeML-Zoo: an even square reaches one pixel further
  up and left, the higher one of its two middle values counts, and the picture
  is mirrored at its edges, edge pixels included.

  Args:
    size: side of the square in pixels, at least 1; 1 is the identity.

  Raises:
    InputError: size is not that.
  """
  return _each(
    lambda image: ndimage.median_filter(image, (size, size, 1), mode='reflect')
  )


@checks.checked
def non_local_means(
  strength: checks.Positive,
  patch: checks.Count = 3,
  search: checks.Count = 11,
) -> Squeezer:
  """The mean of the pixels around whose surroundings look alike.

  Pixel q of the search square counts exp(-d / strength^2), d the mean squared
  difference of the patches around p and q over pixels and channels (Buades,
  Coll and Morel, CVPR 2005, with a flat patch): OpenCV's fastNlMeansDenoising
  on the three RGB channels at once, without its fixed point. Xu et al. filter
  lightness and colour apart. The picture is mirrored at its edges, edge pixels
  excluded.

  Args:
    strength: in grey levels of 0..255, above 0.
    patch: side of the squares that are compared, in pixels, odd.
    search: side of the square that is averaged, in pixels, odd.

  Raises:
    InputError: strength, patch or search is not that.
  """
  for field, value in (('patch', patch), ('search', search)):
    if value % 2 == 0:
      raise InputError(f'{field}: {value} given, odd number expected')
  return _each(lambda image: _non_local_mean(image, strength, patch, search))


@checks.checked
def gaussian(sigma: checks.Positive) -> Squeezer:
  """Gaussian blur, cut off at 4 sigma, mirrored at the edges.

  Args:
    sigma: standard deviation in pixels, above 0.

  Raises:
    InputError: sigma is not that.
  """
  sigmas = (sigma, sigma, 0)
  return _each(
    lambda image: _round(ndimage.gaussian_filter(np.float32(image), sigmas))
  )


@checks.checked
def jpeg(quality: checks.Quality, subsampling: str = '4:2:0') -> Squeezer:
  """Saved as JPEG and loaded again, by Pillow.

  Args:
    quality: libjpeg's, 1 to 100.
    subsampling: of the colours: '4:4:4' (none), '4:2:2' or '4:2:0', which is
      what Pillow does unless told.

  Raises:
    InputError: quality or subsampling is not that.
  """
  if subsampling not in _SUBSAMPLINGS:
    raise InputError(
      f'subsampling: {subsampling!r} is unknown; known: {list(_SUBSAMPLINGS)}'
    )
  return _each(
    lambda image: decode.decode(
      decode.encode_jpeg(image, quality, subsampling), 'jpeg'
    )
  )


def grayscale() -> Squeezer:
  """ITU-R 601 luma (Pillow's mode L) in all three channels."""
  luma = lambda image: np.asarray(Image.fromarray(image).convert('L'))
  return _each(lambda image: luma(image)[..., None])


_MAKERS = {
  maker.__name__: maker
  for maker in (
    bit_depth,
    chain,
    gaussian,
    grayscale,
    jpeg,
    median,
    non_local_means,
  )
}
NAMES = tuple(_MAKERS)


def _each(squeeze_one):
  """[H, W, 3] -> [H, W, 3] or [H, W, 1], made a squeezer of many pictures."""

  def squeeze(images):
    shape = np.shape(images)
    if len(shape) != 4 or shape[-1] != 3 or images.dtype != np.uint8:
      raise InputError('images: expected uint8 [N, H, W, 3]')
    squeezed = np.empty_like(images)
    for index, image in enumerate(images):
      squeezed[index] = squeeze_one(image)
    return squeezed

  return squeeze


def _non_local_mean(image, strength, patch, search):
  """uint8 [H, W, 3]; every shift of the search square is one pass."""
  height, width, _ = image.shape
  edge = patch // 2
  margin = edge + search // 2
  margins = ((0, 0), (margin, margin), (margin, margin))
  planes = np.pad(np.moveaxis(np.float32(image), -1, 0), margins, 'reflect')

  def shifted(down, right):  # by up to search // 2 either way, with its edge
    rows = slice(down, down + height + 2 * edge)
    return planes[:, rows, right : right + width + 2 * edge]

  inside = ..., slice(edge, edge + height), slice(edge, edge + width)
  own = shifted(search // 2, search // 2)
  total, weights = np.zeros((3, height, width)), np.zeros((height, width))
  for down, right in np.ndindex(search, search):
    other = shifted(down, right)
    square = np.mean((own - other) ** 2, 0)
    distance = ndimage.uniform_filter(square, patch)[inside]
    weight = np.exp(-distance / strength**2)
    total += weight * other[inside]
    weights += weight
  return np.moveaxis(_round(total / weights), 0, -1)


def _round(image):
  """Values in 0..255 as uint8."""
  return np.clip(np.rint(image), 0, 255).astype(np.uint8)
