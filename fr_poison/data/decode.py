"""Bytes to upright RGB, or one line that says why not; and back to files."""

import io
import itertools
import os
import warnings
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from fr_poison import files
from fr_poison.data import jpeg_segments, rgb
from fr_poison.data.jpeg_segments import SCAN
from fr_poison.files import write_atomic
from fr_poison.types import InputError

MAX_PIXELS = 64_000_000
MAX_SCANS = 100  # of a JPEG; libtiff allows as many, cameras write ten
# Only these: Pillow would hand an EPS file to Ghostscript, for instance.
FORMATS = ('BMP', 'GIF', 'JPEG', 'PNG', 'PPM', 'TIFF', 'WEBP', 'AVIF')
# Pictures by their names, in lower case, that are refused with what to do.
_RAW = (
  '.3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .iiq .kdc .mef .mrw .nef .nrw .orf '
  '.pef .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f'
)
_OTHER = '.j2k .jp2 .jpf .jpx .jxl .jxr .psb .psd .tga .xcf'
_REFUSED = dict.fromkeys(_RAW.split(), "a camera's raw picture")
_REFUSED |= {x: f'{x[1:].upper()}, a format not read' for x in _OTHER.split()}
# What a file is called that is, or should be, a picture.
EXTENSIONS = _REFUSED.keys() | frozenset(
  '.avif .bmp .dib .gif .heic .heif .hif .jfif .jpe .jpeg .jpg .mpo .pbm .pgm '
  '.png .pnm .ppm .tif .tiff .webp'.split()
)
_INSTEAD = 'save it as JPEG or PNG'
_DNG_VERSION, _SUBFILE = 0xC612, 0xFE  # TIFF's tags


def decode(data: bytes, name: str) -> np.ndarray:
  """Decodes one still picture, turned upright as its EXIF says.

  Transparent pixels are put on white; 16 bits are scaled to 8, not clipped;
  colours are brought to sRGB (`srgb`), and grey pictures are exactly grey.

  Args:
    data: an AVIF, BMP, GIF, JPEG, PNG, PNM, TIFF or WebP file; with the extra
      `heic`, a HEIC file.
    name: what to call it in the message. One that is called a camera's raw
      picture is refused: what lies in it to be seen is a small preview.

  Returns:
    uint8 [H, W, 3], RGB.

  Raises:
    InputError: empty, not a picture, damaged, animated, of a format not read,
      larger than MAX_PIXELS (found out from the header, before anything is
      decoded), or a JPEG of more than MAX_SCANS.
  """
  if refused := _REFUSED.get(os.path.splitext(name)[1].lower()):
    raise InputError(f'{name}: {refused}; {_INSTEAD}')
  if not data:
    raise InputError(f'{name}: empty file')
  try:
    # What Pillow only warns of is harmless (EXIF), or refused here (size).
    with warnings.catch_warnings(action='ignore'), opened(data) as image:
      _check(image, data)
      image.load()
      _check_size(image)  # HEIC's may be another than its header's
      return rgb.to_rgb(image)
  except UnidentifiedImageError:
    raise InputError(f'{name}: {_unknown(data)}') from None
  except Exception as error:  # Pillow raises nearly everything on damage.
    reason = ' '.join(str(error).split()) or type(error).__name__
    raise InputError(f'{name}: {reason}') from error


def num_bytes(file: BinaryIO) -> int:
  """Says from its header how many bytes `decode` gives; 0 if it refuses it."""
  try:
    with warnings.catch_warnings(action='ignore'), _opened(file) as image:
      _check_size(image)
      return 3 * image.width * image.height
  except Exception:  # Pillow raises nearly everything on damage.
    return 0


def opened(data: bytes) -> Image.Image:
  """Opens one of `FORMATS` or HEIC with Pillow, and decodes nothing yet."""
  return _opened(io.BytesIO(data))


def _opened(file):
  is_heif = file.read(8)[4:] == b'ftyp' and _has_heif()
  file.seek(0)
  formats = (*FORMATS, 'HEIF') if is_heif else FORMATS
  return Image.open(file, formats=formats)


