"""Names from others' records, in everything that a report writes."""

import csv
import io
from xml.etree import ElementTree

import pytest
from text_test import HOSTILE, is_clean

from fr_poison.report import page, record_file, sources, spreadsheet, tables
from fr_poison.report.grid import arrange

_CHOSEN = ('attack', 'recognizer', 'distractors')  # one of a few words
_DETECTION = {
  'detector': 'a', 'features': 'a', 'train_attack': 'a', 'test_attack': 'a',
  'epsilon': 8 / 255, 'jpeg': 'a', 'processing': 'a', 'auc': 0.9,
  'auc_ci': [0.8, 1], 'average_precision': 0.9, 'num_people': 20,
  'tpr_at_fpr': {'0.01': 0.5}, 'surrogate': ['a'], 'standard': 'a',
  'roc': {'fpr': [0, 1], 'tpr': [0, 1]},
  'false_positive_rates': {'a': 0.1}, 'false_positive_rates_ci': {'a': [0, 1]},
}  # fmt: skip
_NAMES = {
  'history': 'a', 'dataset': 'a', 'split': 'a', 'not_tested': ['a'],
  'kind': 'a', 'warnings': ['a'], 'alignment': 'a', 'left_out': [['a', 'a']],
  'recipe': 'a', 'standard': 'a', 'standard_digest': 'a',
}  # fmt: skip


def _hostile(value, name):
  """The same with `name` before every text and in every list of texts."""
  if isinstance(value, dict):
    return {k: _hostile(v, name) for k, v in value.items()}
  if isinstance(value, list):
    return [_hostile(x, name) for x in value]
  return name + value if isinstance(value, str) else value


@pytest.fixture
def records(make_record, make_verification):
  """One of every kind, whose names begin with what a test gives."""

  def make(name):
    gone = ('not_enrolled', 'error', 'others_not_enrolled')
    behind = {f'{x}_rate': 0.1 for x in gone} | {
      f'{x}_ci': [0, 1] for x in gone
    }
    strangers = {'num_distractors': 9, 'distractors': 'real'}
    check = dict.fromkeys(('num_people', 'real', 'model', 'difference'), 1)
    bare = make_record(**_NAMES)
    found = [
      bare,
      make_record(**_NAMES | {'saved': 'a', 'adversary': 'b'}),
      make_record('given', tool='a', **_NAMES),
      make_record('none', '', **_NAMES),
      make_record(**_NAMES, **behind),
      make_record(**_NAMES, **strangers, check=check),
      make_record(**_NAMES, **strangers | {'num_distractors': 99}),
      make_verification(),
      _DETECTION,
    ]
    return [
      {k: x if k in _CHOSEN else _hostile(x, name) for k, x in record.items()}
      | {name + 'extra': name}
      for record in found
    ]

  return make


def test_no_file_of_a_report_steers_whoever_reads_it(tmp_path, records):
  file = tmp_path / f'a\n{HOSTILE}.jsonl'.replace('/', '')
  record_file.write(file, records(HOSTILE))
  with file.open('a') as stream:
    stream.write('{\n')
  found = sources.read([file])
  assert len(found.all()) == 9 and len(found.skipped) == 1
  page.write_folder(found, tmp_path / 'out')
  names = []
  for path in sorted((tmp_path / 'out').rglob('*')):
    if path.suffix not in ('', '.png'):
      names.append(path.name)
      assert is_clean(content := path.read_text(encoding='utf-8')), path
      if path.suffix == '.svg':
        ElementTree.fromstring(content)
  assert len(names) >= 6


def test_no_name_adds_a_cell_or_a_line(records):
  plain = tables.markdown(_sources(records('x')), [])
  odd = tables.markdown(_sources(records('a|b\n[c](d)<i>')), [])
  shape = lambda text: [
    line.replace(r'\|', '').count('|') for line in text.splitlines()
  ]
  assert shape(odd) == shape(plain) and '<i>' not in odd and '[c]' not in odd
  first, *_ = records('a\n%\n')
  text = tables.latex([arrange([first], 'a\n\\input{x}')])
  assert not any(line.startswith('\\input') for line in text.splitlines())


@pytest.mark.parametrize('sign', ['=', '+', '-', '@', '\t', '\r', '\n'])
def test_no_head_or_cell_of_a_csv_is_a_formula(records, sign):
  rows = csv.reader(io.StringIO(spreadsheet.csv_text(records(f'{sign}cmd()'))))
  for row in rows:
    assert not any(cell.startswith(sign) for cell in row), row


def _sources(records):
  found = sources.Sources()
  for record in records:
    getattr(found, sources.kinds.of(record).__name__.lower()).append(record)
  return found
