"""From a picture's own colours to sRGB, the one colour space of the project.

Telephones write Display P3, cameras Adobe RGB, scanners grey of another gamma,
and say so in an ICC profile. Networks were trained on what a screen shows,
sites convert or drop profiles, and a cloak's budget is about what is seen: so a
profile is applied when a picture is read, and none is ever written. Carried
along, it would say where a picture comes from. What sRGB cannot show is brought
to its edge, as on a screen.
"""

import io
import itertools
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageCms

from fr_poison.bands import bands

_MODES = {'RGB': 'RGB', 'GRAY': 'L', 'CMYK': 'CMYK'}
_MAX_BYTES = 1 << 22  # of a profile; the largest that printers have
_GRID = (0, 32, 64, 96, 128, 160, 192, 224, 255)
_GREY_LEVELS = 2  # of colour that codecs give to grey: WebP 1, then another


def conversion(
  mode: str, profile: bytes | None
) -> Callable[[Image.Image], Image.Image]:
  """Makes the function that gives what a screen shows of a picture.

  Args:
    mode: of the pictures: L, RGB or CMYK.
    profile: their ICC profile, as a file holds it. One that is damaged, huge,
      of another kind of colour than `mode` or all but sRGB's is passed over, as
      browsers do.

  Returns:
    What makes a picture of mode RGB of one, or gives it back.
  """
  as_it_is = lambda image: image
  if not profile or len(profile) > _MAX_BYTES:
    return as_it_is
  try:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if _MODES.get(source.profile.xcolor_space.strip()) != mode:
      return as_it_is
    target = ImageCms.createProfile('sRGB')
    transform = ImageCms.buildTransform(source, target, mode, 'RGB')
    if mode != 'CMYK' and _most_moved(transform, mode) <= 1:
      return as_it_is
  except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
    return as_it_is
  return lambda image: ImageCms.applyTransform(image, transform)


def _most_moved(transform, mode):
  """How many levels a colour is moved at most; 1 may be but rounding."""
  codes = np.uint8(list(itertools.product(_GRID, repeat=3)))[None]
  if mode == 'L':
    codes = np.arange(256, dtype=np.uint8)[None]
  colours = Image.fromarray(codes)
  moved = np.asarray(ImageCms.applyTransform(colours, transform)).astype(int)
  return np.abs(moved - np.asarray(colours.convert('RGB'))).max()


def remove_tint(image: np.ndarray) -> None:
  """Makes uint8 [H, W, 3] grey, in place, if no pixel's channels differ by 3.

  WebP stores a grey photograph with a level of colour here and there; taken for
  a coloured one, it would get a coloured cloak.
  """
  for rows in bands(*image.shape[:2]):
    red, green, blue = np.moveaxis(image[rows], -1, 0)
    low = np.minimum(np.minimum(red, green), blue)
    high = np.maximum(np.maximum(red, green), blue)
    if (high - low).max() > _GREY_LEVELS:
      return
  for rows in bands(*image.shape[:2]):
    grey = Image.fromarray(image[rows]).convert('L')
    image[rows] = np.asarray(grey)[..., None]
