"""Three rounds in little: each move is there, and answers the one before."""

import contest
import evaluate
import pytest
from configs import rounds
from settings import Settings

from fr_poison import checkpoints
from fr_poison.report import record_file
from fr_poison.types import InputError


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
  of = lambda made: {
    (round(255 * r['epsilon']), *r['surrogate'])
    for r in found
    if r.get('cloak_round') == made
  }
  own = 'mobileface round_1'
  assert of(0) == {(8, 'mobileface')}
  assert of(2) == {(16, 'mobileface'), (8, own), (16, own)}
  # What they were made on is the network of that trainer, and no other one.
  by_name = {}
  for record in found:
    for name, digest in record['weights'].items():
      by_name.setdefault(name, set()).add(digest)
  assert all(len(digests) == 1 for digests in by_name.values())
  assert len(set().union(*by_name.values())) == 3
  relations = {
    (r['adversary'], r['relation']) for r in found if r['surrogate'] == [own]
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


def test_the_whole_contest_can_be_run():
  config = rounds.get_config().to_dict()
  found = Settings.from_config(config)
  assert {*found.attacks} == {rounds.TOOL, *rounds.ANSWERS}
  made = lambda attack, surrogate: contest.of_cloak(found, attack, surrogate)
  network, own = found.surrogates
  assert own == f'{network} round_1'
  assert made('pgd_8', network) == {'cloak_round': 0}
  assert made('pgd_8', own) == made('eot_pgd', network) == {'cloak_round': 2}
  # What nobody learns from is the authors' last word.
  for adversary in config['adversaries'].values():
    if 'attacks' in adversary:
      adversary['attacks'] = ('pgd_8',)
  found = Settings.from_config(config)
  assert made('eot_pgd', network) == {'cloak_round': 4}
  # Without rounds there is nothing to say.
  for adversary in config['adversaries'].values():
    adversary.pop('round', None)
  found = Settings.from_config(config)
  assert made('pgd_8', network) == {}
  with pytest.raises(InputError, match='adversaries.round_1.round: 0'):
    config['adversaries']['round_1']['round'] = 0
    Settings.from_config(config)


def _times(folder):
  return {
    path: path.stat().st_mtime_ns
    for part in ('cloaks', 'public_cloaks', 'trained')
    for path in (folder / part).rglob('*.*')
    if path.name not in ('metrics.jsonl', 'training.json')
  }
