"""The cheap baseline: how noisy a picture is, at which scales and where.

A cloak is a small change of many pixels, and much of it is of a fineness at
which photographs have little. Its traces are looked for in what is left of a
picture when all that is smooth is taken away (the mask of Immerkaer, "Fast
noise variance estimation", 1996, which sees neither slopes nor edges along the
axes), and in the picture's spectrum. Blocks and spectrum do not follow JPEG's
grid, so that no file format is learnt. Every other detector has to beat this
one.
"""

import dataclasses

import numpy as np
from jaxtyping import Float64
from scipy import fft

from fr_poison import checks
from fr_poison.detectors import base
from fr_poison.types import InputError, UInt8Images

NAME = 'statistics'
SCALES = (1, 2, 4)  # pixels averaged along each axis before the mask
MIN_SIZE = 40  # so that one block is left at the coarsest scale
_BLOCK = 8  # pixels
_QUANTILES = (0.1, 0.5, 0.9)  # of the blocks, from smooth ones to textures
_RINGS = 8  # of the spectrum, of which the lowest is not looked at
_FLOOR = 1e-3  # of all that a logarithm is taken of; grey levels


def features(images: UInt8Images) -> Float64[np.ndarray, 'N 24']:
  """Computes 24 numbers a picture.

  At each of `SCALES`, the logarithms of the residual's standard deviation and
  kurtosis, and of its mean size in blocks of 8x8 (three quantiles). Those of
  the standard deviation of red and of blue less green. Those of the energy in
  seven rings of the cosine transform of the whole picture.

  Args:
    images: one picture or more.

  Raises:
    InputError: they are below 40x40.
  """
  if min(images.shape[1:3]) < MIN_SIZE:
    raise InputError(
      f'images: {images.shape[1]}x{images.shape[2]}, but noise statistics '
      f'need at least {MIN_SIZE}x{MIN_SIZE}'
    )
  return np.stack([_of_one(np.float64(image)) for image in images])


@dataclasses.dataclass(frozen=True)
class Statistics(base.Described):
  """Logistic regression on `features`; scores are log-odds.

  Attributes:
    C: inverse strength of the penalty on the weights.
  """

  C: checks.Positive = 1.0

  def describe(self, images, extractor=None):
    """Computes `features`."""
    del extractor
    return features(images)

  def judge(self, model, extractor, size):
    """Makes the detector of these log-odds."""
    del extractor
    settings = {'detector': NAME, 'C': self.C, 'size': size}
    digest = base.digest(settings, model._asdict())
    score = lambda images: model(features(images))
    return base.Detector(score, NAME, 'noise', digest, size, is_log_odds=True)


def _of_one(image):
  """[H, W, 3] in 0..255 -> [24]."""
  grey, green = image.mean(-1), image[..., 1]
  shrunk = [_blocks(grey, scale).mean((1, 3)) for scale in SCALES]
  found = [x for plane in shrunk for x in _noise(plane)]
  for channel in (0, 2):
    found.append(_residual(image[..., channel] - green).std())
  found.extend(_spectrum(grey))
  return np.log(np.asarray(found) + _FLOOR)


def _blocks(plane, side):
  """[H, W] -> [H // side, side, W // side, side]; the rest is cut off."""
  rows, columns = (n // side for n in plane.shape)
  plane = plane[: rows * side, : columns * side]
  return plane.reshape(rows, side, columns, side)


def _residual(plane):
  """Second differences along both axes; white noise keeps its deviation."""
  return np.diff(np.diff(plane, 2, 0), 2, 1) / 6


def _noise(plane):
  residual = _residual(plane)
  variance = residual.var()
  fourth = ((residual - residual.mean()) ** 4).mean()
  sizes = _blocks(np.abs(residual), _BLOCK).mean((1, 3))
  kurtosis = fourth / max(variance, _FLOOR) ** 2
  return [np.sqrt(variance), kurtosis, *np.quantile(sizes, _QUANTILES)]


def _spectrum(plane):
  """Mean energy of the rings from low to high frequency, [_RINGS - 1]."""
  energy = fft.dctn(plane, norm='ortho') ** 2
  down, right = (np.arange(n) / n for n in plane.shape)
  radius = np.hypot(*np.meshgrid(down, right, indexing='ij')) / np.sqrt(2)
  ring = (radius * _RINGS).astype(int).ravel()
  sums = np.bincount(ring, energy.ravel(), _RINGS)
  return (sums / np.bincount(ring, minlength=_RINGS))[1:]
