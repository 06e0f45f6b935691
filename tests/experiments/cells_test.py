"""Cloaks of today in the four cells, from a config, in little."""

import pytest
from configs import cells
from evaluate import run

from fr_poison import attacks
from fr_poison.report import record_file, words
from fr_poison.types import InputError


def _config(arg='smoke', attacks=('opom', 'pgd_8')):
  config = cells.get_config(arg)
  config.networks = config.surrogates
  for label in [*config.attacks]:
    if label not in attacks:
      del config.attacks[label]
  config.controls = ('another',)
  return config


def test_every_cell_is_recorded_beside_the_control(
  little, tmp_path, monkeypatch
):
  found = run(_config().to_dict(), tmp_path, None)
  assert record_file.read(tmp_path / 'records.jsonl') == found
  control, *cloaked = found
  assert words.cell_name(control) == '1B' and control['gallery'] == 'clean'
  places = [
    (r.get('control_of', r['attack']), r['attack'], words.cell_name(r))
    for r in cloaked
  ]
  assert places == [
    (attack, shown, cell)
    for attack in ('opom', 'pgd')
    for shown in (attack, 'noise')
    for cell in ('1A', '2A', '2B')
  ]
  for record in cloaked:
    is_mask = 'opom' in (record['attack'], record.get('control_of'))
    assert record['group'] == ('person' if is_mask else 'picture')
    assert 0 <= record['retrieval_recall'] <= 1
    assert record['linf'] <= 8 / 255
  table = (tmp_path / 'table.md').read_text()
  assert table.count('## gallery') == 3 and "- somebody else's mask" in table
  assert '(evasion)' in (tmp_path / 'report.html').read_text()
  # Another run takes the cloaks that are kept.
  monkeypatch.delattr(attacks, 'make_masks')
  config = _config()
  config.cells, config.others = ('2B',), 'cloaked'
  again = run(config.to_dict(), tmp_path / 'again', None, cloaks=tmp_path)
  assert {words.cell_name(r) for r in again} == {'1B', '2B'}
  assert {r['others'] for r in again[1:]} == {'cloaked'}


def test_budgets_are_those_of_every_cloak():
  config = cells.get_config('budgets')
  assert config.networks == config.surrogates
  budgets = {}
  for label, chosen in config.attacks.items():
    name, _, levels = label.rpartition('_')
    assert chosen.name == name
    assert round(255 * chosen.epsilon) == int(levels)
    budgets.setdefault(name, []).append(int(levels))
  assert budgets.keys() == words.TEXTS['claims'].keys() - {'tip_im'}
  assert all(sorted(own) == [4, 8, 12, 16] for own in budgets.values())
  # Each cloak's own is one of them.
  own = [claim['epsilon'] for claim in words.TEXTS['claims'].values()]
  assert {*own} <= {4, 8, 12, 16}


def test_wrong_cells_are_one_line(tmp_path):
  for field, value in (
    ('cells', ('1A', '3C')),
    ('cells', ()),
    ('others', 'mine'),
  ):
    config = _config().to_dict() | {field: value}
    with pytest.raises(InputError, match=f'^config.{field}: '):
      run(config, tmp_path, None)
