"""Where in a picture the attack works: on all of it, or on the face in it.

Recognizers turn and scale a face onto a template before they look at it. What
was made on a loose photograph as a whole is not what they see then; what was
made on the template, and put back, is.
"""

from typing import NamedTuple

import full_size
import numpy as np

from fr_poison.data import align, detect_faces

_FADING = 5  # pixels: the radius of SSIM's window
ALIGNMENTS = ('none', *align.TEMPLATES)


class Frame(NamedTuple):
  """A part of a picture, and how a network's picture is made of it.

  Attributes:
    box: top, bottom, left, right; None: the whole picture.
    landmarks: [5, 2], within the box; None: it is resized as it is.
    template: that the landmarks are put onto.
  """

  box: tuple[int, int, int, int] | None = None
  landmarks: np.ndarray | None = None
  template: str = 'dlib'

  def crop(self, image: np.ndarray) -> np.ndarray:
    """The part of a picture [H, W, C], a view."""
    if self.box is None:
      return image
    top, bottom, left, right = self.box
    return image[top:bottom, left:right]

  def paste(self, image: np.ndarray, part: np.ndarray) -> np.ndarray:
    """The picture with another part."""
    result = image.copy()
    self.crop(result)[:] = part
    return result

  def look(self, part: np.ndarray, size: int) -> np.ndarray:
    """What a network is shown of a part [h, w, C], float32 [size, size, C]."""
    if self.landmarks is None:
      return full_size.resize(part, size, size)
    return align.warp(part, self.landmarks, size, self.template).astype(
      np.float32
    )

  def back(self, change: np.ndarray, part: np.ndarray) -> np.ndarray:
    """A change of what is shown [S, S, C], as one of the part [h, w, C]."""
    height, width = part.shape[:2]
    if self.landmarks is None:
      return full_size.resize(change, height, width)
    change = (change * _fading(len(change))).astype(np.float32)
    return align.warp_back(
      change, self.landmarks, (height, width), self.template
    ).astype(np.float32)


def find(image: np.ndarray, alignment: str, policy: str) -> Frame:
  """The frame of a picture.

  Args:
    image: uint8 [H, W, C].
    alignment: one of `ALIGNMENTS`.
    policy: which of several faces, as in `detect_faces.choose`.

  Raises:
    InputError: no face, or several and 'skip'; the extra `align` is missing.
  """
  if alignment == 'none':
    return Frame()
  faces = detect_faces.find_faces(full_size.as_rgb(image), alignment)
  landmarks = detect_faces.choose(faces, image.shape, policy).landmarks
  top, bottom, left, right = _box(landmarks, image.shape, alignment)
  return Frame(
    (top, bottom, left, right), landmarks - np.array([left, top]), alignment
  )


def _fading(size):
  """[size, size, 1]: 1 inside, down to 0 at the edges.

  Pixels at an edge are in few of SSIM's windows, and so hardly cost an attack
  anything: in a photograph they would be a square of dots around the face.
  """
  distance = np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5
  weight = np.minimum(1, distance / _FADING)
  return np.minimum(weight[:, None], weight)[..., None]


def _box(landmarks, shape, template):
  """Of the pixels that the template's square shows, at least SSIM's window."""
  corners = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
  points = align.template_points(template, 1)
  transform = align.similarity_transform(points, landmarks)
  corners = corners @ transform[:, :2].T + transform[:, 2]
  box = []
  for low, high, length in zip(
    np.floor(corners.min(0)),
    np.ceil(corners.max(0)) + 1,
    shape[1::-1],
    strict=True,
  ):
    start = int(np.clip(low, 0, length - full_size.MIN_SIDE))
    box.append((start, int(np.clip(high, start + full_size.MIN_SIDE, length))))
  (left, right), (top, bottom) = box
  return top, bottom, left, right
