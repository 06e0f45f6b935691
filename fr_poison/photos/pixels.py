"""Pictures of every size, resized and compared with NumPy and Pillow.

JAX would compile anew, and keep the program, for each size. The tests hold
`resize` and `dssim` to those of networks and attacks.
"""

import numpy as np
from PIL import Image
from scipy import ndimage

MIN_SIDE = 11  # of SSIM's window
_TILE = 64  # SSIM's windows at a time, rows and columns


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
  """Resizes bilinearly, antialiased when shrinking, as `network.resize`.

  From [H, W, C] to float32 [height, width, C], never beyond the extreme values
  of `image`.
  """
  planes = [
    Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)
    for plane in np.moveaxis(image.astype(np.float32), -1, 0)
  ]
  result = np.stack([np.asarray(plane) for plane in planes], -1)
  return np.clip(result, image.min(), image.max())  # rounding errors, too


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
  c1, c2, radius = 0.01**2, 0.03**2, MIN_SIDE // 2
  products = np.stack([a, b, a * a, b * b, a * b])
  means = ndimage.gaussian_filter(products, 1.5, radius=radius, axes=(1, 2))
  inside = np.s_[:, radius:-radius, radius:-radius]
  mean_a, mean_b, square_a, square_b, product = means[inside]
  var_a = np.maximum(square_a - mean_a**2, 0)
  var_b = np.maximum(square_b - mean_b**2, 0)
  covar = product - mean_a * mean_b
  luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
  return float(np.sum(luminance * (2 * covar + c2) / (var_a + var_b + c2)))
