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

import numpy as np
from PIL import Image, ImageChops, ImageCms

_MODES = {'RGB': 'RGB', 'GRAY': 'L', 'CMYK': 'CMYK'}
_MAX_BYTES = 1 << 22  # of a profile; the largest that printers have
_GRID = (0, 32, 64, 96, 128, 160, 192, 224, 255)
_GREY_LEVELS = 2  # of colour that codecs give to grey: WebP 1, then another


def apply(image: Image.Image, profile: bytes | None) -> Image.Image:
  """Gives what a screen shows of a picture with this ICC profile.

  Args:
    image: of mode L, RGB or CMYK.
    profile: as its file holds it. One that is damaged, huge, of another kind of
      colour than `image` or all but sRGB's is passed over, as browsers do.

  Returns:
    `image`, or a picture of mode RGB.
  """
  if not profile or len(profile) > _MAX_BYTES:
    return image
  try:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if _MODES.get(source.profile.xcolor_space.strip()) != image.mode:
      return image
    target = ImageCms.createProfile('sRGB')
    transform = ImageCms.buildTransform(source, target, image.mode, 'RGB')
    is_idle = image.mode != 'CMYK' and _most_moved(transform, image.mode) <= 1
    return image if is_idle else ImageCms.applyTransform(image, transform)
  except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
    return image


def _most_moved(transform, mode):
  """How many levels a colour is moved at most; 1 may be but rounding."""
  codes = np.uint8(list(itertools.product(_GRID, repeat=3)))[None]
  if mode == 'L':
    codes = np.arange(256, dtype=np.uint8)[None]
  colours = Image.fromarray(codes)
  moved = np.asarray(ImageCms.applyTransform(colours, transform)).astype(int)
  return np.abs(moved - np.asarray(colours.convert('RGB'))).max()


def without_tint(image: Image.Image) -> Image.Image:
  """Turns a picture of mode RGB to L where no pixel's channels differ by 3.

  WebP stores a grey photograph with a level of colour here and there; taken for
  a coloured one, it would get a coloured cloak.
  """
  for a, b in itertools.combinations(image.split(), 2):
    if ImageChops.difference(a, b).getextrema()[1] > _GREY_LEVELS:
      return image
  return image.convert('L')
