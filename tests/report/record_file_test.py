import json

import numpy as np
import pytest

from fr_poison import types
from fr_poison.report import kinds, record_file


def _detection(**fields):
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


def test_round_trip(tmp_path, records):
  path = tmp_path / 'records.jsonl'
  records[0]['people'] = ['Zoë\u2028\ud800', {'extra': None}]
  record_file.write(path, records)
  assert record_file.read(path) == records
  assert len(path.read_bytes().splitlines()) == len(records)
  assert [p.name for p in tmp_path.iterdir()] == ['records.jsonl']


def test_an_empty_file_is_refused(tmp_path):
  (tmp_path / 'none.jsonl').touch()
  with pytest.raises(types.InputError, match=r'none\.jsonl, line 1'):
    record_file.read(tmp_path / 'none.jsonl')


def test_numpy_scalars_become_numbers(tmp_path, make_record):
  path = tmp_path / 'records.jsonl'
  record = make_record(seed=np.int64(3), psnr=np.float32(31.5))
  record_file.write(path, [record])
  assert record_file.read(path)[0]['psnr'] == 31.5
  assert record_file.read(path)[0]['seed'] == 3


@pytest.mark.parametrize('extra', [float('nan'), np.float32('inf'), object()])
def test_a_failed_write_leaves_the_file_alone(tmp_path, make_record, extra):
  path = tmp_path / 'records.jsonl'
  record_file.write(path, [make_record()])
  before = path.read_bytes()
  with pytest.raises(types.InputError, match='record 2.*strict JSON'):
    record_file.write(path, [make_record(), make_record(extra=extra)])
  assert path.read_bytes() == before
  assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
  'line',
  [
    b'{',
    b'',
    b'[]',
    b'\xff',
    b'{"attack": "pgd"}',
    b'[' * 100_000,
    b'9' * 5000,
    b'{"attack": NaN}',
  ],
)
def test_a_bad_line_is_named(tmp_path, make_record, line):
  path = tmp_path / 'records.jsonl'
  good = json.dumps(make_record()).encode()
  path.write_bytes(b'\n'.join([good, line, good]))
  with pytest.raises(types.InputError, match=r'records\.jsonl, line 2: '):
    record_file.read(path)


def test_another_digit_is_found(tmp_path, make_record):
  path = tmp_path / 'records.jsonl'
  record_file.write(path, [make_record(), make_record(rate=0.97)])
  text = path.read_text()
  assert text.count('0.97') == 1
  path.write_text(text.replace('0.97', '0.98'))
  with pytest.raises(
    types.InputError, match=r'records\.jsonl, line 2: altered'
  ):
    record_file.read(path)


def test_records_of_before_there_were_sums(tmp_path, records):
  path = tmp_path / 'records.jsonl'
  path.write_text(''.join(json.dumps(record) + '\n' for record in records))
  assert record_file.read(path) == records


def test_a_missing_file_is_named(tmp_path):
  with pytest.raises(types.InputError, match=r'gone\.jsonl'):
    record_file.read(tmp_path / 'gone.jsonl')


def test_config_hash():
  # sha256 of '{"a":1,"b":[2,3]}', computed with coreutils' sha256sum.
  expected = 'efbd0040190fb087'
  assert record_file.config_hash({'b': (2, 3), 'a': 1}) == expected
  assert record_file.config_hash({'a': 1, 'b': [2, 3]}) == expected
  assert record_file.config_hash({'a': 2, 'b': [2, 3]}) != expected
  with pytest.raises(types.InputError, match='strict JSON'):
    record_file.config_hash({'a': float('nan')})


def test_environment_fills_its_fields(make_record):
  environment = record_file.environment()
  kinds.validate(make_record(**environment))
  names = 'python jax jaxlib flax optax numpy fr_poison'
  assert sorted(environment['versions']) == sorted(names.split())
  assert environment['device'].endswith('cores')


def test_anchors_tell_records_apart(make_record):
  first, second = make_record(), make_record(seed=1)
  assert record_file.anchor(first) == record_file.anchor(
    dict(reversed(first.items()))
  )
  assert record_file.anchor(first) != record_file.anchor(second)
  assert record_file.anchor(first).startswith('r-')


def test_records_come_back_as_they_were(tmp_path):
  records = [_detection(), _detection(jpeg='75 4:2:0')]
  record_file.write(tmp_path / 'd.jsonl', records)
  assert record_file.read(tmp_path / 'd.jsonl') == records


@pytest.mark.parametrize('name', ['auc_ci', 'jpeg', 'tpr_at_fpr'])
def test_a_missing_field_of_a_detector_is_named(tmp_path, name):
  record = _detection()
  del record[name]
  with pytest.raises(types.InputError, match=f'{name}: missing'):
    record_file.write(tmp_path / 'd.jsonl', [record])
  assert not list(tmp_path.iterdir())
