"""What is kept of a picture's EXIF when somebody asks for it."""

import io

import numpy as np
import photos
import pytest
from PIL import Image

from fr_poison.data import decode, exif

_WHEN = '2020:02:20 20:20:20'


def _file(format='JPEG', *, thumbnail=b'', note=b'', text=''):
  block = photos.exif(6)
  tags = block.get_ifd(0x8769)
  tags[0x9003] = _WHEN
  if note:
    tags[0x927C] = note
  if text:
    block[0x010E] = text
  data = block.tobytes()
  if thumbnail:  # a second directory, as cameras write it, by hand
    data = _with_thumbnail(thumbnail)
  buffer = io.BytesIO()
  image = Image.fromarray(photos.picture(48, 40, 0))
  image.save(buffer, format, exif=data)
  return buffer.getvalue()


def _with_thumbnail(thumbnail):
  """Artist and Orientation 6, and a thumbnail in the second directory."""
  entry = lambda tag, kind, count, value: (
    tag.to_bytes(2) + kind.to_bytes(2) + count.to_bytes(4) + value
  )
  first = (2).to_bytes(2)
  first += entry(0x0112, 3, 1, (6).to_bytes(2) + bytes(2))
  first += entry(0x013B, 2, 4, b'Ann\0')
  second = (2).to_bytes(2)
  at = 8 + len(first) + 4
  place = at + 2 + 2 * 12 + 4
  second += entry(0x0201, 4, 1, place.to_bytes(4))
  second += entry(0x0202, 4, 1, len(thumbnail).to_bytes(4))
  head = b'Exif\0\0MM\0*' + (8).to_bytes(4)
  return head + first + at.to_bytes(4) + second + bytes(4) + thumbnail


def _read(block):
  read = Image.Exif()
  read.load(block)
  return read


@pytest.mark.parametrize('format', ['JPEG', 'PNG', 'WEBP', 'TIFF'])
def test_who_where_and_when_are_kept(format):
  read = _read(exif.kept(_file(format)))
  assert (read[0x013B], read[0x0110]) == photos.SECRETS[:2]
  assert read.get_ifd(0x8825)[27] == photos.SECRETS[2].encode()
  assert read.get_ifd(0x8825)[2] == (47.0, 36.0, 42.5)
  assert read.get_ifd(0x8769) == {0x9003: _WHEN}
  # The cloak lies upright, and how a TIFF's pixels lie is not said.
  assert read[0x0112] == 1
  assert set(read) == {0x0110, 0x0112, 0x013B, 0x8769, 0x8825}


@pytest.mark.parametrize('encode', [decode.encode_png, decode.encode_jpeg])
def test_cloaks_hold_it_beside_their_pixels(encode):
  block, image = exif.kept(_file()), photos.picture(48, 40, 0)
  plain, data = encode(image), encode(image, exif=block)
  assert exif.kept(plain) == b'' and exif.kept(data) == block
  np.testing.assert_array_equal(
    decode.decode(data, 'a'), decode.decode(plain, 'a')
  )


def test_no_picture_of_the_face_without_its_cloak_is():
  small = io.BytesIO()
  Image.fromarray(photos.picture(16, 16, 1)).save(small, 'JPEG')
  data = _file(thumbnail=small.getvalue())
  assert small.getvalue() in data
  read = _read(exif.kept(data))
  assert dict(read) == {0x0112: 1, 0x013B: 'Ann'}
  assert small.getvalue() not in exif.kept(data)
  data = _file(note=small.getvalue())
  assert small.getvalue() in data
  assert small.getvalue() not in exif.kept(data)


def test_what_nobody_listed_is_left_out():
  # Comment, number of the body, owner, an unknown one; data in a known one.
  block, image = photos.exif(1), Image.fromarray(photos.picture(16, 16, 1))
  tags = block.get_ifd(0x8769)
  tags |= {
    0x9286: b'ASCII\0\0\0face',
    0xA430: 'Ann',
    0xA431: '12',
    0xEA1C: b'x',
  }
  tags |= {0x829D: 2.0, 0xA434: '50 mm'}
  block.get_ifd(0x8825)[28] = bytes(257)
  image.save(buffer := io.BytesIO(), 'JPEG', exif=block.tobytes())
  read = _read(exif.kept(buffer.getvalue()))
  assert read.get_ifd(0x8769) == {0x829D: 2.0, 0xA434: '50 mm'}
  assert 28 not in read.get_ifd(0x8825) and 27 in read.get_ifd(0x8825)


def test_none_is_none():
  buffer = io.BytesIO()
  Image.fromarray(photos.picture(16, 16, 1)).save(buffer, 'JPEG')
  assert exif.kept(buffer.getvalue()) == b''
  assert exif.kept(b'no picture') == b''


def test_damage_is_left_out():
  data = _file()
  at = data.index(b'Exif\0\0') + 6
  for k in range(0, 200, 3):
    damaged = bytearray(data)
    damaged[at + k] ^= 0xFF
    block = exif.kept(bytes(damaged))  # whatever it is, it can be written
    buffer = io.BytesIO()
    Image.fromarray(photos.picture(16, 16, 1)).save(buffer, 'JPEG', exif=block)
    assert _read(block).get(0x0112, 1) == 1


def test_what_no_jpeg_could_hold_is_left_out():
  assert exif.kept(_file('PNG', text='x' * 64_000))
  assert exif.kept(_file('PNG', text='x' * 66_000)) == b''
