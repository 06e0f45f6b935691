"""Whatever the bytes: upright RGB or one InputError, and nothing else."""

import io

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image
from properties import hostile

from fr_poison.data import decode
from fr_poison.types import InputError

_FORMATS = ('BMP', 'GIF', 'JPEG', 'PNG', 'PPM', 'TIFF', 'WEBP')


def _picture(format):
  image = np.arange(12 * 10 * 3, dtype=np.uint8).reshape(12, 10, 3)
  buffer, exif = io.BytesIO(), Image.Exif()
  exif[0x0112] = 6
  kwargs = {} if format in ('BMP', 'GIF', 'PPM') else {'exif': exif}
  Image.fromarray(image).save(buffer, format, **kwargs)
  return buffer.getvalue()


def _decode(data, folder):
  with hostile.watched(folder):
    try:
      image = decode.decode(data, 'a.jpg')
    except InputError as error:
      message = str(error)
      assert message.startswith('a.jpg: ') and '\n' not in message
      return
  assert image.dtype == np.uint8 and image.shape[2:] == (3,)
  assert 0 < image.size <= 3 * decode.MAX_PIXELS


@pytest.mark.parametrize('format', _FORMATS)
@hypothesis.given(st.data())
def test_a_damaged_picture(format, tmp_path, data):
  _decode(data.draw(hostile.damaged(_picture(format))), tmp_path)


@hypothesis.given(
  st.sampled_from([_picture(f)[:8] for f in _FORMATS]), st.binary(max_size=99)
)
def test_any_bytes_after_the_name_of_a_format(tmp_path, start, data):
  _decode(start + data, tmp_path)
