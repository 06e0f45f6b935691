"""Squeezers: filters that take from a picture what a network can do without.

A squeezer maps stored pictures, uint8 [N, H, W, 3], to as many of the same
size, each by itself. What a cloak hides in the finest grey levels, in single
pixels or in colour goes first (Xu, Evans and Qi, "Feature squeezing", NDSS
2018; Liu et al., "Image shortcut squeezing", ICML 2023). Trainers squeeze what
they scraped; detectors look at how far a picture's embedding moves.

Each maker here gives the squeezer of its settings, and raises InputError where
one of them is out of range.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import numpy as np
from PIL import Image
from scipy import ndimage

from fr_poison import checks
from fr_poison.data import decode
from fr_poison.types import InputError, UInt8Images

Squeezer = Callable[[UInt8Images], UInt8Images]

# Xu et al.'s joint detector for colour pictures (EvadeML-Zoo's "bit_depth_5,
# median_filter_2_2, non_local_means_color_11_3_4"). They apply each alone and
# take the largest change; `chain` applies one after the other.
XU_JOINT = (
  {'name': 'bit_depth', 'bits': 5},
  {'name': 'median', 'size': 2},
  {'name': 'non_local_means', 'strength': 4.0, 'patch': 3, 'search': 11},
)
_SUBSAMPLINGS = ('4:4:4', '4:2:2', '4:2:0')
_MAKERS = {}


def make(name: str, **settings) -> Squeezer:
  """Makes the squeezer of that name, one of `NAMES`, with its settings.

  InputError: unknown name, unknown, missing or bad setting.
  """
  checks.known('squeezer', name, NAMES)
  try:
    return _MAKERS[name](**settings)
  except TypeError as error:
    raise InputError(f'{name}: {error}') from error


def chain(squeezers: Sequence[Mapping]) -> Squeezer:
  """Applies one after the other; none is the identity.

  Each is the name and the settings of one, as in `XU_JOINT`.
  """
  parts = [make(**squeezer) for squeezer in squeezers]
  return lambda images: functools.reduce(lambda x, f: f(x), parts, images)


def _of_one(maker):
  """Makes a maker of what is done to one picture one of squeezers."""

  @functools.wraps(maker)
  def make(*args, **kwargs):
    squeeze_one = maker(*args, **kwargs)

    def squeeze(images):
      shape = np.shape(images)
      if len(shape) != 4 or shape[-1] != 3 or images.dtype != np.uint8:
        raise InputError('images: expected uint8 [N, H, W, 3]')
      squeezed = np.empty_like(images)
      for index, image in enumerate(images):
        squeezed[index] = squeeze_one(image)
      return squeezed

    return squeeze

  _MAKERS[maker.__name__] = make
  return make


@_of_one
@checks.checked
def bit_depth(
  bits: Annotated[int, checks.Range(1, 8, is_whole=True)],
) -> Squeezer:
  """Rounds x in [0, 1] to round(x (2^bits - 1)) / (2^bits - 1)."""
  last = 2**bits - 1
  # Of odd numbers both, neither quotient ever ends in one half.
  coarse = np.rint(np.arange(256) * last / 255)
  levels = np.rint(coarse * 255 / last).astype(np.uint8)
  return lambda image: levels[image]


@_of_one
@checks.checked
def median(size: checks.Count) -> Squeezer:
  """Takes the median over `size` x `size` pixels, in each channel.

  scipy.ndimage's, as in EvadeML-Zoo: an even square reaches one pixel further
  up and left, the higher one of its two middle values counts, and the picture
  is mirrored at its edges, edge pixels included.
  """
  return lambda image: ndimage.median_filter(
    image, (size, size, 1), mode='reflect'
  )


@_of_one
@checks.checked
def non_local_means(
  strength: checks.Positive,
  patch: checks.Count = 3,
  search: checks.Count = 11,
) -> Squeezer:
  """Averages the pixels around whose surroundings look alike.

  Pixel q of the search square counts exp(-d / strength^2), d the mean squared
  difference of the patches around p and q over pixels and channels (Buades,
  Coll and Morel, CVPR 2005, with a flat patch). It is OpenCV's
  fastNlMeansDenoising on the three RGB channels at once, without its fixed
  point. Xu et al. filter lightness and colour apart. The picture is mirrored at
  its edges, edge pixels excluded.

  Args:
    strength: in grey levels of 0..255.
    patch: side of the squares that are compared, in pixels, odd.
    search: side of the square that is averaged, in pixels, odd.
  """
  for field, value in (('patch', patch), ('search', search)):
    if value % 2 == 0:
      raise InputError(f'{field}: {value} given, odd number expected')
  return lambda image: _non_local_mean(image, strength, patch, search)


@_of_one
@checks.checked
def gaussian(sigma: checks.Positive) -> Squeezer:
  """Blurs by `sigma` pixels, cut off at 4 sigma, mirrored at the edges."""
  sigmas = (sigma, sigma, 0)
  return lambda image: _round(
    ndimage.gaussian_filter(np.float32(image), sigmas)
  )


@_of_one
@checks.checked
def jpeg(quality: checks.Quality, subsampling: str = '4:2:0') -> Squeezer:
  """Saves as JPEG and loads again; see `decode.encode_jpeg`.

  The default subsampling is Pillow's own.
  """
  checks.known('subsampling', subsampling, _SUBSAMPLINGS)
  encode = decode.encode_jpeg
  return lambda image: decode.decode(
    encode(image, quality, subsampling), 'jpeg'
  )


@_of_one
@checks.checked
def resize(scale: checks.Between) -> Squeezer:
  """Makes a picture smaller by `scale`, and as large as it was again.

  Pillow's bicubic filter both ways, which averages on the way down.
  """

  def there_and_back(image):
    height, width, _ = image.shape
    small = max(1, round(scale * width)), max(1, round(scale * height))
    picture = Image.fromarray(image).resize(small, Image.Resampling.BICUBIC)
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))

  return there_and_back


@_of_one
def grayscale() -> Squeezer:
  """Puts ITU-R 601 luma (Pillow's mode L) into all three channels."""
  luma = lambda image: np.asarray(Image.fromarray(image).convert('L'))
  return lambda image: luma(image)[..., None]


_MAKERS['chain'] = chain
NAMES = tuple(sorted(_MAKERS))


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
