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
# When, and how it was exposed; but no maker's note and no comment, in which
# previews of the face without its cloak hide, and no serial number.
_KEPT_OF_EXPOSURE = (
  *(0x829A, 0x829D, 0x8822, 0x8827),  # time, aperture, program, sensitivity
  *(0x9000, 0x9003, 0x9004, 0x9010, 0x9011, 0x9012),  # version, dates, zones
  *range(0x9201, 0x920B),  # shutter to focal length, flash among them
  *(0x9290, 0x9291, 0x9292),  # fractions of the dates' seconds
  *range(0xA402, 0xA407),  # mode, white balance, zoom, 35 mm, kind of scene
  *(0xA432, 0xA433, 0xA434),  # the lens, by its maker's name and its own
)
_KEPT_OF_PLACE = range(32)  # what EXIF 3.0 defines
_KEPT_IN = {
  ExifTags.IFD.Exif: _KEPT_OF_EXPOSURE,
  ExifTags.IFD.GPSInfo: _KEPT_OF_PLACE,
}
_LONGEST = 256  # Bytes of a value that is no text: more are something else's.
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
    thumbnail, no maker's note, no comment and no serial number. b'' if there
    is nothing of this, if it is damaged, or longer than a JPEG can hold.
  """
  new = Image.Exif()
  try:
    with warnings.catch_warnings(action='ignore'):  # of damage
      with decode.opened(data) as image:
        old = image.getexif()
      new.update({tag: old[tag] for tag in _KEPT if tag in old})
      for ifd, names in _KEPT_IN.items():
        found = old.get_ifd(ifd)
        tags = {k: found[k] for k in names if _is_plain(found.get(k))}
        if tags:
          new[ifd] = tags
      if not new:
        return b''
      new[_ORIENTATION] = 1
      block = new.tobytes()
  except Exception:  # Pillow raises nearly everything on damage.
    return b''
  return block if len(block) <= _MAX_BYTES else b''


def _is_plain(value):
  is_data = isinstance(value, bytes)
  return value is not None and not (is_data and len(value) > _LONGEST)


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
