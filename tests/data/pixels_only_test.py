import io

import numpy as np
import photos
import pytest
from PIL import Image

from fr_poison.data import decode, exif

ABOUT = {
  'comment': ' '.join(photos.SECRETS),
  'icc_profile': photos.SECRETS[0].encode(),
  'xmp': b'<x:xmpmeta>planted in XMP</x:xmpmeta>',
}


def _save(format='JPEG', mode='RGB', **options):
  buffer = io.BytesIO()
  picture = Image.fromarray(photos.picture(8, 8, 5))
  picture.convert(mode).save(buffer, format, **options)
  return buffer.getvalue()


def _of(data):
  """What is kept, after a look at all that it must and must not be."""
  image = decode.decode(data, 'a')
  kept = exif.pixels_only(data, image)
  np.testing.assert_array_equal(decode.decode(kept, 'kept'), image)
  is_jpeg = kept.startswith(b'\xff\xd8')
  photos.check_pixels_only(kept, 'a.jpg' if is_jpeg else 'a.png')
  return kept


@pytest.mark.parametrize('mode', ['L', 'RGB'])
@pytest.mark.parametrize('options', [{}, {'progressive': True}])
def test_a_jpeg_is_what_it_would_be_without(mode, options):
  plain = _save(mode=mode, **options)
  about = _save(mode=mode, exif=photos.exif(1), **ABOUT, **options)
  assert all(secret.encode() in about for secret in photos.SECRETS)
  assert _of(about) == _of(plain) == plain


def test_the_inks_of_a_cmyk_jpeg_stay_what_they_are():
  plain, about = _save(mode='CMYK'), _save(mode='CMYK', **ABOUT)
  image = decode.decode(about, 'a')  # Adobe's segment says: inverted
  assert exif.pixels_only(about, image) == plain != about


def test_what_follows_a_jpeg_or_is_a_thumbnail_goes():
  plain = _save()
  assert _of(plain + _save(exif=photos.exif(1))) == plain
  thumbnail = b'JFXX\0\x11' + b'Ann Owner' * 9  # a segment named as JFIF's
  segment = b'\xff\xe0' + (len(thumbnail) + 2).to_bytes(2, 'big') + thumbnail
  assert _of(plain[:2] + segment + plain[2:]) == plain
  jfif = plain[2:20]
  assert jfif[4:9] == b'JFIF\0'
  larger = jfif[:2] + (16 + 27).to_bytes(2, 'big') + jfif[4:-2] + b'\3\3'
  assert _of(plain[:2] + larger + bytes(27) + plain[20:]) == (
    plain[:2] + plain[20:]
  )


def test_a_jpeg_that_lies_becomes_an_upright_png():
  kept = _of(_save(exif=photos.exif(6)))
  assert kept.startswith(b'\x89PNG')


@pytest.mark.parametrize('format', ['PNG', 'WEBP', 'TIFF'])
def test_other_formats_become_png(format):
  exif = {} if format == 'TIFF' else {'exif': photos.exif(1)}
  tags = {'description': 'Ann Owner'} if format == 'TIFF' else {}
  assert _of(_save(format, **exif, **tags)).startswith(b'\x89PNG')


def test_bytes_between_segments_are_gone():
  plain = _save()
  assert _of(plain[:20] + b'Ann Owner' + plain[20:]) == plain
