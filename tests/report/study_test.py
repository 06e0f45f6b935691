import pytest

from fr_poison.report import sources as sources_lib
from fr_poison.report import study, tables

_DETECTION = {
  'detector': 'statistics', 'features': 'noise', 'train_attack': 'fawkes',
  'test_attack': 'lowkey', 'epsilon': 8 / 255, 'jpeg': '', 'auc': 0.9,
  'auc_ci': [0.8, 1], 'average_precision': 0.9, 'tpr_at_fpr': {'0.01': 0.5},
  'num_people': 20,
}  # fmt: skip


@pytest.fixture
def make_sources():
  def make(protection=(), detection=(), trainers=(), skipped=()):
    return sources_lib.Sources(
      [*protection], [*detection], [*trainers], [], [*skipped]
    )

  return make


def test_figures_are_those_that_records_can_fill(make_sources, records):
  drawings, missing = study.figures(make_sources(records))
  names = [drawing.name for drawing in drawings]
  assert names == ['answer', 'timeline', 'accuracy_robustness']
  assert [told.partition(':')[0] for told in missing] == [
    'Protection against the budget',
    'Among strangers',
    'Detectors',
    'Map of embeddings',
  ]
  assert study.figures(make_sources()).drawings == []


def test_page_begins_with_the_answer(make_sources, records, make_record):
  begin = lambda sources: study.sentences(
    sources, sources_lib.runs(sources.protection)
  )
  (answer,) = begin(make_sources(records))
  assert answer.startswith('Of the clean pictures')
  (result,) = begin(make_sources([make_record()]))
  assert result.startswith('LowKey at 8/255 made for mobileface: 100%')
  (nothing,) = begin(make_sources())
  assert nothing.startswith('There are no records')
  seeds, skipped = begin(
    make_sources([make_record(), make_record(seed=1)], skipped=['a line'])
  )
  assert seeds.startswith('Here are 2 runs') and 'not used' in skipped


def test_what_was_tested_is_not_said_to_be_missing(make_sources, make_record):
  records = [make_record(dataset='orl, 40 people')]
  told = ' '.join(study.not_tested(make_sources(records)))
  assert '(detecting)' in told and 'ORL is 40 people' in told
  trainer = make_record(adversary='detecting: statistics')
  told = ' '.join(study.not_tested(make_sources([], trainers=[trainer])))
  assert '(detecting)' not in told and 'ORL' not in told
  assert 'noise of a camera' not in told
  told = ' '.join(study.not_tested(make_sources([], [_DETECTION])))
  assert 'noise of a camera' in told  # what a detector may flag as well


def test_every_kind_of_record_has_a_row(make_sources, make_record):
  trainer = make_record(adversary='detecting: x') | {'protection_rate': None}
  sources = make_sources([make_record()], [_DETECTION], [trainer])
  rows = {name: cells for name, cells, _ in study.rows(sources.all())}
  assert len(rows) == 3
  lowkey = ['LowKey', '8/255', 'mobileface', 'mobileface']
  accuracy = ['98', '96–100', '0']
  nn = 'nearest neighbor'
  assert list(rows.values()) == [
    lowkey + ['baseline', nn, 'protection', '100', '96–100'] + accuracy,
    lowkey + ['detecting: x', nn, 'protection', '', ''] + accuracy,
    ['LowKey', '8/255', '', 'noise', 'statistics trained on fawkes', '', 'AUC']
    + ['90', '80–100', '', '', ''],
  ]
  assert all(len(cells) == len(study.COLUMNS) for cells in rows.values())


def test_tables_of_all_kinds(make_sources, records, make_record):
  texts = study.texts(make_sources(records))
  assert texts['table.md'] == tables.markdown(records)
  assert texts['table.tex'].count('toprule') == 1

  texts = study.texts(
    make_sources([make_record(), make_record(seed=1)], [_DETECTION])
  )
  assert '## seed 0\n\n' in texts['table.md']
  assert '## seed 1\n\n' in texts['table.md']
  assert '90 (80-100), TPR 50' in texts['table.md']
  assert '% seed 1\n\n' in texts['table.tex']
  assert len(texts['records.csv'].splitlines()) == 4
  assert study.texts(make_sources())['table.md'] == 'No records.\n'
