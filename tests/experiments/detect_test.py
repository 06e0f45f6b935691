"""The detectors' program in little: every file, twice the same."""

import json

import detect
import pytest
from configs import detect as detect_config

from fr_poison.report import record_file
from fr_poison.types import InputError


def test_it_writes_everything_and_is_in_order(here, little, tmp_path):
  folder = tmp_path / 'out'
  config = detect_config.get_config('smoke').to_dict()
  config['pipeline']['num_distractors'] = 10
  out = here(detect, config, folder)
  found = record_file.read(folder / 'detection.jsonl')
  assert found[0]['run_seconds'] > 0 and 'run_seconds' not in found[1]
  assert (folder / 'detection.md').read_text().strip() in out
  assert (folder / 'trainers.md').read_text().strip() in out
  # Two that it learned from and another, and those saved in two ways.
  tests = {(r['test_attack'], r['jpeg'], r['processing']) for r in found}
  assert len(tests) == 7 and len(found) == 3 + 7
  assert {test[1:] for test in tests} == {
    ('', ''),
    ('75 4:2:0', ''),
    ('', 'half size'),
  }
  assert {r['train_attack'] for r in found} == {'lowkey+fawkes', 'none'}
  assert all(r['num_people'] == 3 for r in found)
  # Clean and cloaked ones of 30, or of every fifth of these.
  sizes = {(r['detector'], r['num_images']) for r in found}
  assert sizes == {('statistics', 60), ('squeezing', 12)}
  (file, *_) = sorted((folder / 'thresholds').iterdir())
  kept = json.loads(file.read_text())
  assert kept['num_clean'] == 10  # of 50 pictures of five people
  assert kept['threshold_from'] == '5 people, 2 folds'
  for record in found:
    assert record['threshold_from'] == '5 people, 2 folds'
    assert len(record['threshold_folds']) == 2
    assert (record['argmax_recall'] is None) == (record['label'] == 'squeezing')
    rates = record['false_positive_rates']
    assert len(rates) == 8 and {'untouched', 'noise like lowkey'} < {*rates}
  assert 'flagged though innocent' in out
  lines = (folder / 'trainers.jsonl').read_text().splitlines()
  trainers = [json.loads(line) for line in lines]
  names = 'baseline', 'purifying: jpeg', 'detecting: statistics'
  assert [(r['adversary'], r.get('num_distractors')) for r in trainers] == [
    (name, number) for name in names for number in (None, 10)
  ] * 2
  assert 'JPEG' in out and 'baseline, 10 strangers' in out
  for record in trainers:
    detects = record['adversary'].startswith('detecting')
    assert (record['not_enrolled_rate'] is not None) == detects


def test_bad_input_is_one_line_and_leaves_nothing(here, tmp_path):
  config = detect_config.get_config('smoke').to_dict()
  with pytest.raises(InputError, match="config.surrogate: 'arcnet'") as refused:
    here(detect, config | {'surrogate': 'arcnet'}, tmp_path / 'out')
  assert '\n' not in str(refused.value)
  assert not (tmp_path / 'out').exists()
