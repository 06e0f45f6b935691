"""The site, built as CONTRIBUTING.md says: no warning, all there, offline."""

import re
import subprocess
import sys
import urllib.parse

import pytest


@pytest.fixture(scope='module')
def site(root, tmp_path_factory):
  """The pages, by the command that the docs give; git ignores docs/api/."""
  folder = tmp_path_factory.mktemp('site')
  text = (root / 'CONTRIBUTING.md').read_text(encoding='utf-8')
  (words,) = re.findall('^sphinx-build (.*) build/site$', text, re.M)
  result = subprocess.run(
    [sys.executable, '-m', 'sphinx', '-q', *words.split(), folder],
    capture_output=True,
    text=True,
    cwd=root,
  )
  assert result.returncode == 0, result.stderr
  return {
    path: path.read_text(encoding='utf-8')
    for path in folder.rglob('*')
    if path.suffix in ('.html', '.css')
  }


def _pages(site):
  return {path: text for path, text in site.items() if path.suffix == '.html'}


def test_every_module_is_in_the_reference(site, root):
  paths = (root / 'fr_poison').rglob('*.py')
  names = {
    '.'.join(path.relative_to(root).with_suffix('').parts) for path in paths
  }
  names = {name.removesuffix('.__init__') for name in names}
  assert 'fr_poison.attacks.pgd' in names
  found = re.findall('id="module-([^"]*)"', ''.join(_pages(site).values()))
  assert set(found) == names


def test_a_room_lists_what_it_exports_where_that_is_documented(site):
  (page,) = (it for it in site if it.name == 'fr_poison.attacks.html')
  assert 'href="#fr_poison.attacks.lowkey.lowkey"' in site[page]
  assert 'id="fr_poison.attacks.lowkey.lowkey"' in site[page]


def test_every_page_of_docs_is_in_the_navigation(site, root):
  found = (page for page in site if page.name == 'README.html')
  home = min(found, key=lambda page: len(page.parts))  # not docs/README
  for path in root.glob('docs/*.md'):
    assert f'internal" href="docs/{path.stem}.html"' in site[home], path


def test_every_link_leads_to_a_file(site):
  missing = set()
  for page, text in _pages(site).items():
    for target in re.findall('<a [^>]*?href="([^"#?]+)', text):
      url = urllib.parse.urlsplit(target)
      if not url.scheme and not (page.parent / url.path).is_file():
        missing.add((page.name, target))
  assert not missing


def test_nothing_is_loaded_from_elsewhere(site):
  loads = '<(?:script|link|img|iframe|source|object)[^>]*(?:src|href|data)='
  elsewhere = '["\']?(?:[a-z]+:)?//'
  for path, text in site.items():
    if path.suffix == '.css':
      assert not re.search(rf'(?:url\(|@import )\s*{elsewhere}', text), path
    else:
      assert not re.search(loads + elsewhere, text), path
      assert path.name == 'index.html' or re.search(loads, text)
