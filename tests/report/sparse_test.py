"""Records that share nothing: what a report has grows with them, not faster."""

import csv
import io

import pytest

from fr_poison.report import drawing, figures, page, spreadsheet, table
from fr_poison.report import grid as grids
from fr_poison.report.sources import Sources

_DETECTION = {
  'features': 'noise', 'train_attack': 'x', 'epsilon': 8 / 255, 'jpeg': '',
  'auc': 0.9, 'auc_ci': [0.8, 1], 'average_precision': 0.9, 'num_people': 20,
  'tpr_at_fpr': {'0.01': 0.5}, 'argmax_recall': 0.5, 'argmax_recall_ci': [0, 1],
}  # fmt: skip


@pytest.fixture
def strangers(make_record):
  """So many records of every kind, of which no two have anything in common."""

  def make(number):
    found = Sources()
    for i in range(number):
      names = {'surrogate': f's{i}', 'network': f'n{i}', 'adversary': f't{i} x'}
      record = make_record(**names, rate=0.5) | {'epsilon': (i + 1) / 5000}
      found.protection.append(record)
      gallery = {'num_distractors': i, 'distractors': 'real'}
      found.distractors.append(record | gallery)
      rates = {'false_positive_rates': {f'k{i}': 0.1}}
      ends = {'false_positive_rates_ci': {f'k{i}': [0, 1]}}
      names = {'detector': f'd{i}', 'test_attack': f'a{i}'}
      found.detection.append(_DETECTION | names | rates | ends)
    return found

  return make


def test_a_small_table_may_be_empty_a_large_one_may_not():
  assert not table.is_sparse(20, 20, 20)
  assert table.is_sparse(21, 20, 21) and not table.is_sparse(21, 20, 53)
  rows = {(f'r{i}',): {i: 'x'} for i in range(30)}
  columns = {i: f'c{i}' for i in range(30)}
  head, ((said,),) = table.crossed(['stub'], rows, columns)
  assert head == ['stub'] and said.startswith(
    'a table of 30 rows and 30 column'
  )
  head, body = table.crossed(['stub'], {('r',): {1: 'x'}}, {0: 'c', 1: 'd'})
  assert (head, body) == (['stub', 'c', 'd'], [['r', '', 'x']])


def test_records_that_share_nothing_make_no_table(strangers, tmp_path):
  found = strangers(100)
  page.write_folder(found, tmp_path)
  text = (tmp_path / 'report.html').read_text()
  said = 'of 100 rows and 100 columns, nearly all of it empty, is left out'
  assert f'Protection: a table {said}' in text
  assert 'share too little for a table' in text and '<h2>How it was' in text
  written = (tmp_path / 'table.md').read_text()
  # Two of strangers, one each of detectors, decisions and innocent pictures.
  assert written.count(said) == 5
  assert all(len(line) < 400 for line in written.splitlines())
  for record in found.all():  # none is lost
    assert f'id="{page.record_file.anchor(record)}"' in text


def test_what_is_drawn_has_bounds(make_verification):
  roc = {'roc': {'fpr': [0, 1], 'tpr': [0, 1]}, 'detector': 'd'}
  found = Sources(
    verification=[make_verification(f'n{i}') for i in range(500)],
    detection=[_DETECTION | roc | {'test_attack': f'a{i}'} for i in range(90)],
  )
  drawn = figures.draw_all(found)
  assert not drawn.drawings
  left = [x for x in drawn.missing if 'left out, it would be' in x]
  assert len(left) == 2 and all(x.endswith('cm high.') for x in left)
  with pytest.raises(drawing.TooMuchError, match='285 cm high'):
    drawing.axes(110, 7)


def test_a_large_table_or_the_last_of_many_has_no_heat_map(
  make_record, monkeypatch, tmp_path
):
  monkeypatch.setattr(page, '_MOST_CELLS', 4)
  monkeypatch.setattr(page, '_MOST_MAPS', 2)
  sizes = {0: 2, 1: 5, 2: 1}  # seed -> columns
  records = [
    make_record(network=f'n{i}', seed=seed, config_hash=str(seed))
    for seed, size in sizes.items()
    for i in range(size)
  ]
  assert len(grids.tables(records)) == 3
  page.write_folder(Sources(records), tmp_path)
  assert [x.name for x in tmp_path.glob('heat_map*')] == ['heat_map.svg']
  text = (tmp_path / 'report.html').read_text()
  assert 'Heat maps: 2 left out' in text
  assert text.count('no heat map of a table of this size') == 2


def test_fields_of_few_records_share_a_column(make_record):
  own = [make_record(network=f'n{i}') for i in range(9)]
  own = [r | {f'x{i}_{j}': j for j in range(60)} for i, r in enumerate(own)]
  rows = list(csv.reader(io.StringIO(spreadsheet.csv_text(own))))
  assert rows[0][-1] == 'other fields' and len(rows[0]) < 250
  assert '"x8_0": 0' in rows[-1][-1]
  assert not rows[1][-1].strip('{}')  # the first ones have columns
