import csv
import dataclasses
import json
import re
import types

from fr_poison.report import kinds, record_file, spreadsheet, tables
from fr_poison.report.grid import arrange


def test_csv_has_every_field_of_every_kind(make_record):
  record = make_record(network='naïve, "quoted"\nname', roc={'fpr': [0, 1]})
  other = {'detector': 'statistics', 'auc': 0.5, 'jpeg': ''}
  first, second = csv.DictReader(
    spreadsheet.csv_text([record, other]).splitlines(keepends=True)
  )
  assert first['record'] == record_file.anchor(record)
  assert first['network'] == record['network'] and first['seed'] == '0'
  assert first['protection_low'] == '0.96' and first['protection_high'] == '1'
  assert 'protection_ci' not in first and 'roc' not in first
  assert first['surrogate'] == 'mobileface'
  assert first['versions.jax'] == record['versions']['jax']
  assert second['auc'] == '0.5' and second['network'] == ''


def test_a_field_is_columns_of_one_value_each():
  row = spreadsheet.flat(
    {
      'surrogate': ['a', 'b'],
      'accuracy_ci': [0.25, 1],
      'recall_ci': None,
      'tpr_at_fpr': {'0.01': 0.5},
      'tpr_at_fpr_ci': {'0.01': (0.4, 0.6)},
      'is_odd': True,
      'crop': [1, 2, 3, 4],
      'left_out': [['x.png', 'no face']],
      'more': {'a': {'b': 1}, 'c': None},
    }
  )
  del row['record']
  assert row == {
    'surrogate': 'a+b',
    'accuracy_low': 0.25,
    'accuracy_high': 1,
    'tpr_at_fpr.0.01': 0.5,
    'tpr_at_fpr_low.0.01': 0.4,
    'tpr_at_fpr_high.0.01': 0.6,
    'is_odd': True,
    'crop': '[1, 2, 3, 4]',
    'left_out': '[["x.png", "no face"]]',
    'more.a': '{"b": 1}',
  }


def test_the_documented_line_makes_a_flat_table_of_any_records(root):
  page = (root / 'docs' / 'records.md').read_text()
  (line,) = re.findall(r'^table = (pd\.DataFrame\(.*\))$', page, re.M)
  assert "open('records.jsonl')" in line
  paths = sorted((root / 'docs').rglob('*.jsonl'))
  assert len(paths) > 10
  for path in paths:
    # A data frame takes such rows as they are; pandas is not needed for that.
    names = {
      'pd': types.SimpleNamespace(DataFrame=list),
      'open': lambda name, path=path: path.read_text().splitlines(),
      'flat': spreadsheet.flat,
      'json': json,
    }
    table = eval(line, names)
    assert len(table) == len(path.read_text().splitlines())
    found = {type(value) for row in table for value in row.values()}
    assert found <= {str, int, float, bool}, path
    if 'protection_ci' in path.read_text():
      assert 'protection_low' in table[0]


def test_every_field_of_a_record_is_documented(root):
  page = (root / 'docs' / 'records.md').read_text()
  classes = kinds.Detection, kinds.Distractors, kinds.Trainers
  for kind in (*classes, kinds.Verification):
    for field in dataclasses.fields(kind):
      assert f'| `{field.name}` |' in page, field.name


def test_no_cell_is_a_formula(make_record):
  record = make_record(network='=cmd()', device='@x', rate=0.5)
  record['versions']['jax'] = '+1'
  (row,) = csv.DictReader(spreadsheet.csv_text([record]).splitlines())
  assert (row['network'], row['device']) == ("'=cmd()", "'@x")
  assert row['versions.jax'] == "'+1"
  assert row['protection_rate'] == '0.5'


def test_latex(make_record):
  records = [
    make_record(rate=0.5),
    make_record('noise', rate=0.02, control_of='lowkey'),
    make_record(rate=0.04, network='50%_{\\x}~^$&#'),
  ]
  text = tables.latex([arrange(records)])
  lines = text.splitlines()
  head = r'& 50\%\_\{\textbackslash{}x\}\textasciitilde{}\textasciicircum{}\$'
  assert head + r'\&\#' in lines[3]
  assert lines[5] == (
    r'LowKey for mobileface & \textbf{50} (46--54) & 4 (0--8) & 0.0123 & 34.6 '
    r'& 8 \\'
  )
  assert lines[6].startswith(r'\quad same-strength noise & 2 (0--6) &  & ')
  # As many cells as the head has, in every row.
  counts = {line.replace(r'\&', '').count('&') for line in lines if '&' in line}
  assert counts == {5} and r'{lrrrrr}' in text
