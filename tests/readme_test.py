"""README and docs/ say what is so: the commands of CI, and every number.

The other commands, snippets and links: docs_test.py.
"""

import json
import re
from xml.etree import ElementTree

import interval_simulation
import pytest
import quoted

from fr_poison.report import (
  figures,
  galleries,
  heat_map,
  paper,
  record_file,
  rounds,
  sources,
  tables,
  who_cloaks,
)
from fr_poison.report.grid import arrange, by_cell
from fr_poison.report.grid import tables as grids

_FLAGS = 'decisions', 'innocent'


@pytest.fixture(scope='module')
def readme(root):
  return (root / 'README.md').read_text(encoding='utf-8')


@pytest.fixture(scope='module')
def results(root):
  return (root / 'docs' / 'results.md').read_text(encoding='utf-8')


def _shown(name, page):
  """What stands between the markers of that name, or None."""
  found = re.search(rf'<!-- {name} -->\n(.*?)\n<!-- /{name} -->', page, re.S)
  return found and found[1]


@pytest.mark.parametrize(
  'page',
  [
    *('README.md', 'docs/cells.md', 'docs/detection.md', 'docs/results.md'),
    *('docs/study.md', 'docs/trainers.md'),
  ],
)
def test_numbers_in_sentences_are_those_of_the_records(page, root):
  found = quoted.read((root / page).read_text(encoding='utf-8'))
  assert found
  for one in found:
    assert one.text == quoted.expected(one, root / 'docs'), one.query


def _texts(svg):
  """What a figure says, in the order in which it does."""
  texts = ElementTree.fromstring(svg).iter('{http://www.w3.org/2000/svg}text')
  return [text.text for text in texts]


def test_the_readme_is_short(readme):
  assert len(readme.splitlines()) <= 200


def test_ci_runs_the_commands(readme, root):
  ci = (root / '.ci' / 'run').read_text()
  commands = re.findall(r'```sh\n(.*?)\n```', readme, re.S)
  assert len(commands) == 2
  for command in commands:
    for part in command.split(' && '):
      words = part.replace('pip install', 'pip install -q')
      assert words in ci, part
  assert 'orl.py:smoke' in ci


def test_the_numbers_are_those_of_the_records(results, root):
  folder = root / 'docs' / 'orl'
  found = record_file.read(folder / 'records.jsonl')
  table = tables.protection(arrange(found))
  assert (folder / 'table.md').read_text() == table
  # The numbers, not the bytes, which are those of a version of matplotlib.
  shown = _texts((folder / 'heat_map.svg').read_bytes())
  assert shown == _texts(heat_map.draw(arrange(found)).svg())
  assert _shown('table', results) == table.split('\n\n')[0]


@pytest.mark.parametrize('name', ['squeezing', 'tuning'])
def test_the_tables_are_those_of_the_records(root, name):
  folder = root / 'docs' / name
  found = record_file.read(folder / 'records.jsonl')
  table = tables.protection(arrange(found))
  assert (folder / 'table.md').read_text() == table


# Folders of docs/ with the table and the figures of one run's page.
_PAGES = {
  'cells': {'cells': who_cloaks.by_cell},
  'cells_lfw': {'cells': who_cloaks.by_cell},
  'cells_tip_im': {'cells': who_cloaks.by_cell},
  'cell_budgets': {'cell_budgets': who_cloaks.by_budget},
  'tracking': {},
  'rounds': {'rounds': rounds.by_move},
}


@pytest.mark.parametrize('name', _PAGES)
def test_tables_and_figures_are_those_of_the_records(root, name):
  folder = root / 'docs' / name
  found = record_file.read(folder / 'records.jsonl')
  table = tables.by_cell(by_cell(found))
  assert (folder / 'table.md').read_text() == table
  for figure, draw in _PAGES[name].items():
    shown = _texts((folder / f'{figure}.svg').read_bytes())
    assert shown == _texts(draw(found).svg())


def test_the_rates_of_photographs_are_those_of_the_records(root):
  page = (root / 'docs' / 'data.md').read_text()
  head, _, *rows = (
    [cell.strip() for cell in line.split('|')[1:-1]]
    for line in _shown('lfw', page).splitlines()
  )
  wanted = {
    'no cloak': ('aligned', 'none'),
    'attacked as a whole': ('loose', 'given'),
    'attacked on the template': ('aligned', 'given'),
  }
  assert [row[0] for row in rows] == list(wanted)
  for label, *rates in rows:
    name, attack = wanted[label]
    found = {
      r['network']: f'{100 * r["protection_rate"]:.0f}'
      for r in record_file.read(root / 'docs' / 'lfw' / f'{name}.jsonl')
      if (r['attack'], r['recognizer']) == (attack, 'nearest_neighbor')
      and r['adversary'] in ('baseline', 'oblivious')
    }
    assert rates == [found[network] for network in head[1:]]


