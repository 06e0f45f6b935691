import json

import numpy as np
import pytest

from fr_poison import types
from fr_poison.report import kinds, record_file


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


def test_every_missing_field_is_named(make_record):
  for name in make_record():
    record = make_record()
    del record[name]
    with pytest.raises(types.InputError, match=f'^{name}: missing'):
      kinds.validate(record)


@pytest.mark.parametrize(
  'name,value',
  [
    ('attack', 'glaze'),
    ('attack', ['lowkey']),
    ('epsilon', 8),
    ('epsilon', '8/255'),
    ('surrogate', 'mobileface'),
    ('surrogate', []),
    ('surrogate', [1]),
    ('network', ''),
    ('network', None),
    ('recognizer', 'svm'),
    ('num_people', 0),
    ('num_people', 40.0),
    ('num_test_images', True),
    ('protection_rate', 1.01),
    ('protection_rate', float('nan')),
    ('protection_rate', None),
    ('protection_rate', True),
    ('protection_rate', 0.2),  # not in its interval, [0.96, 1]
    ('protection_ci', [1, 0]),
    ('protection_ci', [0.5]),
    ('protection_ci', 0.5),
    ('accuracy_ci', [0, 0.5]),
    ('dssim', None),
    ('linf', 8),
    ('psnr', float('inf')),
    ('seed', -1),
    ('wall_seconds', -1),
    ('weights', ['ab']),
    ('weights', {'mobileface': 3}),
    ('device', {}),
    ('noise_protection_rate', 2),
    ('control_of', 'noise'),
  ],
)
def test_a_wrong_field_is_named(make_record, name, value):
  with pytest.raises(types.InputError, match=name.removesuffix('_rate')):
    kinds.validate(make_record() | {name: value})


def test_nulls_that_are_allowed(make_record):
  kinds.validate(make_record(epsilon=None, psnr=None))
  kinds.validate(make_record('none', ''))


def test_noise_must_say_of_what(make_record):
  with pytest.raises(types.InputError, match='control_of'):
    kinds.validate(make_record('noise'))
  with pytest.raises(types.InputError, match='expected an object'):
    kinds.validate([])


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


def test_a_rate_above_one_is_refused():
  with pytest.raises(
    types.InputError, match='auc: expected a number .*, got 93.4'
  ):
    kinds.validate(_detection(auc=93.4))


@pytest.mark.parametrize(
  'roc',
  [3, {}, {'fpr': [0, 1]}, {'fpr': [], 'tpr': []}, {'fpr': [0], 'tpr': [0, 1]},
   {'fpr': ['a'], 'tpr': [0]}],
)  # fmt: skip
def test_an_odd_curve_of_a_detector_is_refused(roc):
  kinds.validate(_detection(roc={'fpr': [0, 1], 'tpr': [0, 1]}))
  with pytest.raises(types.InputError, match='^roc: expected an object'):
    kinds.validate(_detection(roc=roc))


@pytest.mark.parametrize(
  'change',
  [{'clean': 3}, {'clean': [[1]]}, {'cloaked': []}, {'explained': 'x'}],
)
def test_an_odd_map_is_refused(make_record, change):
  points = {'neighbours': [[0, 1]], 'clean': [[0, 1]], 'cloaked': [[0, 1]]}
  good = points | {'explained': 0.5}
  kinds.validate(make_record(embedding_map=good))
  with pytest.raises(types.InputError, match='^embedding_map: expected'):
    kinds.validate(make_record(embedding_map=good | change))


def test_an_odd_check_of_a_model_is_refused(make_record):
  fields = {'num_distractors': 10, 'distractors': 'real'}
  check = {'num_people': 10, 'real': 0.5, 'model': 0.4, 'difference': 0.1}
  kinds.validate(make_record(check=check, **fields))
  for odd in (3, {}, check | {'real': 'x'}):
    with pytest.raises(types.InputError, match='^check: expected an object'):
      kinds.validate(make_record(check=odd, **fields))
