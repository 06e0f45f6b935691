import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from fr_poison import types
from fr_poison.report import drawing

_HOSTILE = '<script>alert(1)</script> $x_1$ "&\n\x1b\ud800 漢'


@pytest.fixture(scope='module')
def drawn():
  dots = drawing.Series(
    _HOSTILE,
    {
      'first': {'protection_rate': 0.5, 'protection_ci': (0.25, 0.75)},
      _HOSTILE: {'protection_rate': 1.0, 'protection_ci': (0.9, 1.0)},
      'third': {'protection_rate': None},
    },
    drawing.look(0),
    faint={'first': [0.6]},
    hollow={'first'},
  )
  figure = drawing.dot_plot(['first', _HOSTILE, 'third'], [dots], 'rate, %')
  alt = _HOSTILE.replace('\x1b', '').replace('\ud800', '')
  return drawing.Drawing('name', 'A title', 'A caption', alt, figure)


def test_svg_is_words_that_a_page_may_hold(drawn):
  svg = drawn.svg().decode()
  root = ElementTree.fromstring(svg)
  assert '<script' not in svg and '<metadata' not in svg
  space = '{http://www.w3.org/2000/svg}'
  texts = [text.text for text in root.iter(f'{space}text')]
  assert {'first', 'third', 'nobody enrolled', 'rate, %'} <= {*texts}
  assert any(text.startswith('<script>alert(1)</script> $') for text in texts)
  assert root.get('role') == 'img'
  named = root.get('aria-labelledby').split()
  words = {e.get('id'): e.text for e in root.iter() if e.get('id') in named}
  assert words == {'name-title': 'A title', 'name-desc': drawn.alt}


def test_no_word_of_an_svg_steers_a_terminal(drawn):
  svg = drawn._replace(title='a\x1b[2J', alt='\u202eb').svg().decode()
  assert r'a\x1b[2J' in svg and r'\u202eb' in svg
  assert '\x1b' not in svg and '\u202e' not in svg


def test_ids_are_the_drawings_own_and_found(drawn):
  ids = []
  for name in ('name', 'other'):
    svg = drawn._replace(name=name).svg().decode()
    ids += re.findall(r'\bid="([^"]*)"', svg)
    used = re.findall(r'(?:url\(|href=")#([^")]*)', svg)
    assert used and set(used) <= set(ids)
  assert len(ids) == len(set(ids))  # on one page, too


def test_ink_follows_the_scheme_and_the_bytes_stay(drawn):
  svg = drawn.svg().decode()
  assert 'currentColor' in svg and 'prefers-color-scheme: dark' in svg
  assert svg.count('#1a1a1a') == 1  # the style's own
  assert svg.encode() == drawn.svg() and drawn.png() == drawn.png()


def test_png_is_for_white_paper(drawn):
  image = Image.open(io.BytesIO(drawn.png()))
  # 4.6 inches of 200 dots.
  assert image.width == 920
  assert np.asarray(image.convert('RGBA'))[0, 0].tolist() == [255] * 4


def test_dots_stand_where_their_rates_are(drawn):
  (axis,) = drawn.figure.axes
  points = {tuple(xy) for x in axis.lines for xy in x.get_xydata()}
  # One series, so no shift; in %, and the faint point on the same row.
  assert {(50, 0), (100, 1), (60, 0)} <= points
  bars = [c.get_segments()[0].tolist() for c in axis.collections]
  assert bars == [[[25, 0], [75, 0]], [[90, 1], [100, 1]]]
  fills = [x.get_markerfacecolor() for x in axis.lines]
  assert 'none' in fills


def test_looks_differ_in_more_than_color():
  looks = [drawing.look(i) for i in range(24)]
  assert len({tuple(x.values()) for x in looks}) == 24
  shapes = [(x['marker'], x['linestyle']) for x in looks]
  assert len(set(shapes)) == 24


def test_colors_contrast_with_white_and_black():
  # WCAG 2 asks 3:1 of graphics; the dark page is #161718, luminance 0.0086.
  for color in drawing._COLORS:
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = ((rgb + 0.055) / 1.055) ** 2.4
    linear = np.where(rgb <= 0.04045, rgb / 12.92, linear)
    luminance = linear @ [0.2126, 0.7152, 0.0722] + 0.05
    assert 1.05 / luminance > 3 and luminance / 0.0586 > 3


def test_strip_is_original_cloaked_difference():
  rng = np.random.default_rng(0)
  original = rng.integers(0, 256, (2, 7, 5, 3), np.uint8)
  cloaked = np.clip(original.astype(int) + 3, 0, 255).astype(np.uint8)
  png = drawing.strip(original, cloaked)
  image = np.asarray(Image.open(io.BytesIO(png)))
  # Two pictures of 7 x 5 below each other, three beside, 4 pixels between.
  assert image.shape == (2 * 7 + 4, 3 * 5 + 2 * 4, 4)
  np.testing.assert_array_equal(image[11:, :5, :3], original[1])
  np.testing.assert_array_equal(image[:7, 9:14, :3], cloaked[0])
  change = cloaked[0].astype(int) - original[0]
  np.testing.assert_array_equal(image[:7, 18:, :3], 128 + 10 * change)
  assert not image[7:11, :, 3].any() and not image[:, 5:9, 3].any()


@pytest.mark.parametrize(
  'original',
  [
    np.zeros((1, 7, 5, 3), np.float32),
    np.zeros((7, 5, 3), np.uint8),
    np.zeros((1, 7, 5), np.uint8),
    np.zeros((0, 7, 5, 3), np.uint8),
  ],
)
def test_strip_refuses_other_arrays(original):
  with pytest.raises(types.InputError, match='strip'):
    drawing.strip(original, original)
