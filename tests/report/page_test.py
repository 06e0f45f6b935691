import html.parser
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from fr_poison import types
from fr_poison.report import html as html_lib
from fr_poison.report import plots


class _Page(html.parser.HTMLParser):
  """Tags with their attributes, and the text of every table cell."""

  def __init__(self, text):
    super().__init__()
    self.tags, self.cells, self._in_cell = [], [], False
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    self.tags.append((tag, dict(attrs)))
    if tag in ('td', 'th'):
      self.cells.append('')
      self._in_cell = True

  def handle_endtag(self, tag):
    self._in_cell = self._in_cell and tag not in ('td', 'th')

  def handle_data(self, data):
    if self._in_cell:
      self.cells[-1] += data


@pytest.fixture
def strip():
  rng = np.random.default_rng(0)
  original = rng.integers(0, 256, (2, 7, 5, 3), np.uint8)
  cloaked = np.clip(original.astype(int) + 3, 0, 255).astype(np.uint8)
  return html_lib.Strip('lowkey', 'mobileface', 'a caption', original, cloaked)


def _write(tmp_path, *args, **kwargs):
  path = tmp_path / 'report.html'
  html_lib.write(path, *args, **kwargs)
  return path.read_text(encoding='utf-8')


def test_page_has_every_number(tmp_path, records, strip):
  page = _Page(_write(tmp_path, records, [strip], 'A title'))
  assert '100 96–100' in page.cells and '99.5 95–100' in page.cells
  assert '52 48–56' in page.cells and '0.0123' in page.cells
  assert page.cells.count('98 96–100') == 16
  scopes = [attrs.get('scope') for tag, attrs in page.tags if tag == 'th']
  assert set(scopes) == {'row', 'col'}
  ids = [attrs['id'] for _, attrs in page.tags if 'id' in attrs]
  assert len(ids) == len(set(ids))
  assert sum(attrs.get('class') == 'own' for _, attrs in page.tags) == 6


def test_page_is_self_contained(tmp_path, records, strip):
  text = _write(tmp_path, records, [strip, strip])
  page = _Page(text)
  links = [
    value
    for _, attrs in page.tags
    for name, value in attrs.items()
    if name in ('src', 'href', 'srcset', 'data', 'action')
  ]
  assert len(links) == 2
  assert all(link.startswith('data:image/png;base64,') for link in links)
  assert not {'script', 'link', 'iframe'} & {tag for tag, _ in page.tags}
  assert set(re.findall(r'url\((.)', text)) == {'#'}
  assert set(re.findall(r'https?://[^"]*', text)) == {
    'http://www.w3.org/2000/svg'  # a name of a format, never fetched
  }


def test_page_is_deterministic(tmp_path, records, strip):
  text = _write(tmp_path, records, [strip])
  assert text == _write(tmp_path, records, [strip])


def test_hostile_names_are_only_text(tmp_path, make_record, strip):
  name = '"><script>alert(1)</script>\n\x1b\ud800$\\frac$'
  record = make_record(
    surrogate=name, network=name, device=name, split=name, adversary=name,
    not_tested=[name], weights={name: name}, config_hash=name,
  )  # fmt: skip
  hostile = strip._replace(attack=name, surrogate=name, caption=name)
  page = _Page(_write(tmp_path, [record], [hostile], name))
  tags = [tag for tag, _ in page.tags]
  assert 'script' not in tags and tags.count('img') == 1
  assert not any(name.startswith('on') for _, a in page.tags for name in a)


def test_page_says_what_was_not_tested(tmp_path, make_record):
  told = 'Pictures re-encoded by a website.'
  text = _write(tmp_path, [make_record(not_tested=[told])])
  assert told in text and '(oblivious)' in text and 'end to end' in text
  assert '(baseline)' not in text
  text = _write(tmp_path, [make_record(network='faceres')])
  assert '(baseline)' in text and '(oblivious)' not in text


def test_nothing_is_written_for_bad_input(tmp_path, records, strip):
  bad = strip._replace(cloaked=strip.cloaked[:1])
  for args in ([], []), (records, [bad]), ([{}], []):
    with pytest.raises(types.InputError):
      _write(tmp_path, *args)
  assert not list(tmp_path.iterdir())


def test_heat_map_draws_each_cell(records):
  svg = ElementTree.fromstring(plots.heat_map(records))
  space = '{http://www.w3.org/2000/svg}'
  texts = [text.text for text in svg.iter(f'{space}text')]
  assert {'100', '96–100', '97', '3', '52', 'LowKey for mobileface'} <= {*texts}
  frames = [r for r in svg.iter(f'{space}rect') if r.get('class') == 'own']
  assert len(frames) == 3
  assert plots.heat_map(records) == plots.heat_map(records)


def test_ink_contrasts_with_every_color():
  # WCAG 2: the better of black and white is never under sqrt(21), 4.58.
  for rate in np.linspace(0, 1, 101):
    color = np.array(plots._COLORMAP(rate)[:3])
    linear = ((color + 0.055) / 1.055) ** 2.4
    linear = np.where(color <= 0.04045, color / 12.92, linear)
    luminance = linear @ [0.2126, 0.7152, 0.0722] + 0.05
    is_dark = plots._ink(color) == 'dark'
    assert (luminance / 0.05 if is_dark else 1.05 / luminance) > 4.5


def test_strip_is_original_cloaked_difference(strip):
  png = plots.strip(strip.original, strip.cloaked)
  image = np.asarray(Image.open(io.BytesIO(png)))
  # Two pictures of 7 x 5 below each other, three beside, 4 pixels between.
  assert image.shape == (2 * 7 + 4, 3 * 5 + 2 * 4, 4)
  np.testing.assert_array_equal(image[11:, :5, :3], strip.original[1])
  np.testing.assert_array_equal(image[:7, 9:14, :3], strip.cloaked[0])
  change = strip.cloaked[0].astype(int) - strip.original[0]
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
    plots.strip(original, original)
