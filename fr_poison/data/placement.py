"""How pictures of any size are brought to one; those left out say why."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image


class Placement(NamedTuple):
  """A way to do so.

  Attributes:
    alignment: what to call it, for `FaceSet.alignment`.
    place: uint8 [H, W, 3] -> uint8 [size, size, 3]; an InputError of its own
      leaves the picture out, and says why.
    details: what else its results depend on, as the choice among faces.
    of_subject: where the pictures' subject is in the middle and has the eyes
      there ([2, 2], see `trees.Source.eyes`; None: nobody says), the placement
      that makes use of it; None: there is no other.
    otherwise: what is done with a picture that `place` leaves out, instead;
      None: it stays out.
  """

  alignment: str
  place: Callable[[np.ndarray], np.ndarray]
  details: str = ''
  of_subject: Callable[[np.ndarray | None], 'Placement'] | None = None
  otherwise: Callable[[np.ndarray], np.ndarray] | None = None


class Rejected(NamedTuple):
  """A picture that was left out: a row of the report."""

  path: str
  reason: str


def centred(size: int) -> Placement:
  """Resizes the largest square in the middle of a picture to `size`."""

  def place(image):
    height, width = image.shape[:2]
    if height == width == size:
      return image
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize(image[top : top + side, left : left + side], size, size)

  return Placement(f'centre-{size}', place)


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
  """Resizes uint8 or float32 [H, W, C] to [height, width, C].

  Pillow's bilinear filter, which averages where it shrinks: no aliasing.
  """
  planes = [
    Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR)
    for plane in np.moveaxis(image, -1, 0)
  ]
  return np.stack(planes, -1)
