"""README and docs/: what they tell a reader to type works.

Every snippet is run here. A command is in one of the tables of doc_commands.py:
run here in little, run by another test, or run by none, for a reason. A new
command is in no table, nor is an old one with another flag or config.
"""

import contextlib
import functools
import importlib.metadata
import operator
import re
import subprocess
import sys

import doc_commands
import little_networks
import numpy as np
import programs
import pytest
from absl import flags
from configs import my_cloaks
from doc_commands import ALL, NOT_HERE, PAGES, ROOT, RUN, TESTED


def test_every_command_is_in_a_table():
  shapes = {doc_commands.shape(words) for words in ALL}
  here = {shape for shape in shapes if not doc_commands.is_elsewhere(shape)}
  tested = {shape for group in TESTED.values() for shape in group}
  assert here == RUN.keys() | tested
  for start in NOT_HERE:
    assert any(shape.startswith(start) for shape in shapes), start


def test_the_tests_that_run_them_are_there():
  for place in TESTED:
    name, _, test = place.partition('.')
    paths = (ROOT / 'tests').rglob(f'{name}.py')
    assert any(f'def {test}(' in path.read_text() for path in paths), place


@pytest.mark.filterwarnings('ignore:.*load_module')  # ml_collections'
@pytest.mark.parametrize(
  'words',
  [words for words in ALL if doc_commands.is_experiment(words)],
  ids=' '.join,
)
def test_flags_and_fields_are_those_of_the_program(words, monkeypatch):
  monkeypatch.chdir(ROOT)
  doc_commands.parse(words)


@pytest.mark.filterwarnings('ignore:.*load_module')
@pytest.mark.parametrize(
  'wrong', ['--workdirs=x', '--config.num_step=1', '--config.seed=x']
)
def test_others_do_not_parse(wrong, monkeypatch):
  monkeypatch.chdir(ROOT)
  config = '--config=experiments/configs/orl.py'
  words = ['python', 'experiments/evaluate.py', config]
  doc_commands.parse(words)
  with pytest.raises((flags.Error, AttributeError)):
    doc_commands.parse([*words, wrong])


def _has(config, field):
  try:
    functools.reduce(operator.getitem, field.split('.'), config)
  except KeyError:
    return False
  return True


def test_fields_that_sentences_name_are_in_a_config():
  folder = ROOT / 'experiments' / 'configs'
  configs = [
    importlib.import_module(f'configs.{path.stem}').get_config()
    for path in folder.glob('*.py')
  ]
  configs.append(my_cloaks.get_config('standard'))
  for page in PAGES:
    for field in re.findall(r'--config\.([\w.]+\w)', page.read_text('utf-8')):
      assert any(_has(config, field) for config in configs), field


def test_extras_are_those_of_the_package():
  package = importlib.metadata.metadata('fr_poison')
  known = set(package.get_all('Provides-Extra'))
  for words in ALL:
    for extras in re.findall(r'\.\[(.*?)\]', ' '.join(words)):
      assert set(extras.split(',')) <= known


@pytest.mark.parametrize('shape', RUN)
def test_it_runs(shape, tmp_path, tmp_path_factory):
  (words, *_) = (words for words in ALL if doc_commands.shape(words) == shape)
  changed = {word.partition('=')[0] for word in RUN[shape]}
  args = [word.format(folder=tmp_path) for word in RUN[shape]]
  for word in words:
    if word.startswith('-') and word.partition('=')[0] not in changed:
      args.append(word)
  result = subprocess.run(
    [sys.executable, doc_commands.script(words), *args],
    capture_output=True,
    text=True,
    cwd=ROOT,
    env=programs.environment(tmp_path_factory),
  )
  assert result.returncode == 0, result.stderr
  assert result.stdout


# What the snippets of a page come to.
RESULTS = {
  # The README rounds its cloaks itself: they change, and stay in the budget.
  'README.md': lambda it: (
    0 < np.abs(it['cloaks'] - 255 * np.asarray(it['images'])).max() < 8.001
  ),
  'library.md': lambda it: (
    it['info']['improved'].all()
    and it['trace'].shape == (10, 8)
    # Two programs, which round some gradients to the other sign: a third of a
    # level in the mean. Cloaks that have nothing in common differ by 4 levels.
    and np.abs(it['scanned'] - it['pmapped'].reshape(it['images'].shape)).mean()
    < 3e-3
    and it['mine_too'].sha256 != it['ex'].sha256
  ),
  'attacks.md': lambda it: it['info']['improved'].all(),
  'cells.md': lambda it: it['wrong']['2B'] == 1 > it['wrong']['2A'],
  'cloak_authors.md': lambda it: (
    'strongest trainer' in it['prose'].verdict(it['records'])[1]
  ),
  'data.md': lambda it: it['matches'].indices[:, 0].tolist() == [3, 4],
  'detection.md': lambda it: it['auc'] > 0.9 and it['cut'] < 0,
  'extending.md': lambda it: it['embeddings'].shape == (2, 16),
  'networks.md': lambda it: it['ex'].input_size == 128,
}


def _snippets(page):
  return re.findall(r'```python\n(.*?)```', page.read_text('utf-8'), re.S)


# Pages that say what to do with networks, not what these are. A notebook does
# much of the same with the real ones.
LITTLE = {'README.md', 'attacks.md', 'cloak_authors.md', 'library.md'}


@pytest.mark.parametrize(
  'page', [page for page in PAGES if _snippets(page)], ids=lambda p: p.name
)
def test_snippets_run_in_their_order(page, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  scope, is_little = {}, page.name in LITTLE
  with little_networks.instead() if is_little else contextlib.nullcontext():
    for i, block in enumerate(_snippets(page), 1):
      exec(compile(block, f'{page.name}, snippet {i}', 'exec'), scope)
  assert RESULTS[page.name](scope)


def _anchor(heading):
  """As GitHub names it."""
  return re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')


def test_the_index_lists_every_page():
  index = (ROOT / 'docs' / 'README.md').read_text(encoding='utf-8')
  listed = re.findall(r'^- \[.*?\]\((\w+\.md)\):', index, re.M)
  pages = {page.name for page in (ROOT / 'docs').glob('*.md')} - {'README.md'}
  assert len(listed) == len(pages) and {*listed} == pages


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links_and_paths_lead_somewhere(page):
  text = page.read_text(encoding='utf-8')
  for target in re.findall(r'\]\(([^)]+)\)', text):
    if target.startswith('https://'):
      continue
    path, _, anchor = target.partition('#')
    other = (page.parent / path).resolve() if path else page
    assert other.exists(), target
    if anchor:
      headings = re.findall(r'^#+ (.*)$', other.read_text('utf-8'), re.M)
      assert anchor in map(_anchor, headings), target
  folders = '|'.join(('fr_poison', 'experiments', 'tests', 'notebooks'))
  for path in re.findall(rf'`((?:{folders})/[\w/.*]+)', text):
    assert list(ROOT.glob(path)), path