def read_image(path: str | os.PathLike) -> np.ndarray:
  """Reads the picture at `path` as uint8 [H, W, 3]; InputError as `decode`."""
  return decode(files.read(path), str(path))


def encode_png(
  image: np.ndarray, *, exif: bytes = b'', level: int = -1
) -> bytes:
  """Encodes uint8 [H, W, 3] RGB or [H, W] grey, and `exif` as by `exif.kept`.

  Nothing else is written. `level` is zlib's: 1 is fast, -1 its usual one.
  """
  buffer = io.BytesIO()
  Image.fromarray(image).save(
    buffer, format='PNG', exif=exif, compress_level=level
  )
  return buffer.getvalue()


def encode_jpeg(
  image: np.ndarray,
  quality: int = 95,
  subsampling: str = '4:4:4',
  *,
  exif: bytes = b'',
) -> bytes:
  """Encodes as `encode_png` does, of at most 65500 pixels a side.

  Quality is libjpeg's, 1 to 100; the colours' subsampling '4:4:4' (none),
  '4:2:2' or '4:2:0'.
  """
  buffer = io.BytesIO()
  colour = {'subsampling': subsampling} if image.ndim == 3 else {}
  Image.fromarray(image).save(
    buffer, format='JPEG', quality=quality, exif=exif, **colour
  )
  return buffer.getvalue()


def write_png(path: str | os.PathLike, image: np.ndarray) -> None:
  """Writes uint8 [H, W, 3], the whole file or nothing."""
  if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
    raise InputError(
      f'{path}: expected uint8 [H, W, 3], got {image.dtype} {list(image.shape)}'
    )
  write_atomic(path, encode_png(image))


def _has_heif() -> bool:
  """Whether the extra `heic` is installed; it is imported when it is needed."""
  try:
    import pillow_heif
  except ImportError:
    return False
  if 'HEIF' not in Image.OPEN:
    pillow_heif.register_heif_opener(
      thumbnails=False, depth_images=False, aux_images=False
    )
  return True


def _unknown(data: bytes) -> str:
  """What a file that Pillow does not know may be, and what to do then."""
  if data.lstrip(b'\xef\xbb\xbf\xff\xfe\0 \t\r\n')[:1] == b'<':
    return 'a web page or other markup, not a picture'
  if data[4:8] != b'ftyp':
    return 'an unknown format, or a damaged header'
  brand = data[8:12]
  if brand in (b'avif', b'avis'):
    return f'AVIF, damaged or of a kind that is not read; {_INSTEAD}'
  if brand not in (b'heic', b'heix', b'heim', b'heis', b'mif1', b'msf1'):
    return 'a film or another file of its kind, not a picture'
  if _has_heif():
    return f'HEIC, damaged or of a kind that is not read; {_INSTEAD}'
  return f"HEIC; pip install 'fr_poison[heic]', or {_INSTEAD}"


def _check(image, data):
  """Raises ValueError for what is too large, takes too long or is no still."""
  _check_size(image)
  if image.format in ('JPEG', 'MPO'):
    scans = (x for x in jpeg_segments.segments(data) if x.marker == SCAN)
    # Ten bytes are a scan, and a pass over every pixel of the picture.
    if next(itertools.islice(scans, MAX_SCANS, None), None):
      raise ValueError(f'over {MAX_SCANS} scans')
  # Telephones write JPEGs with a second frame, a thumbnail: format MPO. Of
  # HEIC files with several pictures Pillow opens the one that is shown.
  is_still = image.format in ('MPO', 'HEIF')
  # Frames are not counted: there may be millions.
  if getattr(image, 'is_animated', False) and not is_still:
    raise ValueError('several frames, expected a still picture')
  # Most raw formats are TIFF with a thumbnail first.
  tags = image.tag_v2 if image.format == 'TIFF' else {}
  if _DNG_VERSION in tags or tags.get(_SUBFILE, 0) & 1:
    raise ValueError(f"a camera's raw picture; {_INSTEAD}")


def _check_size(image):
  width, height = image.size
  if width * height > MAX_PIXELS:
    raise ValueError(f'{width}x{height} is over {MAX_PIXELS} pixels')
