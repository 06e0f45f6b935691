"""The notebooks, from the first cell to the last, in little."""

import re

import numpy as np
import pytest

from fr_poison.data import decode

LITTLE = {'NUM_PEOPLE': 4, 'NUM_STEPS': 2, 'NUM_SPLITS': 2}


@pytest.fixture
def run(root, tmp_path, monkeypatch):
  def call(name):
    """What the notebook leaves, run with other numbers at its top."""
    monkeypatch.chdir(tmp_path)
    source = (root / 'notebooks' / f'{name}.py').read_text()
    for constant, value in LITTLE.items():
      source, count = re.subn(
        rf'^{constant} = \d+', f'{constant} = {value}', source, flags=re.M
      )
      assert count == 1, constant
    scope = {}
    exec(compile(source, name, 'exec'), scope)
    return scope

  return call


def test_cloak_and_break(run, little, capsys):
  scope = run('cloak_and_break')
  made = scope['cloaks'].fields
  assert 0 < made['num_improved'] <= made['num_cloaked'] <= len(scope['own'])
  change = scope['cloaks'].images.astype(int) - scope['faces'].images
  assert 0 < np.abs(change[scope['own']]).max() <= 8
  assert not change[len(scope['own']) :].any()  # nobody else's
  strip = decode.read_image(scope['STRIP'])
  assert strip.shape[0] > 3 * 112 and strip.shape[1] > 3 * 112
  printed = capsys.readouterr().out
  for trainer, rate in scope['rates'].items():
    assert 0 <= rate <= 100 and trainer in printed


def test_your_own_attack(run, little, capsys):
  scope = run('your_own_attack')
  assert 'protected  by noise' in capsys.readouterr().out
  results = scope['results']
  assert results.keys() == {'pgd', 'leave them all', 'textured', 'both'}
  for free, kept in (('pgd', 'textured'), ('leave them all', 'both')):
    assert 0 < results[kept][2] < results[free][2]  # it does hide better

  # Of the last attack, `both`: better, and each pixel within its own budget,
  # which is 2 levels or more, but for a thousandth of a level.
  assert scope['info']['improved'].all()
  assert scope['info']['budget_used'].max() <= 1 + 1e-3 / 2
