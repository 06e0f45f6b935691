"""Three rounds in little: each move is there, and answers the one before."""

import evaluate
import pytest
from configs import rounds

from fr_poison import checkpoints
from fr_poison.report import record_file


@pytest.fixture
def config():
  return rounds.get_config('smoke').to_dict()


def test_each_move_answers_the_one_before(config, little, tmp_path):
  found = evaluate.run(config, tmp_path, None)
  assert record_file.read(tmp_path / 'records.jsonl') == found
  cells = {(r.get('cloak_round'), r['round']) for r in found}
  # The tool and the answers before each trainer, and errors without a cloak.
  assert cells == {(made, r) for made in (0, 2, None) for r in (0, 1, 3)}
  assert {r['adversary'] for r in found if r['round'] == 3} == {'round_3'}
  # Of round 0 is what the trainer of round 1 learnt from.
  tool = [r for r in found if r.get('cloak_round') == 0]
  assert {(r['attack'], *r['surrogate']) for r in tool} == {
    ('pgd', 'mobileface')
  }
  answers = [r for r in found if r.get('cloak_round') == 2]
  names = {(r['attack'], *r['surrogate']) for r in answers}
  own = {(attack, 'mobileface round_1') for attack in ('pgd', 'diverse')}
  assert names == own | {('diverse', 'mobileface')}
  # What they were made on is the network of that trainer, and no other one.
  by_name = {}
  for record in found:
    for name, digest in record['weights'].items():
      by_name.setdefault(name, set()).add(digest)
  assert all(len(digests) == 1 for digests in by_name.values())
  assert len(set().union(*by_name.values())) == 3
  relations = {
    (r['adversary'], r['relation'])
    for r in answers
    if r['surrogate'] == ['mobileface round_1']
  }
  assert relations == {
    ('oblivious', 'same family'),
    ('round_1', 'white-box'),
    ('round_3', 'same family'),
  }
  # Round 3 learnt from cloaks on both.
  (third,) = (
    description
    for path in (tmp_path / 'trained').glob('*/checkpoints')
    for _, description in [checkpoints.read(path)]
    if len(description['surrogates']) == 2
  )
  assert third['surrogates'] == ['mobileface', 'mobileface round_1']

  # Nothing is made again, and every number is the same.
  times = _times(tmp_path)
  again = evaluate.run(config, tmp_path, None)
  assert _times(tmp_path) == times
  rates = lambda records: [r['protection_rate'] for r in records]
  assert rates(again) == rates(found)


def _times(folder):
  return {
    path: path.stat().st_mtime_ns
    for part in ('cloaks', 'public_cloaks', 'trained')
    for path in (folder / part).rglob('*.*')
    if path.name != 'metrics.jsonl'
  }
