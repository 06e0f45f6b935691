"""Pictures of every size, resized and compared with NumPy and Pillow.

JAX would compile anew, and keep the program, for each size. The tests hold
`resize` and `dssim` to those of networks and attacks. None takes more memory
than a small part of a large picture.
"""

import numpy as np

from fr_poison.attacks import perceptual
from fr_poison.bands import Rows, bands
from fr_poison.data import placement

MIN_SIDE = 11  # of SSIM's window
# SSIM's windows at a time, rows and columns. Products of larger matrices would
# be spread over cores, which takes longer.
_TILE = 48


def resize(image: np.ndarray | Rows, height: int, width: int) -> Rows:
  """Resizes bilinearly, antialiased when shrinking, as `network.resize`.

  From [H, W, C] to float32 [height, width, C], never beyond the extreme values
  of `image`. What Pillow makes of the whole picture, which resizes rows and
  then columns: its rows are resized here, columns where rows of the result are
  asked for. To the bit, but for the last one of what becomes lower and is twice
  as high as wide, or narrower than the result: Pillow begins with its columns.
  """
  low, high, resized = np.inf, -np.inf, []
  for rows in bands(*image.shape[:2]):
    band = np.asarray(image[rows], np.float32)
    low, high = min(low, band.min()), max(high, band.max())
    resized.append(placement.resize(band, len(band), width))
  resized = np.concatenate(resized)
  first, weights = _taps(len(resized), height)

  def of(rows):
    total = np.float64(0)
    for tap, weight in enumerate(weights[:, rows]):
      pixels = resized[np.minimum(first[rows] + tap, len(resized) - 1)]
      total = total + weight[:, None, None] * pixels
    return np.clip(total.astype(np.float32), low, high)

  return Rows((height, width, image.shape[2]), of)


def _taps(length, number):
  """The first of `length` pixels of each of `number`, [N]; weights [K, N].

  In the order of precompute_coeffs in Pillow's Resample.c.
  """
  scale = length / number
  support = max(scale, 1.0)
  centres = (np.arange(number) + 0.5) * scale
  first = np.maximum((centres - support + 0.5).astype(int), 0)
  count = np.minimum((centres + support + 0.5).astype(int), length) - first
  tap = np.arange(count.max())[:, None]
  apart = np.abs((tap + first - centres + 0.5) * (1 / support))
  weights = np.where(tap < count, np.maximum(1 - apart, 0), 0)
  return first, weights / np.cumsum(weights, 0)[-1]


def dssim(a: np.ndarray, b: np.ndarray) -> float:
  """Measures structural dissimilarity (1 - SSIM) / 2, as `perceptual.dssim`.

  Of uint8 [H, W, C], at least MIN_SIDE high and wide.
  """
  height, width = a.shape[0] - MIN_SIDE + 1, a.shape[1] - MIN_SIDE + 1
  total, length = 0.0, _TILE + MIN_SIDE - 1
  for y in range(0, height, _TILE):
    for x in range(0, width, _TILE):
      # Slices end with the picture by themselves.
      tile = np.s_[y : y + length, x : x + length]
      total += _ssim_sum(a[tile] / 255, b[tile] / 255)
  return (1 - total / (height * width * a.shape[2])) / 2


def _ssim_sum(a, b):
  """Over all windows of a tile, pixels in [0, 1]."""
  c1, c2 = 0.01**2, 0.03**2
  a, b = (np.ascontiguousarray(np.moveaxis(x, -1, 0)) for x in (a, b))
  products = np.stack([a, b, a * a, b * b, a * b])
  sides = products.shape[2:]
  rows, columns = (perceptual.windows(x, MIN_SIDE, 1.5) for x in sides)
  mean_a, mean_b, square_a, square_b, product = rows @ products @ columns.T
  var_a = np.maximum(square_a - mean_a**2, 0)
  var_b = np.maximum(square_b - mean_b**2, 0)
  covar = product - mean_a * mean_b
  luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
  return float(np.sum(luminance * (2 * covar + c2) / (var_a + var_b + c2)))
