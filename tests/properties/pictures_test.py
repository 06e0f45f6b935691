"""Whatever the bytes: upright RGB or one InputError, and nothing else."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from properties import hostile, seeds

from fr_poison.data import decode, exif
from fr_poison.types import InputError


def _decode(data, folder):
  with hostile.watched(folder) as results:
    try:
      image = decode.decode(data, 'a.jpg')
      results.append(image.nbytes)
    except InputError as error:
      message = str(error)
      assert message.startswith('a.jpg: ') and '\n' not in message
      return
  assert image.dtype == np.uint8 and image.shape[2:] == (3,)
  assert 0 < image.size <= 3 * decode.MAX_PIXELS
  kept = decode.decode(exif.pixels_only(data, image), 'kept')
  np.testing.assert_array_equal(kept, image)


@pytest.mark.parametrize('format', seeds.PICTURES)
@hypothesis.given(st.data())
def test_a_damaged_picture(format, tmp_path, data):
  _decode(data.draw(hostile.damaged(seeds.picture(format))), tmp_path)


@hypothesis.given(
  st.sampled_from([seeds.picture(f)[:12] for f in seeds.PICTURES[:-1]]),
  st.binary(max_size=99),
)
def test_any_bytes_after_the_name_of_a_format(tmp_path, start, data):
  _decode(start + data, tmp_path)
