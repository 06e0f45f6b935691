import html.parser
import re

import numpy as np
import pytest

from fr_poison import types
from fr_poison.report import page as page_lib
from fr_poison.report.grid import arrange


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
  return page_lib.Strip('lowkey', 'mobileface', 'a caption', original, cloaked)


def _write(tmp_path, records, *args):
  path = tmp_path / 'report.html'
  page_lib.write(path, [arrange(records)], *args)
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
  assert sum(attrs.get('class') == 'own' for _, attrs in page.tags) == 3


def test_names_and_seeds_of_trainings_are_shown(tmp_path, make_record):
  seeds = {'training_seeds': [0, 1], 'over_seeds': [0.9, 1.0]}
  trainer = {'adversary': 'adaptive, tuned', 'kind': 'adaptive'}
  record = make_record(recipe='raw <1>-NN', rate=0.95, **trainer, **seeds)
  text = _write(tmp_path, [record])
  page = _Page(text)
  assert 'mobileface, adaptive, tuned' in page.cells
  assert '95 91–99; seeds 90–100' in page.cells
  assert '98 96–100' in page.cells  # the accuracy
  assert 'recognizer:\nraw &lt;1&gt;-NN.' in text
  assert 'Seeds: the lowest and the highest' in text
  assert 'public tool&#39;s own output' not in text  # which this trainer has


def test_page_is_self_contained(tmp_path, records, strip):
  text = _write(tmp_path, records, [strip, strip])
  page = _Page(text)
  links = [
    value
    for _, attrs in page.tags
    for name, value in attrs.items()
    if name in ('src', 'href', 'srcset', 'data', 'action')
    and not value.startswith('#')
  ]
  kinds = [link.partition(',')[0] for link in links]
  assert kinds.count('data:image/png;base64') == 2
  assert {*kinds} == {
    'data:image/png;base64',
    'data:text/csv;charset=utf-8;base64',
  }
  assert not {'link', 'iframe'} & {tag for tag, _ in page.tags}
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
  assert tags.count('script') == 1 and tags.count('img') == 1
  assert not any(name.startswith('on') for _, a in page.tags for name in a)


def test_page_says_what_was_not_tested(tmp_path, make_record):
  said = 'Pictures re-encoded by a website.'
  text = _write(tmp_path, [make_record(not_tested=[said])])
  assert said in text and '(oblivious)' in text and 'end to end' in text
  assert '(baseline)' not in text
  text = _write(tmp_path, [make_record(network='faceres')])
  assert '(baseline)' in text and '(oblivious)' not in text


def test_nothing_is_written_for_bad_input(tmp_path, records, strip):
  bad = strip._replace(cloaked=strip.cloaked[:1])
  for args in ([], []), (records, [bad]):
    with pytest.raises(types.InputError):
      _write(tmp_path, *args)
  assert not list(tmp_path.iterdir())


def test_the_page_counts_protected_people_and_the_gallery(
  tmp_path, make_record
):
  counts = {'num_people': 43, 'num_protected': 7, 'num_gallery_people': 33}
  text = _write(tmp_path, [make_record(**counts)])
  assert 'People: 7 protected, 33 in the gallery. Test' in text
  # Records of older versions have one number, of the same people.
  assert 'People: 40. Test' in _write(tmp_path, [make_record()])
