import pytest

from fr_poison.report import detection
from fr_poison.types import InputError


def _record(**fields):
  return {
    'detector': 'statistics',
    'features': 'noise',
    'train_attack': 'fawkes',
    'test_attack': 'lowkey',
    'epsilon': 8 / 255,
    'jpeg': '',
    'auc': 0.934,
    'auc_ci': [0.901, 0.956],
    'average_precision': 0.9,
    'tpr_at_fpr': {'0.01': 0.5, '0.001': 0.25},
    'num_people': 20,
  } | fields


def _trainer(**fields):
  return {
    'attack': 'lowkey',
    'adversary': 'detecting: statistics',
    'protection_rate': None,
    'protection_ci': None,
    'not_enrolled_rate': 1.0,
    'not_enrolled_ci': [0.72, 1.0],
    'error_rate': 0.02,
    'error_ci': [0.011, 0.052],
    'others_not_enrolled_rate': 0.0,
    'others_not_enrolled_ci': [0.0, 0.2],
  } | fields


def test_records_come_back_as_they_were(tmp_path):
  records = [_record(), _record(jpeg='75 4:2:0')]
  detection.write(tmp_path / 'd.jsonl', records)
  assert detection.read(tmp_path / 'd.jsonl') == records


@pytest.mark.parametrize('name', ['auc_ci', 'jpeg', 'tpr_at_fpr'])
def test_a_missing_field_is_named(tmp_path, name):
  record = _record()
  del record[name]
  with pytest.raises(InputError, match=f'{name}: missing'):
    detection.write(tmp_path / 'd.jsonl', [record])
  assert not list(tmp_path.iterdir())


def test_a_rate_above_one_and_half_a_line_are_refused(tmp_path):
  with pytest.raises(InputError, match='auc: 93.4 is outside'):
    detection.validate(_record(auc=93.4))
  (tmp_path / 'd.jsonl').write_text('{"detector": ')
  with pytest.raises(InputError, match='d.jsonl'):
    detection.read(tmp_path / 'd.jsonl')


def _tables(text):
  """Of each table its head and its rows, as cells."""
  cells = lambda line: [cell.strip() for cell in line.strip('|').split('|')]
  blocks = (block.splitlines() for block in text.split('\n\n'))
  return [
    (cells(b[0]), [cells(line) for line in b[2:]])
    for b in blocks
    if '|' in b[0]
  ]


def test_attacks_are_columns_and_every_kind_of_test_has_its_table():
  both = {'train_attack': 'fawkes+lowkey'}
  text = detection.markdown(
    [
      _record(**both),
      _record(test_attack='pgd', epsilon=2 / 255, **both),
      _record(detector='autoencoder', features='plain', train_attack='none'),
      _record(epsilon=4 / 255, auc=0.7, auc_ci=[0.6, 0.8], **both),
      _record(jpeg='75 4:2:0', **both),
      _record(),
    ]
  )
  cell = '93 (90-96), TPR 50'
  assert _tables(text) == [
    (
      ['detector', 'LowKey', 'PGD'],
      [
        ['statistics (noise)', cell, cell],
        ['autoencoder (plain)', cell, ''],
      ],
    ),
    (
      ['detector', 'JPEG', 'LowKey'],
      [['statistics (noise)', '75 4:2:0', cell]],
    ),
    (
      ['detector', 'epsilon', 'LowKey'],
      [['statistics (noise)', '4/255', '70 (60-80), TPR 50']],
    ),
    (
      ['detector', 'trained on', 'LowKey'],
      [['statistics (noise)', 'fawkes', cell]],
    ),
  ]


def test_who_is_not_enrolled_has_no_protection_rate():
  text = detection.trainers_markdown([_trainer()])
  row = text.split('\n\n')[0].splitlines()[2]
  cells = [cell.strip() for cell in row.strip('|').split('|')]
  assert cells == [
    'LowKey, detecting: statistics',
    '',
    '100 (72-100)',
    '98 (94-99)',
    '0 (0-20)',
  ]


def test_another_digit_is_found(tmp_path):
  path = tmp_path / 'd.jsonl'
  detection.write(path, [_record()])
  path.write_text(path.read_text().replace('0.934', '0.954'))
  with pytest.raises(InputError, match='d.jsonl: altered'):
    detection.read(path)
