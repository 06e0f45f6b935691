"""A picture's own colours come out as a screen shows them."""

import io
import struct

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image, ImageCms

from fr_poison.data import decode, srgb

# Columns: red, green, blue of Display P3 in XYZ of D50 (Apple's profile).
_P3 = np.array(
  [
    [0.51512, 0.29198, 0.15710],
    [0.24120, 0.69225, 0.06657],
    [-0.00105, 0.04189, 0.78407],
  ]
)
# The same of sRGB (IEC 61966-2-1 adapted to D50).
_SRGB = np.array(
  [
    [0.43607, 0.38515, 0.14307],
    [0.22249, 0.71687, 0.06061],
    [0.01392, 0.09708, 0.71410],
  ]
)


def p3_profile():
  """sRGB's profile with the primaries of Display P3."""
  profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB'))
  data = bytearray(profile.tobytes())
  columns = dict(zip((b'rXYZ', b'gXYZ', b'bXYZ'), _P3.T, strict=True))
  for i in range(struct.unpack('>I', data[128:132])[0]):
    entry = data[132 + 12 * i : 144 + 12 * i]
    tag, start, _ = struct.unpack('>4sII', entry)
    if tag in columns:
      numbers = np.rint(columns[tag] * 65536).astype(int)
      data[start + 8 : start + 20] = struct.pack('>3i', *numbers)
  return bytes(data)


def _grey_profile(gamma):
  """An ICC profile, version 2, of grey with this gamma, by hand."""
  curve = b'curv' + struct.pack('>2IH', 0, 1, round(gamma * 256)) + bytes(2)
  white = b'XYZ ' + struct.pack('>I3i', 0, 63190, 65536, 54061)
  tags = {b'kTRC': curve, b'wtpt': white}
  table, body, at = b'', b'', 132 + 12 * len(tags)
  for tag, content in tags.items():
    table += tag + struct.pack('>2I', at + len(body), len(content))
    body += content
  header = struct.pack('>I4sI', at + len(body), b'lcms', 0x02100000)
  header += b'mntrGRAYXYZ ' + bytes(12) + b'acsp' + bytes(28)
  header += struct.pack('>3i', 63190, 65536, 54061)
  header = header.ljust(128, b'\0') + struct.pack('>I', len(tags))
  return header + table + body


def _file(image, format='PNG', **kwargs):
  buffer = io.BytesIO()
  image.save(buffer, format, **kwargs)
  return buffer.getvalue()


def _linear(codes):
  x = codes / 255
  return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def _coded(x):
  bent = 1.055 * np.maximum(x, 0.0031308) ** (1 / 2.4) - 0.055
  return 255 * np.where(x <= 0.0031308, 12.92 * x, bent)


def _in_p3(codes):
  """What sRGB codes [..., 3] are in Display P3, rounded."""
  xyz = _linear(codes) @ _SRGB.T
  return np.rint(_coded(xyz @ np.linalg.inv(_P3).T)).astype(np.uint8)


SHOWN = np.random.default_rng(0).integers(20, 236, (16, 16, 3)).astype(np.uint8)


@pytest.mark.parametrize('format', ['PNG', 'TIFF', 'WEBP'])
def test_display_p3_is_what_a_screen_shows(format):
  stored = Image.fromarray(_in_p3(SHOWN))
  assert np.abs(np.asarray(stored).astype(int) - SHOWN).max() > 20
  more = {'lossless': True} if format == 'WEBP' else {}
  data = _file(stored, format, icc_profile=p3_profile(), **more)
  np.testing.assert_allclose(decode.decode(data, 'a'), SHOWN, atol=2)


def test_transparent_pixels_are_put_on_a_white_that_stays_white():
  image = Image.fromarray(_in_p3(SHOWN)).convert('RGBA')
  image.putpixel((0, 0), (9, 9, 9, 0))
  found = decode.decode(_file(image, icc_profile=p3_profile()), 'a')
  assert found[0, 0].tolist() == [255] * 3
  np.testing.assert_allclose(found[1:], SHOWN[1:], atol=2)


def test_grey_of_another_gamma_is_brought_to_srgb_s_and_stays_grey():
  levels = np.arange(256, dtype=np.uint8)[None].repeat(3, 0)
  data = _file(Image.fromarray(levels), icc_profile=_grey_profile(1.8))
  found = decode.decode(data, 'a')
  assert (found == found[..., :1]).all()
  expected = _coded((levels / 255) ** 1.8)
  assert np.abs(expected - levels).max() > 10
  np.testing.assert_allclose(found[..., 0], expected, atol=2)


def test_srgb_s_own_profile_changes_no_pixel():
  profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
  data = _file(Image.fromarray(SHOWN), icc_profile=profile)
  np.testing.assert_array_equal(decode.decode(data, 'a'), SHOWN)


def test_profiles_that_do_not_fit_are_passed_over():
  for profile in (
    _grey_profile(1.0),  # of grey, in a coloured picture
    p3_profile() + bytes(1 << 22),  # huge
    p3_profile()[:200],
    b'none',
  ):
    data = _file(Image.fromarray(SHOWN), 'TIFF', icc_profile=profile)
    np.testing.assert_array_equal(decode.decode(data, 'a'), SHOWN)


@hypothesis.given(
  st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), min_size=1)
)
def test_a_damaged_profile_is_never_an_exception(flips):
  data = bytearray(p3_profile())
  for at, value in flips:
    data[at % len(data)] = value
  image = Image.fromarray(SHOWN)
  found = srgb.conversion('RGB', bytes(data))(image)
  assert found.mode == 'RGB' and found.size == image.size


@pytest.mark.parametrize(
  'format, settings',
  [
    ('WEBP', {'quality': 80}),
    ('AVIF', {'quality': 75}),
    ('JPEG', {'quality': 80}),
    ('PNG', {}),  # a copy of the WebP
  ],
)
def test_a_grey_photograph_is_grey_whatever_its_codec(format, settings):
  levels = np.random.default_rng(1).integers(0, 256, (64, 64, 1), np.uint8)
  grey = Image.fromarray(levels.repeat(3, -1))
  data = _file(grey, format, **settings)
  if format in ('WEBP', 'PNG'):
    webp = Image.open(io.BytesIO(_file(grey, 'WEBP', quality=80)))
    assert np.ptp(np.asarray(webp), -1).max() == 1  # or this tests nothing
    data = _file(webp.convert('RGB'), format, **settings)
  image = decode.decode(data, 'a')
  assert (image == image[..., :1]).all()


def test_a_slight_tint_is_colour():
  tinted = np.full((8, 8, 3), 100, np.uint8)
  tinted[3, 4, 0] += 3
  data = _file(Image.fromarray(tinted))
  np.testing.assert_array_equal(decode.decode(data, 'a'), tinted)
  tinted[3, 4, 0] -= 1
  data = _file(Image.fromarray(tinted))
  assert np.ptp(decode.decode(data, 'a'), -1).max() == 0
