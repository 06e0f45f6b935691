"""The README says what is so: its commands, its code and its numbers."""

import json
import re

import pytest

from fr_poison.report import detection, plots, records, tables


@pytest.fixture(scope='module')
def readme(root):
  return (root / 'README.md').read_text(encoding='utf-8')


def test_ci_runs_the_commands(readme, root):
  ci = (root / '.ci' / 'run').read_text()
  commands = re.findall(r'```sh\n(.*?)\n```', readme, re.S)
  assert len(commands) == 2
  for command in commands:
    for part in command.split(' && '):
      words = part.replace('pip install', 'pip install -q')
      assert words in ci, part
  assert 'orl.py:smoke' in ci


def test_the_code_runs(readme):
  scope = {}
  blocks = re.findall(r'```python\n(.*?)```', readme, re.S)
  assert len(blocks) == 3
  for block in blocks:
    exec(block, scope)
  assert scope['info']['improved'].all()
  assert scope['mine'].num_steps == 10


def test_the_numbers_are_those_of_the_records(readme, root):
  folder = root / 'docs' / 'orl'
  found = records.read(folder / 'records.jsonl')
  table = tables.markdown(found)
  assert (folder / 'table.md').read_text() == table
  assert (folder / 'heat_map.svg').read_bytes() == plots.heat_map(found)
  shown = re.search(r'<!-- table -->\n(.*?)\n<!-- /table -->', readme, re.S)
  assert shown[1] == table.split('\n\n')[0]


@pytest.mark.parametrize(
  'name',
  ['adaptive', 'adversarial_training', 'end_to_end', 'linear', 'squeezing'],
)
def test_the_tables_are_those_of_the_records(readme, root, name):
  folder = root / 'docs' / name
  found = records.read(folder / 'records.jsonl')
  table = tables.markdown(found)
  assert (folder / 'table.md').read_text() == table
  shown = re.search(rf'<!-- {name} -->\n(.*?)\n<!-- /{name} -->', readme, re.S)
  assert (shown is None) == (name != 'adaptive')
  assert shown is None or shown[1] == table.split('\n\n')[0]


def test_the_tables_of_detectors_are_those_of_the_records(readme, root):
  folder = root / 'docs' / 'detect'
  table = detection.markdown(detection.read(folder / 'detection.jsonl'))
  assert (folder / 'detection.md').read_text() == table
  shown = re.search(r'<!-- detect -->\n(.*?)\n<!-- /detect -->', readme, re.S)
  assert shown[1] == table.split('\n\n')[0]
  lines = (folder / 'trainers.jsonl').read_text().splitlines()
  table = detection.trainers_markdown([json.loads(line) for line in lines])
  assert (folder / 'trainers.md').read_text() == table


def test_the_trained_networks_are_as_good_as_their_metrics(readme, root):
  folder, configs = root / 'docs' / 'from_scratch', root / 'experiments/configs'
  for name in ('arcface', 'facenet'):
    last = (folder / f'{name}.jsonl').read_text().splitlines()[-1]
    auc = f'{json.loads(last)["verification_auc"]:.3f}'
    assert auc in (configs / f'{name}_from_scratch.py').read_text()
    section = readme.partition('## Train a recognizer')[2]
    assert auc in section.partition('\n## ')[0]


def test_links_lead_somewhere(readme, root):
  for target in re.findall(r'\]\(([^)]+)\)', readme):
    assert target.startswith('https://') or (root / target).exists(), target
  paths = re.findall(r'`((?:fr_poison|experiments)/[\w/.]+)', readme)
  assert paths and all((root / p).exists() for p in paths)
