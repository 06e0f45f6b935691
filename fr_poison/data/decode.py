"""Bytes to upright RGB, or one line that says why not; and back to files."""

import contextlib
import io
import itertools
import os
import pathlib
import warnings

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fr_poison.types import InputError

MAX_PIXELS = 64_000_000
# Only these: Pillow would hand an EPS file to Ghostscript, for instance.
FORMATS = ('BMP', 'GIF', 'JPEG', 'PNG', 'PPM', 'TIFF', 'WEBP')
# What their files are called, in lower case.
EXTENSIONS = frozenset(
  '.bmp .dib .gif .jfif .jpe .jpeg .jpg .mpo .pbm .pgm .png .pnm .ppm .tif '
  '.tiff .webp'.split()
)
# The half-written files that a killed `write_atomic` leaves.
TEMPORARY = '.fr_poison-*.tmp'
_counter = itertools.count()


def decode(data: bytes, name: str) -> np.ndarray:
  """Decodes one still picture, turned upright as its EXIF says.

  Transparent pixels are put on white; 16 bits are scaled to 8, not clipped;
  colour profiles are passed over, as face recognition programs do.

  Args:
    data: a BMP, GIF, JPEG, PNG, PNM, TIFF or WebP file.
    name: what to call it in the message.

  Returns:
    uint8 [H, W, 3], RGB.

  Raises:
    InputError: empty, not a picture, damaged, animated, or larger than
      MAX_PIXELS (found out from the header, before anything is decoded).
  """
  if not data:
    raise InputError(f'{name}: empty file')
  try:
    # What Pillow only warns of is harmless (EXIF), or refused here (size).
    with warnings.catch_warnings():
      warnings.simplefilter('ignore')
      return _decode(data)
  except UnidentifiedImageError:
    raise InputError(f'{name}: {_unknown(data)}') from None
  except Exception as error:  # Pillow raises nearly everything on damage.
    reason = ' '.join(str(error).split()) or type(error).__name__
    raise InputError(f'{name}: {reason}') from error


def read_image(path: str | os.PathLike) -> np.ndarray:
  """Reads the picture at `path` as uint8 [H, W, 3]; InputError as `decode`."""
  try:
    data = pathlib.Path(path).read_bytes()
  except OSError as error:
    raise InputError(f'{path}: {error.strerror}') from error
  return decode(data, str(path))


def encode_png(image: np.ndarray, *, exif: bytes = b'') -> bytes:
  """A PNG file of `image`, uint8 [H, W, 3] RGB or [H, W] grey.

  Args:
    image: the pixels; nothing else is written but
    exif: as by `exif.kept`.
  """
  buffer = io.BytesIO()
  Image.fromarray(image).save(buffer, format='PNG', exif=exif)
  return buffer.getvalue()


def encode_jpeg(
  image: np.ndarray,
  quality: int = 95,
  subsampling: str = '4:4:4',
  *,
  exif: bytes = b'',
) -> bytes:
  """A JPEG file of `image`, uint8 [H, W, 3] RGB or [H, W] grey.

  Args:
    image: at most 65500 pixels high and wide.
    quality: libjpeg's, 1 to 100.
    subsampling: of the colours: '4:4:4' (none), '4:2:2' or '4:2:0'.
    exif: as by `exif.kept`; nothing else is written.
  """
  buffer = io.BytesIO()
  more = {'quality': quality, 'exif': exif}
  if image.ndim == 3:
    more['subsampling'] = subsampling
  Image.fromarray(image).save(buffer, format='JPEG', **more)
  return buffer.getvalue()


def write_atomic(path: str | os.PathLike, data: bytes) -> None:
  """Writes `data` to `path`: the whole file or nothing, on disk on return.

  A symbolic link at `path` is replaced, not followed.

  Raises:
    InputError: it cannot be written; what was there is still there.
  """
  path = pathlib.Path(path)
  # A short name: with that of `path` in it, it could be too long.
  name = f'{os.getpid()}.{next(_counter)}'
  temporary = path.with_name(TEMPORARY.replace('*', name))
  try:
    temporary.unlink(missing_ok=True)  # A killed process may have had our id.
    with open(temporary, 'xb') as file:
      file.write(data)
      file.flush()
      os.fsync(file.fileno())
    os.replace(temporary, path)
  except OSError as error:
    raise InputError(f'{path}: {error.strerror}') from error
  finally:
    with contextlib.suppress(OSError):  # It is gone if all went well.
      temporary.unlink()


def write_png(path: str | os.PathLike, image: np.ndarray) -> None:
  """Writes uint8 [H, W, 3] to `path`, the whole file or nothing."""
  if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
    raise InputError(
      f'{path}: expected uint8 [H, W, 3], got {image.dtype} {list(image.shape)}'
    )
  write_atomic(path, encode_png(image))


def _unknown(data: bytes) -> str:
  if data.lstrip(b'\xef\xbb\xbf\xff\xfe\0 \t\r\n')[:1] == b'<':
    return 'a web page or other markup, not a picture'
  if data[4:8] == b'ftyp':  # What telephones write by default.
    return 'HEIC, AVIF or a film; save it as JPEG or PNG'
  return 'an unknown format, or a damaged header'


def _decode(data: bytes) -> np.ndarray:
  with Image.open(io.BytesIO(data), formats=FORMATS) as image:
    width, height = image.size
    if width * height > MAX_PIXELS:
      raise ValueError(f'{width}x{height} is over {MAX_PIXELS} pixels')
    # Telephones write JPEGs with a second frame, a thumbnail: format MPO.
    if getattr(image, 'n_frames', 1) > 1 and image.format != 'MPO':
      raise ValueError(f'{image.n_frames} frames, expected a still picture')
    return _to_rgb(ImageOps.exif_transpose(image))


def _to_rgb(image: Image.Image) -> np.ndarray:
  if image.mode.startswith('I'):  # I;16 of PNG and TIFF, I of PGM.
    grey = np.asarray(image).astype(np.int64)
    if grey.min() < 0 or grey.max() > 65535:
      raise ValueError('grey levels outside 16 bits')
    grey = (grey * 255 + 32767) // 65535  # Pillow would clip at 255.
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=-1)
  if image.mode == 'F':
    raise ValueError('floating-point pixels')
  if image.has_transparency_data:
    image = image.convert('RGBA')
    white = Image.new('RGBA', image.size, 'white')
    image = Image.alpha_composite(white, image)
  return np.array(image.convert('RGB'))
