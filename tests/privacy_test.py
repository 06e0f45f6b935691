"""Where and by whom a picture was taken is in no file that is written."""

import base64
import io
import re

import numpy as np
import photos
import pytest
from PIL import Image, PngImagePlugin

from fr_poison.data import decode
from fr_poison.report import page as page_lib
from fr_poison.report import record_file
from fr_poison.report.grid import arrange

_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">planted in XMP</x:xmpmeta>'


def _picture(format):
  """A file with everything that a format can tell beside the pixels."""
  text = PngImagePlugin.PngInfo()
  text.add_itxt('Comment', ' '.join(photos.SECRETS))
  more = {
    'PNG': {'pnginfo': text, 'exif': photos.exif(1)},
    'JPEG': {
      'exif': photos.exif(1),
      'comment': ' '.join(photos.SECRETS),
      'xmp': _XMP,
    },
    'WEBP': {'exif': photos.exif(1), 'xmp': _XMP},
    'TIFF': {'exif': photos.exif(1), 'description': ' '.join(photos.SECRETS)},
  }[format]
  buffer = io.BytesIO()
  icc_profile = photos.SECRETS[0].encode()  # an invented one is passed over
  Image.fromarray(photos.picture(112, 112, 5)).save(
    buffer, format, icc_profile=icc_profile, **more
  )
  return buffer.getvalue()


FORMATS = 'PNG', 'JPEG', 'WEBP', 'TIFF'


@pytest.mark.parametrize('format', FORMATS)
def test_what_is_encoded_again_has_pixels_only(format, tmp_path):
  data = _picture(format)
  assert any(secret.encode() in data for secret in photos.SECRETS)
  image = decode.decode(data, 'a')
  photos.check_pixels_only(decode.encode_png(image), 'a.png')
  photos.check_pixels_only(decode.encode_jpeg(image), 'a.jpg')


def test_a_report_shows_pixels_only(root, tmp_path):
  image = np.stack([decode.decode(_picture(f), 'a') for f in FORMATS])
  strip = page_lib.Strip('lowkey', 'mobileface', 'Theirs.', image, image[::-1])
  found = record_file.read(root / 'docs' / 'orl' / 'records.jsonl')
  page_lib.write(tmp_path / 'report.html', [arrange(found)], [strip])
  page = (tmp_path / 'report.html').read_bytes()
  photos.check_pixels_only(page, 'report.html')
  pictures = re.findall(rb'data:image/png;base64,([\w+/=]+)', page)
  assert pictures
  for data in pictures:
    photos.check_pixels_only(base64.b64decode(data), 'report.png')
