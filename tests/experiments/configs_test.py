"""Every reply of the trainer runs from its config, in little.

That of adaptive.py: train_robust_test.py.
"""

import importlib

import evaluate
import pytest

from fr_poison import evaluation, extractors
from fr_poison.report import record_file

_WAITING = {'baseline'}
_ONE = {'nearest_neighbor'}
REPLIES = {
  'adversarial_training': (
    _WAITING | {'adversarial_training'},
    {'nearest_neighbor', 'linear'},
  ),
  'linear': (_WAITING | {'oblivious'}, {'nearest_neighbor', 'linear'}),
  'end_to_end': (_WAITING, {'linear', 'end_to_end'}),
  'squeezing': (_WAITING | {'squeezing bits'}, _ONE),
  'tracking': (
    _WAITING | {'dyntracker_oracle', 'dyntracker_honest', 'puface'},
    _ONE,
  ),
}


@pytest.mark.parametrize('name', REPLIES)
def test_every_reply_is_recorded(name, little, tmp_path):
  config = importlib.import_module(f'configs.{name}').get_config('smoke')
  # Of that: evaluate_test.py.
  config.noise_control = False
  found = evaluate.run(config.to_dict(), tmp_path, None)
  assert record_file.read(tmp_path / 'records.jsonl') == found
  adversaries, recognizers = REPLIES[name]
  assert {r['adversary'] for r in found} == adversaries
  assert {r['recognizer'] for r in found} == recognizers
  names = {r.get('recipe', r['recognizer']) for r in found}
  assert names == set(config.recognizers)
  attacks = {'lowkey', 'fawkes'} if name != 'tracking' else {'opom'}
  attacks |= {'history'} if name == 'linear' else set()
  assert {r['attack'] for r in found} == attacks | {'none'}
  cells = {(r['gallery'], r['probe']) for r in found if r['attack'] != 'none'}
  assert cells == {evaluation.CELLS[x][:2] for x in config.cells}
  for record in found:
    if record['adversary'] == name == 'adversarial_training':
      # The network's own weights are not those that it started from.
      start = extractors.load('mobileface').params
      unchanged = extractors.with_params('mobileface', start).sha256
      assert record['weights'][f'mobileface {name}'] != unchanged
