"""Where in a picture the attack works: on all of it, or on the face in it.

Recognizers turn and scale a face onto a template before they look at it. What
was made on a loose photograph as a whole is not what they see then; what was
made on the template, and put back, is.
"""

from typing import NamedTuple

import full_size
import numpy as np

from fr_poison.data import align, detect_faces
from fr_poison.types import InputError

_FADING = 5  # pixels: the radius of SSIM's window
# How wide the face is in a crop, of the picture's longer side: dlib's template
# around it, 1.5 times as wide, is then nine tenths of the picture or more. Of
# the ORL pictures nearly all have that, of LFW's 250x250 none.
_CROP_SHARE = 0.6
_CROP_SIDE = 256  # pixels; where no face is found, a smaller picture is a crop
ALIGNMENTS = ('auto', 'none', *align.TEMPLATES)
POLICIES = (*detect_faces.POLICIES, 'all')
_NO_FACE = 'if it is a face crop, --config.align=none attacks it as a whole'
_SEVERAL = (
  '--config.several_faces=all cloaks each of them, =largest or =most_central '
  'one'
)


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

  def without(self, change: np.ndarray, other: 'Frame') -> np.ndarray:
    """A change of this part [h, w, C] that leaves another frame's alone."""
    if self.box is None or other.box is None:
      return change
    (top, bottom, left, right), kept = self.box, change.copy()
    up, down, west, east = other.box
    rows = slice(max(up - top, 0), max(min(down, bottom) - top, 0))
    columns = slice(max(west - left, 0), max(min(east, right) - left, 0))
    kept[rows, columns] = 0
    return kept

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


class View(NamedTuple):
  """Where a picture is attacked.

  Attributes:
    frames: the faces, the largest first, or the picture as a whole.
    align: the template that the faces are put onto, or 'none'.
    face_share: how wide the largest face is, the picture's longer side being
      1; None: nobody looked, or there is none.
  """

  frames: tuple[Frame, ...] = (Frame(),)
  align: str = 'none'
  face_share: float | None = None


def find(image: np.ndarray, alignment: str, policy: str) -> View:
  """Where to attack a picture.

  'auto' takes it for a face crop, to be attacked as a whole, if it has one face
  at least .6 times as wide as its longer side, or none and no side above 256
  pixels: detectors miss faces that fill their picture. All others are
  photographs, whose faces are put onto dlib's template.

  Args:
    image: uint8 [H, W, C].
    alignment: one of `ALIGNMENTS`.
    policy: which of several faces: 'all', or as in `detect_faces.choose`.

  Raises:
    InputError: no face, or several and 'skip'; the extra `align` is missing.
  """
  if alignment == 'none':
    return View()
  template = 'dlib' if alignment == 'auto' else alignment
  rgb, side = full_size.as_rgb(image), max(image.shape[:2])
  faces = detect_faces.find_faces(rgb, template, far=policy == 'all')
  faces.sort(key=_width, reverse=True)
  share = float(_width(faces[0]) / side) if faces else None
  if alignment == 'auto':
    is_filled = len(faces) == 1 and share >= _CROP_SHARE
    if is_filled or (not faces and side <= _CROP_SIDE):
      return View(face_share=share)
  if not (policy == 'all' and faces):
    faces = [_choose(faces, image.shape, policy)]
  frames = [_frame(face.landmarks, image.shape, template) for face in faces]
  return View(tuple(frames), template, share)


def _width(face):
  return face.box[2] - face.box[0]


def _choose(faces, shape, policy):
  try:
    return detect_faces.choose(faces, shape, policy)
  except InputError as error:
    advice = _SEVERAL if faces else _NO_FACE
    raise InputError(f'{error}; {advice}') from error


def _frame(landmarks, shape, template):
  top, bottom, left, right = _box(landmarks, shape, template)
  return Frame(
    (top, bottom, left, right), landmarks - np.array([left, top]), template
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
