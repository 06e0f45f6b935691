"""A JPEG's segments, also where a file hides them."""

import io

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from fr_poison.data import decode, jpeg_segments
from fr_poison.data.jpeg_segments import END, SCAN
from fr_poison.types import InputError

_GREY = Image.fromarray(np.arange(64 * 64, dtype=np.uint8).reshape(64, 64))


def _jpeg(**kwargs):
  buffer = io.BytesIO()
  _GREY.save(buffer, 'JPEG', **kwargs)
  return buffer.getvalue()


def _scans(data):
  return [x for x in jpeg_segments.segments(data) if x.marker == SCAN]


def test_segments_are_all_there_is():
  data = _jpeg(progressive=True)
  found = list(jpeg_segments.segments(data))
  assert [x.start for x in found] == [2, *(x.stop for x in found[:-1])]
  assert found[-1] == (END, len(data) - 2, len(data))
  # Pillow's own script of a grey progressive picture has six scans.
  assert len(_scans(data)) == 6 and len(_scans(_jpeg())) == 1


def test_what_only_looks_like_a_scan_is_none():
  thumbnail = _jpeg(progressive=True)
  assert len(_scans(_jpeg(exif=b'Exif\0\0' + thumbnail))) == 1
  assert len(_scans(_jpeg() + thumbnail)) == 1  # a telephone's second frame


def _many(number, before=b''):
  """A progressive JPEG with as many scans in all, the last one repeated."""
  data = _jpeg(progressive=True)
  start, stop = _scans(data)[-1][1:]
  length = int.from_bytes(data[start + 2 : start + 4], 'big')
  empty = before + data[start : start + 2 + length]
  return data[:stop] + empty * (number - 6) + data[stop:]


# Bytes that libjpeg passes over between segments.
@pytest.mark.parametrize(
  'before', [b'', b'\xff', b'\xff\x01', b'\xff\xd3', b'x']
)
def test_thousands_of_scans_are_refused_before_anything_is_decoded(
  before, monkeypatch
):
  image = decode.decode(_many(decode.MAX_SCANS, before), 'a')
  assert np.abs(image[..., 0].astype(int) - np.asarray(_GREY)).max() < 40
  decoded = []
  monkeypatch.setattr(
    JpegImagePlugin.JpegImageFile, 'load', lambda self: decoded.append(self)
  )
  with pytest.raises(InputError, match='^a: over 100 scans'):
    decode.decode(_many(decode.MAX_SCANS + 1, before), 'a')
  assert not decoded


def test_a_file_without_an_end():
  data = _jpeg()
  for length in range(2, len(data)):
    found = list(jpeg_segments.segments(data[:length]))
    assert END not in {x.marker for x in found}
