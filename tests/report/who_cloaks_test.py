"""Cells of invented records, in tables, figures and words."""

import pytest

from fr_poison.report import figures, grid, page, tables, who_cloaks, words
from fr_poison.report.sources import Sources

CELLS = {
  '1A': {},
  '2A': {'gallery': 'cloaked', 'probe': 'cloaked'},
  '2B': {'gallery': 'clean', 'probe': 'cloaked'},
}


@pytest.fixture
def cells(make_record):
  """Two cloaks in three cells, on their network and another, and without."""
  found = [
    make_record('none', '', network, rate, gallery='clean')
    for network, rate in (('mobileface', 0.01), ('faceres', 0.02))
  ]
  for attack, group, rates in (
    (
      'opom',
      'person',
      {'1A': (0.3, 0.1), '2A': (0.05, 0.0), '2B': (0.97, 0.4)},
    ),
    ('pgd', 'picture', {'1A': (0.99, 0.2), '2A': (0.1, 0.0), '2B': (0.9, 0.3)}),
  ):
    for cell, both in rates.items():
      for network, rate in zip(('mobileface', 'faceres'), both, strict=True):
        own = {'retrieval_recall': 1 - rate, 'retrieval_recall_ci': [0, 1]}
        own |= CELLS[cell] | {'group': group}
        found.append(make_record(attack, network=network, rate=rate, **own))
  return found


def test_a_record_without_fields_is_of_a_cloaked_gallery(make_record):
  name = lambda *args, **fields: words.cell_name(make_record(*args, **fields))
  assert name() == '1A' and name('none', '') == '1B'
  assert [name(**fields) for fields in CELLS.values()] == [*CELLS]
  assert name(gallery='clean') == '1B'
  both = make_record(others='cloaked')
  assert words.cell_title(both) == (
    'gallery cloaked, probe clean (1A), other protected people cloaked, too'
  )


def test_every_cell_has_a_grid_with_the_control_in_it(cells):
  grids = grid.tables(cells)
  assert [one.title for one in grids] == [
    'gallery cloaked, probe clean (1A)',
    'gallery cloaked, probe cloaked (2A)',
    'gallery clean, probe cloaked (2B)',
  ]
  for one in grids:
    assert one.rows[0].kind == 'none' and len(one.rows) == 3
  usual = [r for r in cells if words.cell_name(r) in ('1A', '1B')]
  assert [one.title for one in grid.tables(usual)] == ['']
  text = tables.markdown(Sources(cells), grids)
  assert '## gallery clean, probe cloaked (2B)' in text
  assert 'of the cloaked test pictures of people whose training' in text
  assert '| recall ' in text and 'a search finds all of them' in text
  assert 'recall' not in tables.protection(grid.arrange(cells[:1]))


def test_other_cells_are_no_part_of_what_is_said_of_galleries(cells):
  usual = [r for r in cells if words.cell_name(r) in ('1A', '1B')]
  one, other = (figures.draw_all(Sources(x)) for x in (usual, cells))
  find = lambda found: {x.name: x for x in found.drawings}
  assert find(other).keys() - find(one).keys() == {'cells'}
  assert find(other)['answer'].alt == find(one)['answer'].alt


def test_the_figure_has_every_cell_beside_the_control(cells):
  drawing = who_cloaks.by_cell(cells)
  title = words.TEXTS['cells']
  assert drawing.alt == (
    f'OPOM: 30% ({title["1A"]}), 5% ({title["2A"]}), 97% ({title["2B"]}). '
    f'PGD: 99% ({title["1A"]}), 10% ({title["2A"]}), 90% ({title["2B"]}). '
    f'no cloak: 2% ({title["1B"]})'
  )
  svg = drawing.svg().decode()
  for name in ('1A', '1B', '2A', '2B'):
    assert f'({name})' in svg
  usual = [r for r in cells if words.cell_name(r) in ('1A', '1B')]
  for records in ([], usual):
    assert who_cloaks.by_cell(records) is None
    assert who_cloaks.by_budget(records) is None


def test_a_cloak_is_shown_at_its_authors_budget(make_record):
  evasion = CELLS['2B']
  rates = {4: 0.2, 8: 0.6, 16: 0.9}
  records = [
    make_record('opom', rate=rate, epsilon=levels / 255, **evasion)
    for levels, rate in rates.items()
  ]
  assert 'OPOM: 60%' in who_cloaks.by_cell(records).alt
  assert who_cloaks.best(records) == {'2B': 0.6}
  drawing = who_cloaks.by_budget(records)
  title = words.TEXTS['cells']['2B']
  assert drawing.alt == f'OPOM, {title}: 20% (4), 60% (8), 90% (16)'
  assert who_cloaks.by_budget(records[:1]) is None


def test_words_say_which_threat_is_meant(cells):
  assert who_cloaks.groups(cells) == [
    'Made for a person, not for a picture: OPOM. A mask is put on pictures '
    'that it was not made from: OPOM.',
  ]
  threats = ' '.join(who_cloaks.threats(cells))
  assert 'evasion' in threats and 'cloaks everything' in threats
  assert who_cloaks.groups([cells[-1] | {'group': 'picture'}]) == []
  assert who_cloaks.asked(cells[:1]).startswith('of the clean test pictures')


def test_pages_carry_the_cells(cells, tmp_path):
  page.write(tmp_path / 'run.html', grid.by_cell(cells))
  text = (tmp_path / 'run.html').read_text()
  assert text.count('>Which cloak works against whom: ') == 3
  assert '(evasion)' in text and 'Made for a person' in text
  page.write_folder(Sources(cells), tmp_path / 'study')
  text = (tmp_path / 'study' / 'report.html').read_text()
  assert '<td>gallery clean, probe cloaked (2B)</td>' in text
  assert (tmp_path / 'study' / 'figures' / 'cells.svg').exists()


def test_somebody_elses_mask_is_called_that(make_record):
  mask = {'group': 'person', 'another_protection_rate': 0.9}
  records = [make_record('opom', another_protection_ci=[0.8, 1], **mask)]
  text = tables.protection(grid.arrange(records))
  assert "- somebody else's mask" in text and 'any mask of this tool' in text
  # A cloak of the picture; a queue of cloaks, which has no mask.
  for changed in {'group': 'picture'}, {'attack': 'diverse'}:
    other = [records[0] | changed]
    text = tables.protection(grid.arrange(other))
    assert "- somebody else's cloak" in text and 'mask' not in text
  assert 'mask' not in str(who_cloaks.groups(other))
