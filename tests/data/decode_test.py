"""Every odd picture file comes out as upright RGB, or is refused."""

import io
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from fr_poison import bands
from fr_poison.data import decode
from fr_poison.types import InputError

RED, BLUE = (255, 0, 0), (0, 0, 255)
_ID = lambda x: f'{len(x)}_bytes' if isinstance(x, bytes) else None


def _file(image, format='PNG', **kwargs):
  buffer = io.BytesIO()
  image.save(buffer, format, **kwargs)
  return buffer.getvalue()


def _still(data):
  image = decode.decode(data, 'a')
  assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
  return image


def _palette(**kwargs):
  image = Image.new('P', (1, 1), 1)
  image.putpalette([0, 0, 0, *RED])
  return _file(image, **kwargs)


def _chunk(kind, data):
  checksum = struct.pack('>I', zlib.crc32(kind + data))
  return struct.pack('>I', len(data)) + kind + data + checksum


def _png(width, height, bits, colour, rows, interlaced=0):
  """What Pillow does not write; `rows` have their filter, 0, in front."""
  header = struct.pack('>2I5B', width, height, bits, colour, 0, 0, interlaced)
  return (
    b'\x89PNG\r\n\x1a\n'
    + _chunk(b'IHDR', header)
    + _chunk(b'IDAT', zlib.compress(rows))
    + _chunk(b'IEND', b'')
  )


# 0x80 over white: 128/255 * c + 127/255 * 255.
@pytest.mark.parametrize(
  'data, pixel',
  [
    (_file(Image.new('L', (1, 1), 9)), (9, 9, 9)),
    (_file(Image.new('1', (1, 1), 1)), (255, 255, 255)),
    (_file(Image.new('RGB', (1, 1), RED)), RED),
    (_file(Image.new('LA', (1, 1), (0, 128))), (127, 127, 127)),
    (_file(Image.new('RGBA', (1, 1), (*RED, 128))), (255, 127, 127)),
    (_file(Image.new('RGBA', (1, 1), (*RED, 0))), (255, 255, 255)),
    (_palette(), RED),
    (_palette(format='GIF'), RED),
    (_palette(transparency=1), (255, 255, 255)),
    (_file(Image.new('CMYK', (1, 1), (0, 255, 255, 0)), 'TIFF'), RED),
    (_file(Image.new('RGB', (1, 1), RED), 'BMP'), RED),
    (_file(Image.new('RGB', (1, 1), RED), 'WEBP', lossless=True), RED),
    (b'P5\n# a comment\n1 1\n255\n\x09', (9, 9, 9)),
    (b'P6\n1 1\n255\n\xff\x00\x00', RED),
    (_file(Image.new('RGB', (1, 1), RED), icc_profile=b'damaged'), RED),
  ],
  ids=_ID,
)
def test_modes(data, pixel):
  assert tuple(_still(data)[0, 0]) == pixel


def test_cmyk_jpeg():
  # Inverted inks, and a marker that says so: as Photoshop writes them.
  data = _file(Image.new('CMYK', (8, 8), (0, 255, 255, 0)), 'JPEG')
  assert b'Adobe' in data
  np.testing.assert_allclose(_still(data)[0, 0], RED, atol=3)


def test_interlaced():
  # Of two pixels the first is in Adam7's first pass, the second in its sixth.
  data = _png(2, 1, 8, 2, bytes([0, *RED, 0, *BLUE]), interlaced=1)
  assert _still(data)[0].tolist() == [list(RED), list(BLUE)]


@pytest.mark.parametrize('format', ['PNG', 'TIFF', 'PPM'])
def test_16_bits_are_scaled_not_clipped(format):
  # 257 * v is v in 8 bits; 256 / 257 = .996 rounds to 1, 128 / 257 to 0.
  grey = np.array([[0, 128, 256, 257 * 100, 65535]], np.uint16)
  image = _still(_file(Image.fromarray(grey), format))
  assert image[0, :, 0].tolist() == [0, 0, 1, 100, 255]
  assert (image == image[..., :1]).all()


@pytest.mark.parametrize(
  'colour, values, pixel',
  [
    (2, (65535, 257 * 100, 128), (255, 100, 0)),
    (4, (257 * 100, 65535), (100, 100, 100)),
    (6, (0, 257 * 100, 65535, 0), (255, 255, 255)),  # transparent
  ],
)
def test_16_bits_of_colour_and_transparency(colour, values, pixel):
  row = b'\0' + struct.pack(f'>{len(values)}H', *values)
  assert tuple(_still(_png(1, 1, 16, colour, row))[0, 0]) == pixel


