"""Where in a picture the attack works: on all of it, or on the faces in it.

Recognizers turn and scale a face onto a template before they look at it. What
was made on a loose photograph as a whole is not what they see then; what was
made on the template, and put back, is.
"""

import functools
from typing import NamedTuple

import numpy as np

from fr_poison.bands import Rows
from fr_poison.data import align, detect_faces
from fr_poison.photos import pixels
from fr_poison.types import InputError

_FADING = 5  # pixels: the radius of SSIM's window
# How wide the face is in a crop, of the picture's longer side: the frame around
# it would be wider than the picture. Of the ORL pictures nearly all have that,
# of LFW's 250x250 none.
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
    box: its rows and columns.
    landmarks: [5, 2], within the box; None: the part is resized as it is.
    template: that the landmarks are put onto.
  """

  box: tuple[slice, slice] = np.s_[:, :]
  landmarks: np.ndarray | None = None
  template: str = 'wide'

  @property
  def alignment(self) -> str:
    """Returns what a network is shown: a template, or 'none'."""
    return 'none' if self.landmarks is None else self.template

  @property
  def edges(self) -> list[int] | None:
    """Left, top, right and bottom of a face; None: the picture as a whole."""
    (rows, columns), whole = self.box, self.landmarks is None
    edges = [columns.start, rows.start, columns.stop, rows.stop]
    return None if whole else edges

  def look(self, part: np.ndarray | Rows, size: int) -> np.ndarray:
    """Shows a network the part [h, w, 3]: float32 [size, size, 3]."""
    if self.landmarks is None:
      return pixels.resize(part, size, size)[:]
    shown = align.warp(part, self.landmarks, size, self.template)
    return shown.astype(np.float32)

  def back(self, change: np.ndarray, height: int, width: int) -> Rows:
    """Takes a change of what is shown [S, S, 3] to the part: float32."""
    if self.landmarks is None:
      return pixels.resize(change, height, width)
    # Pixels at an edge are in few of SSIM's windows, and so hardly cost an
    # attack anything: they would be a square of dots around the face.
    edge = np.arange(len(change))
    weight = np.minimum(1, (np.minimum(edge, edge[::-1]) + 0.5) / _FADING)
    change = change * np.minimum(weight[:, None], weight)[..., None]
    known = self.landmarks, (height, width), self.template
    warp_back = functools.partial(
      align.warp_back, change.astype(np.float32), *known
    )
    shape = height, width, change.shape[2]
    return Rows(shape, lambda rows: warp_back(rows).astype(np.float32))


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
  """Finds where to attack a picture.

  'auto' takes it for a face crop, to be attacked as a whole, if it has one face
  at least .6 times as wide as its longer side, or none and no side above 256
  pixels: detectors miss faces that fill their picture. All others are
  photographs, whose faces are put into the canonical frame.

  Args:
    image: uint8 [H, W, 3].
    alignment: one of `ALIGNMENTS`.
    policy: which of several faces: 'all', or as in `detect_faces.choose`.

  Raises:
    InputError: no face, or several and 'skip'; the extra `align` is missing.
  """
  if alignment == 'none':
    return View()
  template = 'wide' if alignment == 'auto' else alignment
  side = max(image.shape[:2])
  width = lambda face: face.box[2] - face.box[0]
  faces = detect_faces.find_faces(image, template, far=policy == 'all')
  faces.sort(key=width, reverse=True)
  share = float(width(faces[0]) / side) if faces else None
  if alignment == 'auto':
    is_filled = len(faces) == 1 and share >= _CROP_SHARE
    if is_filled or (not faces and side <= _CROP_SIDE):
      return View(face_share=share)
  if not (policy == 'all' and faces):
    try:
      faces = [detect_faces.choose(faces, image.shape, policy)]
    except InputError as error:
      advice = _SEVERAL if faces else _NO_FACE
      raise InputError(f'{error}; {advice}') from error
  frames = [_frame(face.landmarks, image.shape, template) for face in faces]
  return View(tuple(frames), template, share)


def _frame(landmarks, shape, template):
  """Of the pixels that the template's square shows, at least SSIM's window."""
  corners = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
  points = align.template_points(template, 1)
  transform = align.similarity_transform(points, landmarks)
  corners = corners @ transform[:, :2].T + transform[:, 2]
  length = np.array(shape[1::-1])
  start = np.floor(corners.min(0)).astype(int)
  start = np.clip(start, 0, length - pixels.MIN_SIDE)
  stop = np.ceil(corners.max(0)).astype(int) + 1
  stop = np.clip(stop, start + pixels.MIN_SIDE, length)
  left_right, top_bottom = map(slice, start.tolist(), stop.tolist())
  return Frame((top_bottom, left_right), landmarks - start, template)
