"""README and docs/ say what is so: the commands of CI, and every number.

The other commands, snippets and links: docs_test.py.
"""

import json
import re

import pytest

from fr_poison.report import (
  detection,
  distractors,
  paper,
  plots,
  records,
  sources,
  study,
  tables,
)


@pytest.fixture(scope='module')
def readme(root):
  return (root / 'README.md').read_text(encoding='utf-8')


def _shown(name, page):
  """What stands between the markers of that name, or None."""
  found = re.search(rf'<!-- {name} -->\n(.*?)\n<!-- /{name} -->', page, re.S)
  return found and found[1]


def test_ci_runs_the_commands(readme, root):
  ci = (root / '.ci' / 'run').read_text()
  commands = re.findall(r'```sh\n(.*?)\n```', readme, re.S)
  assert len(commands) == 2
  for command in commands:
    for part in command.split(' && '):
      words = part.replace('pip install', 'pip install -q')
      assert words in ci, part
  assert 'orl.py:smoke' in ci


def test_the_numbers_are_those_of_the_records(readme, root):
  folder = root / 'docs' / 'orl'
  found = records.read(folder / 'records.jsonl')
  table = tables.markdown(found)
  assert (folder / 'table.md').read_text() == table
  assert (folder / 'heat_map.svg').read_bytes() == plots.heat_map(found)
  assert _shown('table', readme) == table.split('\n\n')[0]


@pytest.mark.parametrize(
  'name',
  [
    'adaptive',
    'adversarial_training',
    'end_to_end',
    'linear',
    'orl_recipes',
    'squeezing',
  ],
)
def test_the_tables_are_those_of_the_records(root, name):
  folder = root / 'docs' / name
  found = records.read(folder / 'records.jsonl')
  table = tables.markdown(found)
  assert (folder / 'table.md').read_text() == table
  page = (root / 'docs' / 'trainers.md').read_text()
  shown = _shown(name, page)
  assert (shown is None) == (name != 'adaptive')
  assert shown in (None, table.split('\n\n')[0])


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
      for r in records.read(root / 'docs' / 'lfw' / f'{name}.jsonl')
      if (r['attack'], r['recognizer']) == (attack, 'nearest_neighbor')
      and r['adversary'] in ('baseline', 'oblivious')
    }
    assert rates == [found[network] for network in head[1:]]


def test_the_tables_of_detectors_are_those_of_the_records(root):
  folder = root / 'docs' / 'detect'
  table = detection.markdown(detection.read(folder / 'detection.jsonl'))
  assert (folder / 'detection.md').read_text() == table
  page = (root / 'docs' / 'detection.md').read_text()
  assert _shown('detect', page) == table.split('\n\n')[0]
  lines = (folder / 'trainers.jsonl').read_text().splitlines()
  table = detection.trainers_markdown([json.loads(line) for line in lines])
  assert (folder / 'trainers.md').read_text() == table


def test_the_study_is_what_its_records_say(readme, root):
  folder = root / 'docs' / 'study'
  found = sources.read(sorted(folder.glob('*.jsonl')))
  assert not found.skipped and len(found.all()) > 500
  assert (folder / 'table.md').read_text() == study.texts(found)['table.md']
  shown = paper.markdown(found.protection, found.detection)
  assert _shown('study', readme) == shown.strip()
  assert len({r['num_people'] for r in found.protection} | {20}) == 1


def test_the_table_of_strangers_is_that_of_the_records(root):
  folder = root / 'docs' / 'distractors'
  found = sources.read([folder / 'distractors.jsonl']).distractors
  table = distractors.markdown(found)
  assert (folder / 'distractors.md').read_text() == table


def test_the_trained_networks_are_as_good_as_their_metrics(root):
  folder, configs = root / 'docs' / 'from_scratch', root / 'experiments/configs'
  page = (root / 'docs' / 'training.md').read_text()
  for name in ('arcface', 'facenet'):
    last = (folder / f'{name}.jsonl').read_text().splitlines()[-1]
    auc = f'{json.loads(last)["verification_auc"]:.3f}'
    assert auc in (configs / f'{name}_from_scratch.py').read_text()
    assert auc in page