# Left red, right blue, stored as the orientation tag's meaning undoes it.
@pytest.mark.parametrize('format', ['PNG', 'TIFF'])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_exif_orientation(orientation, format):
  upright = np.zeros((2, 3, 3), np.uint8)
  upright[0, 0], upright[0, 2] = RED, BLUE
  stored = {
    1: upright,
    2: upright[:, ::-1],
    3: upright[::-1, ::-1],
    4: upright[::-1],
    5: upright.swapaxes(0, 1),
    6: upright.swapaxes(0, 1)[::-1],
    7: upright[::-1, ::-1].swapaxes(0, 1),
    8: upright.swapaxes(0, 1)[:, ::-1],
  }[orientation]
  exif = Image.Exif()
  exif[0x0112] = orientation
  data = _file(Image.fromarray(stored.copy()), format, exif=exif)
  np.testing.assert_array_equal(_still(data), upright)


def _frames(format):
  frames = [Image.new('RGB', (8, 8), colour) for colour in (RED, BLUE)]
  return _file(
    frames[0], format, save_all=True, append_images=frames[1:], quality=95
  )


def test_first_frame_of_a_telephone_jpeg():
  np.testing.assert_allclose(_still(_frames('MPO'))[0, 0], RED, atol=3)


NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


def _cut(format):
  data = _file(Image.fromarray(NOISE), format)
  return data[: len(data) // 2]


@pytest.mark.parametrize(
  'data, reason',
  [
    (b'', 'empty file'),
    (b'\n<!DOCTYPE html><p>Not found', 'web page'),
    ('\ufeff<html>'.encode(), 'web page'),
    ('\ufeff<html>'.encode('utf-16-le'), 'web page'),
    (b'hello', 'an unknown format'),
    (b'\0\0\0\x18ftypheic', 'HEIC, damaged'),
    (b'\0\0\0\x18ftypavif', 'AVIF, damaged'),
    (b'\0\0\0\x18ftypisom', 'a film'),
    (_cut('AVIF'), 'AVIF, damaged'),
    (_frames('AVIF'), 'several frames'),
    (_file(Image.new('L', (8, 8)), 'TIFF', tiffinfo={0xFE: 1}), 'raw picture'),
    (
      _file(Image.new('L', (8, 8)), 'TIFF', tiffinfo={0xC612: b'\1\4\0\0'}),
      'raw picture',
    ),
    (b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n', 'unknown format'),
    (_cut('PNG'), ''),
    (_cut('JPEG'), 'truncated'),
    (_cut('PPM'), ''),
    (_cut('TIFF'), ''),
    (_cut('WEBP'), ''),
    (_cut('BMP'), 'truncated'),
    (_cut('GIF'), 'truncated'),
    (_frames('GIF'), 'several frames'),
    (_frames('PNG'), 'several frames'),
    (_frames('WEBP'), 'several frames'),
    (_file(Image.new('F', (1, 1)), 'TIFF'), 'floating-point'),
    (_file(Image.new('I', (1, 1), 70000), 'TIFF'), '16 bits'),
    (b'P6\n8001 8000\n255\n', '8001x8000 is over 64000000 pixels'),
    (_png(8001, 8000, 1, 0, b''), '8001x8000 is over 64000000 pixels'),
    (_png(60000, 60000, 1, 0, b''), 'pixels'),
    (_png(0, 1, 8, 2, b''), 'damaged header'),
    (_png(1, 0, 8, 2, b''), 'damaged header'),
    (b'P6\n0 1\n255\n', 'damaged header'),
    (b'P6\n20000 20000\n255\n', 'pixels'),  # Pillow refuses by itself.
  ],
  ids=_ID,
)
def test_refuses(data, reason):
  with pytest.raises(InputError, match=f'^photo.jpg: .*{reason}') as info:
    decode.decode(data, 'photo.jpg')
  assert '\n' not in str(info.value)


@pytest.mark.parametrize('name', ['a/b.CR3', 'b.dng', 'b.NEF', 'b.jxl'])
def test_what_is_a_picture_by_its_name_only_is_refused(name):
  assert '.' + name.lower().split('.')[1] in decode.EXTENSIONS
  preview = _file(Image.fromarray(NOISE), 'JPEG')
  with pytest.raises(InputError, match=f'^{name}: .*; save it as JPEG or PNG'):
    decode.decode(preview, name)


def test_heic():
  pytest.importorskip('pillow_heif', reason='pillow_heif is not installed')
  assert decode._has_heif()
  lying = np.full((32, 48, 3), RED, np.uint8)
  lying[:, 24:] = BLUE
  exif = Image.Exif()
  exif[0x0112] = 6
  lying = Image.fromarray(lying)
  lying.info['exif'] = exif.tobytes()  # what makes it write a rotation
  data = _file(lying, 'HEIF', quality=90)
  assert b'irot' in data
  image = _still(data)
  assert image.shape == (48, 32, 3)
  np.testing.assert_allclose(image[2, 2], RED, atol=8)
  np.testing.assert_allclose(image[-3, 2], BLUE, atol=8)
  # A burst, and what an editor keeps beside it: the one that is shown.
  image = _still(_frames('HEIF'))
  np.testing.assert_allclose(image[0, 0], RED, atol=8)


@pytest.mark.parametrize('format', ['AVIF', 'HEIF'])
def test_size_is_refused_before_anything_is_decoded(format, monkeypatch):
  pytest.importorskip('pillow_heif', reason='pillow_heif is not installed')
  assert decode._has_heif()
  data = _file(Image.fromarray(NOISE), format)
  monkeypatch.setattr(decode, 'MAX_PIXELS', 64 * 63)
  decoded = []
  monkeypatch.setattr(Image.OPEN[format][0], 'load', decoded.append)
  with pytest.raises(InputError, match='64x64 is over 4032 pixels'):
    decode.decode(data, 'a')
  assert not decoded


def test_frames_are_not_counted(monkeypatch):
  # Pillow looks for the place of each among those of all before.
  def count(self):
    raise AssertionError

  monkeypatch.setattr(Image.OPEN['TIFF'][0], 'n_frames', property(count))
  with pytest.raises(InputError, match='^a: several frames'):
    decode.decode(_frames('TIFF'), 'a')


@pytest.mark.parametrize('mode', ['L', 'P', 'RGB', 'RGBA', 'CMYK', 'I;16'])
def test_bands_are_those_of_one_picture(mode, monkeypatch):
  image = Image.fromarray(NOISE)
  image = image.quantize(16) if mode == 'P' else image.convert(mode[:4])
  if mode == 'I;16':
    image = Image.fromarray(NOISE[..., 0].astype(np.uint16) * 251)
  exif = Image.Exif()
  exif[0x0112] = 7
  data = _file(image, 'TIFF' if mode == 'CMYK' else 'PNG', exif=exif)
  whole = _still(data)
  monkeypatch.setattr(bands, '_PIXELS', 64 * 5)
  assert len(list(bands.bands(64, 64))) == 13
  np.testing.assert_array_equal(_still(data), whole)


def test_heic_says_what_to_install(monkeypatch):
  monkeypatch.setitem(sys.modules, 'pillow_heif', None)
  data = b'\0\0\0\x18ftypheic\0\0\0\0mif1heic' + bytes(99)
  with pytest.raises(InputError, match=r'^a: HEIC; pip install .*\[heic\]'):
    decode.decode(data, 'a')


def test_write_and_read(tmp_path):
  path = tmp_path / 'a.png'
  decode.write_png(path, NOISE)
  np.testing.assert_array_equal(decode.read_image(path), NOISE)
  decode.write_png(path, NOISE[:2])  # Over the old one.
  np.testing.assert_array_equal(decode.read_image(path), NOISE[:2])
  assert list(tmp_path.iterdir()) == [path]


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
  path = tmp_path / 'a.png'
  decode.write_png(path, NOISE)

  def full_disk(*_):
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr(decode.os, 'replace', full_disk)
  with pytest.raises(InputError, match='a.png: No space left'):
    decode.write_png(path, NOISE[:2])
  np.testing.assert_array_equal(decode.read_image(path), NOISE)
  assert list(tmp_path.iterdir()) == [path]


def test_files_that_cannot_be_used(tmp_path):
  with pytest.raises(InputError, match='none.png: No such file'):
    decode.read_image(tmp_path / 'none.png')
  with pytest.raises(InputError, match='a.png: expected uint8'):
    decode.write_png(tmp_path / 'a.png', NOISE / 255)
  (tmp_path / 'file').touch()
  with pytest.raises(InputError, match='file: not a folder'):
    decode.write_png(tmp_path / 'file' / 'a.png', NOISE)
