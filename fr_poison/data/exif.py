"""What a file says beside its pixels: what is kept of it, and how none is."""

import warnings

import numpy as np
from PIL import ExifTags, Image

from fr_poison.data import decode
from fr_poison.data.jpeg_segments import END, segments
from fr_poison.types import InputError

_ORIENTATION = 0x0112
# Of the picture as a whole: who, with what, when. Not how its pixels lie, and
# no thumbnail, which would be the face without its cloak.
_KEPT = (
  0x010E,  # ImageDescription
  0x010F,  # Make
  0x0110,  # Model
  0x0131,  # Software
  0x0132,  # DateTime
  0x013B,  # Artist
  0x013C,  # HostComputer
  0x8298,  # Copyright
)
# Makers hide previews in their note; size and colours are the new file's own.
_DROPPED = (
  0x927C,  # MakerNote
  0xA001,  # ColorSpace
  0xA002,  # PixelXDimension
  0xA003,  # PixelYDimension
  0xA005,  # Interoperability
)
_MAX_BYTES = 65_000  # A JPEG has 65,533 for it.
# Without these segments the same numbers would be other colours; a longer one
# holds something else: a thumbnail.
_NEEDED, _NEEDED_SIZE = (b'JFIF\0', b'Adobe'), 18


def kept(data: bytes) -> bytes:
  """Gives the EXIF of a picture, for a copy that lies upright.

  Args:
    data: a file that `decode.decode` takes.

  Returns:
    Who took it, with what, when and where (GPS), and Orientation 1; no
    thumbnail, no maker's note. b'' if there is nothing of this, if it is
    damaged, or longer than a JPEG can hold.
  """
  new = Image.Exif()
  try:
    with warnings.catch_warnings(action='ignore'):  # of damage
      with decode.opened(data) as image:
        old = image.getexif()
      new.update({tag: old[tag] for tag in _KEPT if tag in old})
      for ifd in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        tags = {k: v for k, v in old.get_ifd(ifd).items() if k not in _DROPPED}
        if tags:
          new[ifd] = tags
      if not new:
        return b''
      new[_ORIENTATION] = 1
      block = new.tobytes()
  except Exception:  # Pillow raises nearly everything on damage.
    return b''
  return block if len(block) <= _MAX_BYTES else b''


def pixels_only(data: bytes, image: np.ndarray) -> bytes:
  """Gives the file without EXIF, text, thumbnails, profiles and what follows.

  A JPEG that lies upright keeps its compressed pixels, to the bit; any other
  picture becomes a PNG.

  Args:
    data: the file.
    image: what it decodes to.
  """
  plain = _without_metadata(data)
  try:
    if plain == data or np.array_equal(decode.decode(plain, 'plain'), image):
      return plain
  except InputError:  # it is none
    pass
  return decode.encode_png(image)  # Or it lay on its side.


def _without_metadata(data):
  """The JPEG's own segments up to its end; b'' if it is none, or odd."""
  if not data.startswith(b'\xff\xd8'):
    return b''
  kept, segment = [data[:2]], None
  for segment in segments(data):
    marker, start, stop = segment
    is_short = stop - start <= _NEEDED_SIZE
    is_about = 0xE0 <= marker <= 0xEF or marker == 0xFE
    if not is_about or (is_short and data.startswith(_NEEDED, start + 4)):
      kept.append(data[start:stop])
  is_whole = segment is not None and segment.marker == END
  return b''.join(kept) if is_whole else b''
