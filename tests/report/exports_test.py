import csv

from fr_poison.report import record_file, spreadsheet, tables
from fr_poison.report.grid import arrange


def test_csv_has_every_field_of_every_kind(make_record):
  record = make_record(network='naïve, "quoted"\nname', roc={'fpr': [0, 1]})
  other = {'detector': 'statistics', 'auc': 0.5, 'jpeg': ''}
  first, second = csv.DictReader(
    spreadsheet.csv_text([record, other]).splitlines(keepends=True)
  )
  assert first['record'] == record_file.anchor(record)
  assert first['network'] == record['network'] and first['seed'] == '0'
  assert first['protection_ci'] == '[0.96, 1]' and 'roc' not in first
  assert second['auc'] == '0.5' and second['network'] == ''


def test_no_cell_is_a_formula(make_record):
  record = make_record(network='=cmd()', device='@x', rate=0.5)
  (row,) = csv.DictReader(spreadsheet.csv_text([record]).splitlines())
  assert (row['network'], row['device']) == ("'=cmd()", "'@x")
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
