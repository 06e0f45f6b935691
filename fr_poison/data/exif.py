"""What a file says of who took a picture, where: for those who keep it."""

import warnings

from PIL import ExifTags, Image

from fr_poison.data import decode

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


def kept(data: bytes) -> bytes:
  """The EXIF of a picture, for a copy that lies upright.

  Args:
    data: a file that `decode.decode` takes.

  Returns:
    Who took it, with what, when and where (GPS), and Orientation 1; no
    thumbnail, no maker's note. b'' if there is nothing of this, if it is
    damaged, or longer than a JPEG can hold.
  """
  try:
    with warnings.catch_warnings():  # of damage
      warnings.simplefilter('ignore')
      block = _kept(data)
  except Exception:  # Pillow raises nearly everything on damage.
    return b''
  return block if len(block) <= _MAX_BYTES else b''


def _kept(data):
  with decode.opened(data) as image:
    old = image.getexif()
  new = Image.Exif()
  new.update({tag: old[tag] for tag in _KEPT if tag in old})
  for ifd in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
    tags = {k: v for k, v in old.get_ifd(ifd).items() if k not in _DROPPED}
    if tags:
      new[ifd] = tags
  if not new:
    return b''
  new[_ORIENTATION] = 1
  return new.tobytes()
