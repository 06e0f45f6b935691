"""The trainer's networks, made ahead of the evaluation."""

import os

import programs
import pytest

from fr_poison import checkpoints, extractors
from fr_poison.report import records

# One tool, and the nearest neighbour alone.
LITTLE = """
from configs import adaptive


def get_config(arg=None):
  config = adaptive.get_config(arg)
  del config.attacks.fawkes
  config.adversaries.adaptive.attacks = ('lowkey',)
  for name in ('top2', 'threshold', 'oblivious'):
    del config.adversaries[name]
  for name in ('linear', 'end_to_end'):
    del config.recognizers[name]
  return config
"""


@pytest.fixture
def run(tmp_path, tmp_path_factory):
  env = programs.environment(tmp_path_factory)
  (tmp_path / 'little.py').write_text(LITTLE)

  def run(name, config=tmp_path / 'little', status=0):
    process = programs.start(name, config, tmp_path / 'out', env=env)
    return programs.finish(process, status)

  return run


def test_a_config_that_trains_nothing_is_refused(run, tmp_path):
  errors = run('train_robust', 'orl', status=2)
  assert errors.startswith('error: config.adversaries: nothing to train')
  assert not (tmp_path / 'out').exists()


def test_evaluate_finds_everything_done(run, tmp_path):
  (line,) = run('train_robust').splitlines()
  what, path = line.split(': --config.extractor.checkpoint=')
  assert what == 'adaptive mobileface'
  network, (_, description) = extractors.load(path), checkpoints.read(path)
  assert network.sha256 != extractors.load('mobileface').sha256
  assert description['adversary'] == 'adaptive'
  assert description['attacks'] == ['lowkey']
  before = _times(tmp_path / 'out')
  assert any('public_cloaks/lowkey-mobileface' in name for name in before)
  assert any('/checkpoints/' in name for name in before)

  # Neither a cloak nor a checkpoint is made again, nor another one.
  run('evaluate')
  assert _times(tmp_path / 'out') == before
  found = records.read(tmp_path / 'out' / 'records.jsonl')
  assert {r['adversary'] for r in found} >= {'adaptive'}


def _times(folder):
  """Of all cloaks and checkpoints."""
  return {
    str(path): os.stat(path).st_mtime_ns
    for part in ('public_cloaks', 'trained')
    for path in folder.joinpath(part).rglob('*')
    if path.is_file() and path.name != 'metrics.jsonl'
  }
