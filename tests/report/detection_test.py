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


def test_training_sets_are_columns_and_tests_are_rows():
  text = detection.markdown(
    [_record(), _record(train_attack='lowkey', auc=0.99, auc_ci=[0.98, 1.0])]
  )
  head, _, row = text.split('\n\n')[0].splitlines()
  assert 'trained on fawkes' in head and 'trained on lowkey' in head
  cells = [cell.strip() for cell in row.strip('|').split('|')]
  assert cells == [
    'statistics (noise)',
    'LowKey',
    '8/255',
    '',
    '93 (90-96), TPR 50',
    '99 (98-100), TPR 50',
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
