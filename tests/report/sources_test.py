import json

import pytest

from fr_poison import types
from fr_poison.report import record_file, sources


def _lines(*records):
  return ''.join(json.dumps(record) + '\n' for record in records)


_DETECTION = {
  'detector': 'statistics', 'features': 'noise', 'train_attack': 'fawkes',
  'test_attack': 'lowkey', 'epsilon': 0.03, 'jpeg': '', 'auc': 0.9,
  'auc_ci': [0.8, 1], 'average_precision': 0.9, 'tpr_at_fpr': {'0.01': 0.5},
  'num_people': 20,
}  # fmt: skip


def _trainer(record):
  kept = 'attack surrogate network recognizer adversary num_people versions'
  kept = kept.split() + ['device', 'config_hash']
  rates = 'protection not_enrolled error others_not_enrolled'.split()
  rates = {f'{name}_{end}': None for name in rates for end in ('rate', 'ci')}
  return {name: record[name] for name in kept} | rates


def test_every_kind_finds_its_place(tmp_path, make_record, make_verification):
  record = make_record()
  strangers = record | {'num_distractors': 10, 'distractors': 'real'}
  trainer = _trainer(record)
  (tmp_path / 'a.jsonl').write_text(_lines(record, strangers, trainer))
  pairs = make_verification()
  (tmp_path / 'b.jsonl').write_text(_lines(_DETECTION, pairs))
  (tmp_path / 'c.jsonl').write_text('')  # its records are lost
  found = sources.read(tmp_path / f'{x}.jsonl' for x in 'abc')
  assert found.protection == [record] and found.distractors == [strangers]
  assert found.trainers == [trainer] and found.detection == [_DETECTION]
  assert found.verification == [pairs]
  assert len(found.all()) == 5
  (said,) = found.skipped
  assert said.startswith('c.jsonl, line 1: not a whole record')


@pytest.mark.parametrize(
  'line,reason',
  [
    ('{"attack": "low', 'not a whole record'),
    ('{"attack": "lowkey"}', 'surrogate: missing'),  # an older schema
    ('[1]', 'expected an object, got list'),
    ('{"attack": NaN}', 'NaN is not strict JSON'),
    ('[' * 100_000, 'nested more than 32 deep'),
    (json.dumps(_DETECTION | {'auc': 'x'}), "auc: 'x' is outside [0, 1]"),
    ('{"not_enrolled_rate": 1}', 'attack: missing'),
  ],
)
def test_what_cannot_be_used_is_reported_and_the_rest_used(
  tmp_path, make_record, line, reason
):
  path = tmp_path / 'r.jsonl'
  path.write_text(_lines(make_record()) + line)
  found = sources.read([path])
  assert len(found.all()) == 1
  (said,) = found.skipped
  assert said.startswith('r.jsonl, line 2: ') and reason in said


def test_the_same_reason_is_reported_once(tmp_path):
  (tmp_path / 'metrics.jsonl').write_text('{"loss": 1}\n' * 3)
  (said,) = sources.read([tmp_path / 'metrics.jsonl']).skipped
  assert said == 'metrics.jsonl, line 1, and 2 more: attack: missing'


def test_strangers_must_be_counted(tmp_path, make_record):
  path = tmp_path / 'r.jsonl'
  path.write_text(
    _lines(
      make_record(num_distractors=10),
      make_record(num_distractors='ten', distractors='real'),
    )
  )
  first, second = sources.read([path]).skipped
  assert 'distractors: missing' in first and 'num_distractors' in second


def test_a_record_counts_once(tmp_path, make_record):
  (tmp_path / 'r.jsonl').write_text(_lines(make_record()))
  found = sources.read([tmp_path / 'r.jsonl'] * 2)
  assert len(found.protection) == 1 and 'there already' in found.skipped[0]


def test_a_missing_file_is_named(tmp_path):
  with pytest.raises(types.InputError, match=r'gone\.jsonl'):
    sources.read([tmp_path / 'gone.jsonl'])


def test_another_digit_is_reported_and_a_sum_names_no_other_record(
  tmp_path, make_record
):
  path = tmp_path / 'r.jsonl'
  record_file.write(path, [make_record(), make_record(rate=0.97)])
  (tmp_path / 'old.jsonl').write_text(_lines(make_record()))
  path.write_text(path.read_text().replace('0.97', '0.98'))
  found = sources.read([path, tmp_path / 'old.jsonl'])
  assert found.protection == [make_record()]
  assert [said.split(': ', 1) for said in found.skipped] == [
    ['r.jsonl, line 2', 'altered, its checksum is of something else'],
    ['old.jsonl, line 1', 'a record that is there already'],
  ]
