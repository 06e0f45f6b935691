"""The trainer's networks, made ahead of the evaluation."""

import itertools
import os

import evaluate
import pytest
import train_robust
from configs import adaptive, orl

from fr_poison import checkpoints, extractors
from fr_poison.report import record_file
from fr_poison.types import InputError


def test_a_config_that_trains_nothing_is_refused(here, tmp_path):
  config = orl.get_config('smoke').to_dict()
  with pytest.raises(InputError, match='^config.adversaries: nothing to train'):
    here(train_robust, config, tmp_path / 'out')
  assert not (tmp_path / 'out').exists()


def test_evaluate_finds_everything_done(here, little, tmp_path):
  config = adaptive.get_config('smoke').to_dict()
  lines = here(train_robust, config, tmp_path / 'out').splitlines()
  paths = dict(x.split(': --config.extractor.checkpoint=') for x in lines)
  names = [f'adaptive_{recipe}' for recipe in ('paper', 'tuned')]
  assert list(paths) == [f'{name} mobileface' for name in names]
  assert len(set(paths.values())) == 2
  path = paths['adaptive_tuned mobileface']
  network, (_, description) = extractors.load(path), checkpoints.read(path)
  assert network.sha256 != extractors.load('mobileface').sha256
  assert description['adversary'] == 'adaptive'
  assert description['attacks'] == ['lowkey', 'fawkes']
  before = _times(tmp_path / 'out')
  assert any('public_cloaks/lowkey-mobileface' in name for name in before)
  assert any('/checkpoints/' in name for name in before)

  # Neither a cloak nor a checkpoint is made again, nor another one.
  here(evaluate, config, tmp_path / 'out')
  assert _times(tmp_path / 'out') == before
  found = record_file.read(tmp_path / 'out' / 'records.jsonl')
  assert {(r.get('recipe', 'linear'), r['adversary']) for r in found} == {
    *itertools.product(
      ('raw_nearest_neighbor', 'linear', 'end_to_end_gentle'),
      ('baseline', *names, 'top2'),
    ),
    ('raw_nearest_neighbor', 'threshold'),
  }
  own = {r['weights'].get('mobileface adaptive_tuned') for r in found}
  assert own == {None, network.sha256}
  assert {r.get('kind') for r in found if r['adversary'] in names} == {
    'adaptive'
  }

  # With the checkpoint, another folder needs no training.
  del config['adversaries']['adaptive_paper']
  given = {
    'extractor': {'checkpoint': path},
    'recognizers': {'nearest_neighbor': {'normalize': False}},
  }
  here(evaluate, config | given, tmp_path / 'other')
  assert not (tmp_path / 'other' / 'trained').exists()
  again = record_file.read(tmp_path / 'other' / 'records.jsonl')
  rates = lambda records: [
    (r['attack'], r['adversary'], r['protection_rate'])
    for r in records
    if r['recognizer'] == 'nearest_neighbor'
    and r['adversary'] != 'adaptive_paper'
  ]
  assert rates(again) == rates(found)


def _times(folder):
  """Of all cloaks and checkpoints."""
  return {
    str(path): os.stat(path).st_mtime_ns
    for part in ('public_cloaks', 'trained')
    for path in folder.joinpath(part).rglob('*')
    if path.is_file() and path.name != 'metrics.jsonl'
  }