def test_the_verification_on_lfw_is_what_its_records_say(root):
  folder = root / 'docs' / 'lfw_verification'
  found = record_file.read(folder / 'records.jsonl')
  table = tables.verification(found)
  assert (folder / 'table.md').read_text() == table
  page = (root / 'docs' / 'networks.md').read_text()
  assert _shown('verification', page) == table.split('\n\n')[0]
  drawing = figures.verification(found).svg()
  assert _texts((folder / 'roc.svg').read_bytes()) == _texts(drawing)


@pytest.mark.parametrize('name', ['crops', 'mirrored'])
def test_other_verifications_are_what_their_records_say(name, root):
  folder = root / 'docs' / 'lfw_verification'
  table = tables.verification(record_file.read(folder / f'{name}.jsonl'))
  page = (root / 'docs' / 'networks.md').read_text()
  assert _shown(name, page) == table.split('\n\n')[0]


def test_the_tables_of_detectors_are_those_of_the_records(root):
  found = record_file.read(root / 'docs' / 'study' / 'detection.jsonl')
  page = (root / 'docs' / 'detection.md').read_text()
  assert _shown('detect', page) == tables.detection(found).split('\n\n')[0]
  for name, table in zip(_FLAGS, tables.flags(found), strict=True):
    assert _shown(name, page) == table.markdown().split('\n\n')[0]


def test_the_study_is_what_its_records_say(root):
  folder = root / 'docs' / 'study'
  found = sources.read(sorted(folder.glob('*.jsonl')))
  assert not found.skipped and len(found.all()) > 200
  table = tables.markdown(found, grids(found.protection))
  assert (folder / 'table.md').read_text() == table
  assert {r['num_people'] for r in found.protection} == {40, 8, 5}
  drawn = figures.draw_all(found).drawings
  assert {f'{one.name}.svg' for one in drawn} == {
    path.name for path in (folder / 'figures').iterdir()
  }
  for drawing in drawn:
    svg = (folder / 'figures' / f'{drawing.name}.svg').read_bytes()
    assert _texts(svg) == _texts(drawing.svg())


def test_every_trainer_and_gallery_of_the_study_is_in_the_records(root):
  found = sources.read(sorted((root / 'docs' / 'study').glob('*.jsonl')))
  (table,) = galleries.by_trainer(found)
  page = (root / 'docs' / 'study.md').read_text()
  assert _shown('galleries', page) == table.markdown().split('\n\n')[0]


def test_the_study_beside_the_paper_is_what_its_records_say(results, root):
  found = sources.read(sorted((root / 'docs' / 'study').glob('*.jsonl')))
  (table,) = paper.beside(found)
  assert _shown('paper', results) == table.markdown()


@pytest.mark.parametrize('page', ['README.md', 'docs/results.md'])
def test_every_share_in_a_sentence_is_quoted_from_a_record(page, root):
  text = (root / page).read_text(encoding='utf-8')
  rest = re.sub(r'<!-- (\w+) -->.*?<!-- /\1 -->', '', text, flags=re.S)
  shares = re.findall(r'\d+(?:\.\d+)?%', quoted.rest(rest))
  assert set(shares) <= {'95%'}  # the intervals'


def test_the_coverage_of_intervals_is_what_its_records_say(root):
  folder = root / 'docs' / 'interval_coverage'
  lines = (folder / 'records.jsonl').read_text().splitlines()
  table = interval_simulation.table(list(map(json.loads, lines)))
  assert (folder / 'table.md').read_text() == table
  page = (root / 'docs' / 'intervals.md').read_text()
  single, seeds = table.strip().split('\n\n')
  assert (_shown('single', page), _shown('seeds', page)) == (single, seeds)


def test_the_trained_networks_are_as_good_as_their_metrics(root):
  folder, configs = root / 'docs' / 'from_scratch', root / 'experiments/configs'
  page = (root / 'docs' / 'training.md').read_text()
  for name in ('arcface', 'facenet'):
    last = (folder / f'{name}.jsonl').read_text().splitlines()[-1]
    auc = f'{json.loads(last)["verification_auc"]:.3f}'
    assert auc in (configs / f'{name}_from_scratch.py').read_text()
    assert auc in page
