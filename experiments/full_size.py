"""From a perturbation at the attack's size to the picture that is posted.

Pillow and NumPy: pictures come in every size, and JAX would compile anew, and
keep the code, for each. The tests hold `resize` and `dssim` to those of the
package. Pictures here are [H, W, C] with one channel where they are grey, so
that nothing can make the channels of a grey picture differ.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image

MIN_SIDE = 11  # of SSIM's window
_TILE = 64  # SSIM's windows at a time, rows and columns


def squeeze_grey(image: np.ndarray) -> np.ndarray:
  """uint8 [H, W, 3] -> [H, W, 1] if it is grey, unchanged if not."""
  is_grey = (image == image[..., :1]).all()
  return image[..., :1] if is_grey else image


def as_rgb(image: np.ndarray) -> np.ndarray:
  """[H, W, 1 or 3] -> [H, W, 3]."""
  return np.broadcast_to(image, (*image.shape[:2], 3))


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
  """Bilinear, antialiased when shrinking, as `network.resize`.

  Args:
    image: [H, W, C].
    height: new rows.
    width: new columns.

  Returns:
    float32 [height, width, C]; never beyond the extreme values of `image`.
  """
  planes = [
    Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)
    for plane in np.moveaxis(image.astype(np.float32), -1, 0)
  ]
  result = np.stack([np.asarray(plane) for plane in planes], -1)
  return np.clip(result, image.min(), image.max())  # rounding errors, too


def _gaussian() -> np.ndarray:
  kernel = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
  return kernel / kernel.sum()


_KERNEL = _gaussian()


def _window_means(x: np.ndarray) -> np.ndarray:
  """float64 [H, W, C] -> [H - 10, W - 10, C]."""
  height, width = x.shape[0] - 10, x.shape[1] - 10
  x = sum(k * x[i : i + height] for i, k in enumerate(_KERNEL))
  return sum(k * x[:, i : i + width] for i, k in enumerate(_KERNEL))


def _ssim_sum(a: np.ndarray, b: np.ndarray) -> float:
  """Over all windows of a tile, pixels in [0, 1]."""
  c1, c2 = 0.01**2, 0.03**2
  means = _window_means(np.concatenate([a, b, a * a, b * b, a * b], -1))
  mean_a, mean_b, square_a, square_b, product = np.split(means, 5, -1)
  var_a = np.maximum(square_a - mean_a**2, 0)
  var_b = np.maximum(square_b - mean_b**2, 0)
  covar = product - mean_a * mean_b
  luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
  return float(np.sum(luminance * (2 * covar + c2) / (var_a + var_b + c2)))


def dssim(a: np.ndarray, b: np.ndarray) -> float:
  """Structural dissimilarity (1 - SSIM) / 2, as `perceptual.dssim`.

  Args:
    a: uint8 [H, W, C], at least MIN_SIDE high and wide.
    b: the same.
  """
  total, height, width = 0.0, a.shape[0] - 10, a.shape[1] - 10
  for y in range(0, height, _TILE):
    for x in range(0, width, _TILE):
      # Slices end with the picture by themselves.
      tile = np.s_[y : y + _TILE + 10, x : x + _TILE + 10]
      total += _ssim_sum(a[tile] / 255, b[tile] / 255)
  return (1 - total / (height * width * a.shape[2])) / 2


class Cloak(NamedTuple):
  """A perturbed picture at full size."""

  codes: np.ndarray  # uint8 [H, W, C], inside the budget
  unrounded: np.ndarray  # float32 [H, W, C] in [0, 1], before 8 bits
  scale: float  # of the perturbation, 1 unless `max_dssim` asked for less


def unchanged(image: np.ndarray) -> Cloak:
  """A picture, uint8 [H, W, C], as its own cloak."""
  return Cloak(image, image.astype(np.float32) / np.float32(255), 0.0)


def add(
  image: np.ndarray,
  change: np.ndarray,
  max_dssim: float | None,
  base: np.ndarray | None = None,
) -> Cloak | None:
  """Puts the attack's perturbation onto the picture.

  No pixel moves by more levels than the attack moved any, also after rounding.

  Args:
    image: uint8 [H, W, C].
    change: float32 [H, W, C], the attack's at this size, in grey levels.
    max_dssim: if the saved pixels differ by more, the perturbation is scaled
      down in steps of 5% until they do not.
    base: the picture with what it has already, such as its neighbour's cloak;
      None: the picture.

  Returns:
    None if what is left of the perturbation changes no pixel.
  """
  base = image if base is None else base
  for percent in range(100, 0, -5):
    levels = base + np.float32(percent / 100) * change
    codes = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    if (codes == base).all():
      return None
    if max_dssim is None or dssim(image, codes) <= max_dssim:
      return Cloak(codes, np.clip(levels, 0, 255) / 255, percent / 100)
  return None
