"""A decoded picture of any mode to upright RGB, a band of rows at a time.

Pillow's own conversions take the whole picture, and make a copy of it each.
"""

import numpy as np
from PIL import ExifTags, Image

from fr_poison.bands import bands
from fr_poison.data import srgb

# How the picture that is stored lies in the upright one, by EXIF's orientation.
_LYING = {
  2: lambda upright: upright[:, ::-1],
  3: lambda upright: upright[::-1, ::-1],
  4: lambda upright: upright[::-1],
  5: lambda upright: upright.swapaxes(0, 1),
  6: lambda upright: upright.swapaxes(0, 1)[::-1],
  7: lambda upright: upright.swapaxes(0, 1)[::-1, ::-1],
  8: lambda upright: upright.swapaxes(0, 1)[:, ::-1],
}


def to_rgb(image: Image.Image) -> np.ndarray:
  """Gives uint8 [H, W, 3] of a picture that Pillow has decoded.

  Upright, transparent pixels on white, 16 bits scaled to 8, in sRGB, and grey
  exactly grey. ValueError: floats, or grey levels outside 16 bits.
  """
  orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
  lying = _LYING.get(orientation, lambda upright: upright)
  width, height = image.size
  turned = 5 <= orientation <= 8
  shape = (width, height, 3) if turned else (height, width, 3)
  upright, convert = np.empty(shape, np.uint8), None
  stored = lying(upright)
  for rows in bands(height, width):
    band, alpha = _plain(image.crop((0, rows.start, width, rows.stop)))
    if convert is None:  # All bands have one mode.
      convert = srgb.conversion(band.mode, image.info.get('icc_profile'))
    band = convert(band).convert('RGB')
    if alpha:
      band.putalpha(alpha)
      white = Image.new('RGBA', band.size, 'white')
      band = Image.alpha_composite(white, band).convert('RGB')
    stored[rows] = band
  srgb.remove_tint(upright)
  return upright


def _plain(image):
  """The same of mode L, RGB or CMYK, and its alpha channel or None."""
  if image.mode.startswith('I'):  # I;16 of PNG and TIFF, I of PGM.
    grey = np.asarray(image).astype(np.int64)
    if grey.min() < 0 or grey.max() > 65535:
      raise ValueError('grey levels outside 16 bits')
    grey = (grey * 255 + 32767) // 65535  # Pillow would clip at 255.
    return Image.fromarray(grey.astype(np.uint8)), None
  if image.mode == 'F':
    raise ValueError('floating-point pixels')
  if image.has_transparency_data:
    rgba = image.convert('RGBA')
    is_grey = image.mode in ('1', 'L', 'LA')
    image = image.convert('L') if is_grey else rgba.convert('RGB')
    return image, rgba.getchannel('A')
  if image.mode != 'CMYK':
    image = image.convert('L' if image.mode in ('1', 'L') else 'RGB')
  return image, None
