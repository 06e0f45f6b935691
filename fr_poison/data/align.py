"""Faces to one place: landmarks onto the template that networks expect.

Points are (x, y) in pixels; a whole number is the centre of a pixel.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image

from fr_poison import checks
from fr_poison.bands import Rows, bands
from fr_poison.types import InputError

# dlib's get_face_chip_details: outer and inner corner of one eye, outer and
# inner corner of the other, base of the nose, in a face box of side 1.
_DLIB_POINTS = (
  (0.8595674596, 0.2134981538),
  (0.6460604764, 0.2289674388),
  (0.1205750621, 0.2137274527),
  (0.3340850614, 0.2290642403),
  (0.4901123136, 0.6277975316),
)
# arcface_dst of InsightFace's face_align.py (Deng et al., "ArcFace", CVPR
# 2019): the eye on the left, the other, tip of the nose, the corner of the
# mouth on the left, the other, in a picture of side 112.
_ARCFACE_POINTS = (
  (38.2946, 51.6963),
  (73.5318, 51.5014),
  (56.0252, 71.7366),
  (41.5493, 92.3655),
  (70.7299, 92.2041),
)


class Template(NamedTuple):
  """Where the landmarks of a face lie in a picture of side 1.

  Attributes:
    points: [5, 2].
    landmarks: which five they are, 'dlib' or 'arcface'.
    side: of its pictures where nobody says otherwise, in pixels.
  """

  points: np.ndarray
  landmarks: str = 'arcface'
  side: int = 112

  @property
  def eyes(self) -> tuple[list[int], list[int]]:
    """Lists the points of the eye on the left, and those of the other."""
    return ([2, 3], [0, 1]) if self.landmarks == 'dlib' else ([0], [1])


TEMPLATES = {
  # The canonical frame: ArcFace's square with 8 pixels more on either side, 4
  # above and 12 below, so that what every other template shows is in it.
  'wide': Template((np.array(_ARCFACE_POINTS) + (8, 4)) / 128, side=128),
  'arcface': Template(np.array(_ARCFACE_POINTS) / 112),
  # The box padded by a quarter, as dlib's get_face_chip does by default.
  'dlib': Template((np.array(_DLIB_POINTS) + 0.25) / 1.5, 'dlib'),
}


def template_points(template: str, size: int) -> np.ndarray:
  """Gives the place of the landmarks in an aligned picture of side `size`.

  Float64 [5, 2], in pixels. InputError: the template is none of `TEMPLATES`.
  """
  checks.known('template', template, TEMPLATES)
  return TEMPLATES[template].points * size


def landmarks_on(template: str, other: str, size: int) -> np.ndarray:
  """Gives the place of a template's landmarks in a face that is on another.

  Both are laid over each other by the middle of either eye; which point of the
  nose or the mouth each has is not the same. [5, 2], in a picture of side
  `size`; raises as `template_points`.
  """
  return landmarks_at(_eyes(other, size), template)


def landmarks_at(eyes: np.ndarray, template: str) -> np.ndarray:
  """Gives the place of a template's landmarks in a face of which it is known.

  Args:
    eyes: [2, 2], the middle (x, y) of the eye on the left and of the other.
    template: one of `TEMPLATES`; raises as `template_points`.

  Returns:
    [5, 2], in the unit of `eyes`.
  """
  transform = similarity_transform(_eyes(template, 1), eyes)
  return _moved(template_points(template, 1), transform)


def _eyes(template, size):
  points = template_points(template, size)
  return np.stack([points[eye].mean(0) for eye in TEMPLATES[template].eyes])


def similarity_transform(source: np.ndarray, target: np.ndarray) -> np.ndarray:
  """Fits the least-squares rotation, scale and shift of points onto others.

  Umeyama, "Least-squares estimation of transformation parameters between two
  point patterns", PAMI 1991; never a mirror image. Both are [K, 2]; the result
  is the float64 [2, 3] matrix M with target ~ M[:, :2] @ source + M[:, 2].
  InputError: source points that are not finite, or all in one place.
  """
  source, target = np.float64(source), np.float64(target)
  source_mean, target_mean = source.mean(0), target.mean(0)
  source, target = source - source_mean, target - target_mean
  variance = np.sum(source**2)
  if not (np.isfinite(variance) and variance > 1e-12):
    raise InputError('landmarks: not finite, or all in one place')
  u, d, vt = np.linalg.svd(target.T @ source)
  signs = np.array([1, np.sign(np.linalg.det(u @ vt))])
  linear = u @ np.diag(signs) @ vt * (np.sum(d * signs) / variance)
  return np.column_stack([linear, target_mean - linear @ source_mean])


def align(
  image: np.ndarray,
  landmarks: np.ndarray,
  size: int,
  template: str,
) -> np.ndarray:
  """Warps uint8 [H, W, 3] to uint8 [size, size, 3]; see `warp`."""
  return np.rint(warp(image, landmarks, size, template)).astype(np.uint8)


def warp(
  image: np.ndarray | Rows, landmarks: np.ndarray, size: int, template: str
) -> np.ndarray:
  """Turns, scales and shifts a face onto a template.

  Bilinear; beyond its edges the picture goes on with its edge pixels. Every
  channel is treated alike, so grey pictures stay exactly grey.

  Args:
    image: uint8 or float32 [H, W, C], in any unit; an array, or `Rows`.
    landmarks: [5, 2], in the template's order.
    size: side of the result, float64 [size, size, C], in pixels.
    template: one of `TEMPLATES`.

  Raises:
    InputError: an unknown template, landmarks of another shape, not finite,
      or all in one place.
  """
  transform = _onto(landmarks, size, template)
  factor = int(_scale(transform) ** -1)
  if factor > 1:  # Bilinear sampling aliases when it shrinks by 2 or more.
    image = _reduce(image, factor)
    landmarks = (np.float64(landmarks) + 0.5) / factor - 0.5
    transform = _onto(landmarks, size, template)
  inverse = np.linalg.inv(transform[:, :2])
  grid = _grid(range(size), size)
  return _bilinear(image[:], (grid - transform[:, 2]) @ inverse.T)


def warp_back(
  change: np.ndarray,
  landmarks: np.ndarray,
  shape: tuple[int, int],
  template: str,
  rows: slice = slice(None),
) -> np.ndarray:
  """Brings what is to be added to `warp` of a picture to where its face is.

  Of float32 [S, S, C] it makes float64 [H, W, C], the picture's `shape`, or
  some `rows` of that; 0 beyond the aligned square, and nowhere more than the
  greatest change. Landmarks are those in the picture. Raises as `warp`.
  """
  size = len(change)
  transform = _onto(landmarks, size, template)
  height, width = shape
  xy = _moved(_grid(range(*rows.indices(height)), width), transform)
  is_inside = ((xy >= -0.5) & (xy <= size - 0.5)).all(-1, keepdims=True)
  factor = int(_scale(transform))
  if factor > 1:  # The face is smaller than its template: see `warp`.
    change, xy = _reduce(change, factor), (xy + 0.5) / factor - 0.5
  return np.where(is_inside, _bilinear(change, xy), 0)


def _onto(landmarks, size, template):
  points = template_points(template, size)
  if np.shape(landmarks) != (5, 2):
    raise InputError(f'landmarks: expected [5, 2], got {np.shape(landmarks)}')
  return similarity_transform(landmarks, points)


def _moved(points, transform):
  return points @ transform[:, :2].T + transform[:, 2]


def _scale(transform):
  return np.linalg.det(transform[:, :2]) ** 0.5


def _grid(rows, width):
  """[rows, width, 2]: the (x, y) of every pixel."""
  return np.stack(np.meshgrid(np.arange(width), rows), axis=-1)


def _reduce(image, factor):
  """Means of `factor` x `factor` pixels; of uint8, rounded."""
  reduced = []
  for rows in bands(*image.shape[:2], multiple=factor):
    planes = map(np.ascontiguousarray, np.moveaxis(image[rows], -1, 0))
    reduced.append(
      np.stack([Image.fromarray(p).reduce(factor) for p in planes], -1)
    )
  return np.concatenate(reduced)


def _bilinear(image: np.ndarray, xy: np.ndarray) -> np.ndarray:
  """Samples `image` at `xy` [..., 2], held to the centres of its pixels."""
  last = np.array(image.shape[1::-1]) - 1
  xy = np.clip(xy, 0, last)
  x0, y0 = np.moveaxis(xy.astype(int), -1, 0)
  x1, y1 = np.minimum(x0 + 1, last[0]), np.minimum(y0 + 1, last[1])
  wx, wy = xy[..., 0, None] - x0[..., None], xy[..., 1, None] - y0[..., None]
  top = image[y0, x0] * (1 - wx) + image[y0, x1] * wx
  bottom = image[y1, x0] * (1 - wx) + image[y1, x1] * wx
  return top * (1 - wy) + bottom * wy
