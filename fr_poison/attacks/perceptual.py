"""How different two pictures look, and the blur that LowKey attacks through.

All functions take RGB pictures in [0, 1]; the measures return one value a
picture. Filters are applied as two small matrix products, rows
then columns: that is exact, fast on every platform, and so is its gradient,
also inside a loop on CPU.
"""

import functools

import dm_pix
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Float64

from fr_poison import checks, weights
from fr_poison.attacks import alexnet
from fr_poison.types import Array, Images, InputError, Params

Features = list[Float[Array, 'B _ _ _']]  # one a layer

_HIGHEST = jax.lax.Precision.HIGHEST


@functools.cache
def windows(length: int, size: int, sigma: float) -> Float64[np.ndarray, '_ _']:
  """Makes the matrix of a Gaussian filter where it fits entirely.

  [length - size + 1, length], of rows or columns of `length` pixels.

  Args:
    length: pixels.
    size: of the filter, at most `length`.
    sigma: standard deviation in pixels, above 0.
  """
  offsets = np.arange(size) - (size - 1) / 2
  kernel = np.exp(-(offsets**2) / (2 * sigma**2))
  matrix = np.zeros((length - size + 1, length))
  for row in range(len(matrix)):
    matrix[row, row : row + size] = kernel / kernel.sum()
  return matrix


@functools.cache
def _reflect_matrix(length, size, sigma):
  """[length, length]: the filter after reflecting the picture at its edge."""
  pad = size // 2
  source = np.pad(np.arange(length), pad, mode='reflect')
  valid = np.float32(windows(length + 2 * pad, size, sigma))[:length]
  matrix = np.zeros((length, length), np.float32)
  np.add.at(matrix.T, source, valid.T)
  return matrix


def _filter(images, rows, columns):
  images = jnp.einsum('ij,...jwc->...iwc', rows, images, precision=_HIGHEST)
  return jnp.einsum('ij,...hjc->...hic', columns, images, precision=_HIGHEST)


@checks.checked
def gaussian_blur(
  images: Images, kernel_size: checks.Count = 7, sigma: checks.Positive = 3.0
) -> Images:
  """Blurs with a Gaussian and reflect padding; the defaults are LowKey's.

  Args:
    images: RGB.
    kernel_size: rows and columns of the filter in pixels.
    sigma: standard deviation in pixels, above 0.
  """
  height, width = images.shape[-3:-1]
  return _filter(
    images,
    _reflect_matrix(height, kernel_size, sigma),
    _reflect_matrix(width, kernel_size, sigma),
  )


def ssim(a: Images, b: Images) -> Float[Array, ' B']:
  """Measures structural similarity in [-1, 1].

  As `tf.image.ssim(max_val=1)`: 11x11 Gaussian window, sigma 1.5, only where it
  fits; k1 .01, k2 .03 (Wang et al., 2004). Pictures must be at least 11x11.
  """

  def window(images):
    sides = images.shape[-3:-1]
    return _filter(images, *(np.float32(windows(x, 11, 1.5)) for x in sides))

  return dm_pix.ssim(a, b, filter_fn=window)


def dssim(a: Images, b: Images) -> Float[Array, ' B']:
  """Measures structural dissimilarity (1 - SSIM) / 2: Fawkes's budget."""
  return (1 - ssim(a, b)) / 2


@functools.cache
def load_lpips() -> Params:
  """Loads the weights of LPIPS on AlexNet, version 0.1 (Zhang et al., 2018).

  Raises:
    InputError: the weight file is missing or altered.
  """
  shapes = weights.expected_shapes(alexnet.LpipsFeatures(), 64)
  params, _ = weights.load('lpips_alexnet', shapes)
  return params


def lpips_features(params: Params, images: Images) -> Features:
  """Computes what LPIPS compares by Euclidean distance.

  Args:
    params: from `load_lpips`.
    images: RGB in [0, 1], at least 31x31.

  Raises:
    InputError: smaller pictures.
  """
  if min(images.shape[1:3]) < alexnet.MIN_SIZE:
    raise InputError(
      f'images: {images.shape[1]}x{images.shape[2]}, but LPIPS needs at least '
      f'{alexnet.MIN_SIZE}x{alexnet.MIN_SIZE}'
    )
  return _lpips_features(params, images)


# Traced once for all programs that it is a part of.
_lpips_features = jax.jit(alexnet.LpipsFeatures().apply)


def feature_lpips(a: Features, b: Features) -> Float[Array, ' B']:
  """Measures LPIPS of two pictures from their `lpips_features`."""
  return sum(
    jnp.sum((x - y) ** 2, (1, 2, 3)) for x, y in zip(a, b, strict=True)
  )


def lpips(params: Params, a: Images, b: Images) -> Float[Array, ' B']:
  """Measures the learned perceptual distance, 0 for equal pictures.

  LPIPS on AlexNet, version 0.1 (Zhang et al., 2018).

  Args:
    params: from `load_lpips`.
    a: RGB in [0, 1], at least 31x31.
    b: likewise.

  Raises:
    InputError: smaller pictures.
  """
  return feature_lpips(lpips_features(params, a), lpips_features(params, b))
