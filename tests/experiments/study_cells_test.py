"""Patterns of cells, and records that are kept under keys."""

import pytest
import study_units
from study_cells import CellName, Store, Version, matches, select
from study_units import Unit

from fr_poison.report import record_file
from fr_poison.types import InputError

NAME = CellName('lowkey', 'a+b', 'squeezing blur', 'faceres', 'linear')


@pytest.mark.parametrize(
  ('pattern', 'is_match'),
  [
    ('*', True),
    ('lowkey', True),  # the rest is anything
    ('lowkey/a+b/squeezing*/faceres/linear', True),
    ('none|lowkey/*/*/faceres|pixels', True),
    ('low', False),
    ('*/a', False),  # an ensemble is not its member
    ('*/*/*/*/nearest_neighbor', False),
    ('lowkey/*/*/*/linear/more', False),
  ],
)
def test_a_pattern_has_a_field_each(pattern, is_match):
  assert matches(pattern, NAME) == is_match
  assert str(NAME) == 'lowkey/a+b/squeezing blur/faceres/linear'


def test_a_mark_takes_cells_away_whatever_the_order():
  names = [NAME._replace(attack=a) for a in ('none', 'lowkey', 'noise:lowkey')]
  found = select('cells', ('!noise:*', '*'), names)
  assert [n.attack for n in found] == ['none', 'lowkey']
  with pytest.raises(InputError, match="cells: '!fawkes' fits nothing"):
    select('cells', ('*', '!fawkes'), names)


@pytest.mark.parametrize(
  ('attack', 'kind', 'label'),
  [
    ('none', 'none', 'none'),
    ('pgd_8', 'cloak', 'pgd_8'),
    ('noise:pgd_8', 'noise', 'pgd_8'),
    ('history:both', 'history', 'both'),
  ],
)
def test_a_version_says_what_it_is(attack, kind, label):
  version = Version(attack, 'mobileface')
  assert (version.kind, version.label) == (kind, label)


def test_a_record_comes_back_by_its_key_only(tmp_path, root):
  record = record_file.read(root / 'docs' / 'orl' / 'records.jsonl')[0]
  store = Store(tmp_path / 'cells')
  key = 'ab' * 32
  assert not store.has(key) and store.get(key) is None
  store.put(key, record)
  assert store.has(key)
  found = store.get(key)
  assert found['key'] == key and found.items() >= record.items()
  (path,) = (tmp_path / 'cells').iterdir()
  whole = path.read_text()
  for damaged in ('', whole[:40], whole.replace('ab' * 32, 'cd' * 32)):
    path.write_text(damaged)
    assert store.get(key) is None and not store.has(key)


def test_processes_share_all_work_and_the_longest_pieces_first():
  seconds = [10.0, 1.0, 2.0, 9.0, 3.0, 4.0]
  units = [Unit(f'u{i}', s, None) for i, s in enumerate(seconds)]
  shares = [study_units.share(units, i, 2) for i in range(2)]
  # 10 | 9; 9 + 4 | 10; 10 + 3; then 13 + 2 of the first in a tie; 13 + 1.
  assert [sum(u.seconds for u in share) for share in shares] == [15, 14]
  assert sorted(u.name for share in shares for u in share) == [
    u.name for u in units
  ]
  for share in shares:  # each in the order of all
    assert [units.index(u) for u in share] == sorted(map(units.index, share))
  assert study_units.share(units, 0, 1) == units
