import pytest

from fr_poison import types
from fr_poison.report import grid as grid_lib


def test_what_differs_between_rows_is_in_their_labels(make_record):
  labels = [
    row.label
    for row in grid_lib.arrange(
      [
        make_record(),
        make_record(epsilon=4 / 255),
        make_record(recognizer='linear'),
        make_record('fawkes'),
      ]
    ).rows
  ]
  # Of one cloak the smallest budget first, whatever the order of the records.
  assert labels == [
    'LowKey for mobileface, 4/255, nearest neighbor',
    'LowKey for mobileface, 8/255, nearest neighbor',
    'LowKey for mobileface, 8/255, linear',
    'Fawkes for mobileface',
  ]


def test_budgets_are_ordered_as_numbers(make_record):
  levels = (12, 16, 4, 8)
  records = [make_record(epsilon=x / 255) for x in levels]
  labels = [row.label for row in grid_lib.arrange(records).rows]
  assert [x.split()[-1] for x in labels] == [f'{x}/255' for x in sorted(levels)]


def test_recipes_of_one_recognizer_are_rows_and_grids(make_record):
  recipes = ('raw 1-NN', 'by angle')
  records = [make_record(recipe=recipe) for recipe in recipes]
  labels = [row.label for row in grid_lib.arrange(records).rows]
  assert labels == ['LowKey for mobileface, ' + recipe for recipe in recipes]
  grids = grid_lib.tables([*records, make_record()])
  assert [grid.title for grid in grids] == [*recipes, 'nearest neighbor']
  with pytest.raises(types.InputError, match='by raw 1-NN; report one run'):
    grid_lib.arrange([records[0], records[0]])


def test_controls_find_their_attack(make_record):
  control = make_record('noise', control_of='fawkes', epsilon=None)
  orphan = make_record('noise', control_of='pgd')
  grid = grid_lib.arrange([orphan, control, make_record('fawkes')])
  assert [row.label for row in grid.rows] == [
    'Fawkes for mobileface',
    'same-strength noise',
    'noise as strong as PGD for mobileface',
  ]


def test_what_was_measured_beside_a_cloak_stands_under_it(make_record):
  under = lambda rate, **fields: make_record(
    'noise', rate=rate, control_of='lowkey', **fields
  )
  saved = make_record(rate=0.5, saved='JPEG 75', dssim=0.02)
  found = grid_lib.arrange(
    [
      saved,
      make_record('fawkes', rate=0.9, another_protection_rate=0.3,
                  another_protection_ci=[0.2, 0.4]),
      under(0.1, control='another'),
      make_record(saved='half size', rate=0.6),
      under(0.2, control='envelope'),
      under(0.3),
      make_record(rate=1.0, noise_protection_rate=0.7,
                  noise_protection_ci=[0.6, 0.8]),
    ]
  ).rows  # fmt: skip
  rates = [row.record['protection_rate'] for row in found]
  labels = [row.label for row in found]
  assert list(zip(labels, rates, strict=True)) == [
    ('Fawkes for mobileface', 0.9),
    ("somebody else's cloak", 0.3),
    ('LowKey for mobileface', 1.0),
    ('same-strength noise', 0.3),  # a record of its own, rather than a field
    ('noise in the same places', 0.2),
    ("somebody else's cloak", 0.1),
    ('after JPEG 75', 0.5),
    ('after half size', 0.6),
  ]
  kinds = [row.kind for row in found]
  assert kinds == ['attack', 'noise', 'attack', *3 * ['noise'], *2 * ['saved']]
  assert [row.is_minor for row in found] == [k != 'attack' for k in kinds]
  # A saved cloak is for a network, a control for none.
  assert [row.is_own('mobileface') for row in found] == [
    *(True, False, True, False, False, False, True, True)
  ]
  # How visible a control is that has no record is not known.
  assert found[1].record['dssim'] is None and found[6].record['dssim'] == 0.02


def test_what_has_no_cloak_to_stand_under_says_of_what_it_is(make_record):
  named = lambda control: make_record(
    'noise', control_of='pgd', control=control
  )
  rows = grid_lib.arrange(
    [
      make_record(saved='<JPEG>\n75 {0}'),
      named('another'),
      named('envelope'),
    ]
  ).rows
  assert [(row.label, row.kind) for row in rows] == [
    ('noise as strong as PGD for mobileface in each place', 'alone'),
    ("somebody else's PGD for mobileface", 'alone'),
    ('LowKey for mobileface, after <JPEG> 75 {0}', 'alone'),
  ]


def test_every_surrogate_is_marked(make_record):
  surrogate = ['mobileface', 'faceres']
  record = make_record(network='faceres') | {'surrogate': surrogate}
  (row,) = grid_lib.arrange([record]).rows
  assert row.is_own('faceres') and not row.is_own('pixels')
  assert row.label == 'LowKey for mobileface + faceres'


def test_records_that_cannot_be_shown(make_record):
  with pytest.raises(types.InputError, match='none'):
    grid_lib.arrange([])
  with pytest.raises(types.InputError, match='two of lowkey'):
    grid_lib.arrange([make_record(), make_record(seed=1)])


def test_half_a_control_is_none(make_record):
  grid = grid_lib.arrange([make_record(noise_protection_rate=0.1)])
  assert [row.kind for row in grid.rows] == ['attack']


def test_runs_that_no_table_can_hold_together(make_record):
  shown = lambda records: [
    (grid.title, grid.run, grid.records) for grid in grid_lib.tables(records)
  ]
  first, other = make_record(), make_record(network='faceres')
  assert shown([first, other]) == [('', '', [first, other])]
  assert shown([]) == []

  second = make_record(seed=1)
  assert shown([first, second, other]) == [
    ('seed 0', 'seed 0', [first, other]),
    ('seed 1', 'seed 1', [second]),
  ]

  configured = make_record(config_hash='f00')
  assert [title for title, _, _ in shown([first, configured, second])] == [
    'seed 0, configuration 0123456789abcdef',
    'seed 0, configuration f00',
    'seed 1, configuration 0123456789abcdef',
  ]

  linear = make_record(recognizer='linear')
  assert shown([first, linear]) == [
    ('nearest neighbor', '', [first]),
    ('linear', '', [linear]),
  ]

  with pytest.raises(types.InputError, match='two of lowkey'):
    shown([first, first | {'device': 'another'}])


def _by_a_standard(make_record, tool, digest='ab' * 32, **fields):
  """What a tool's run of a standard writes: no cloak, and its own row."""
  common = {'standard': 'lfw-1', 'standard_digest': digest, 'config_hash': tool}
  given = {'tool': tool, 'epsilon': None} | common
  return [
    make_record('none', '', rate=0.1, **common),
    make_record('given', 'unknown', **given | fields),
  ]


def test_tools_measured_by_one_standard_are_rows_of_one_table(make_record):
  records = [
    *_by_a_standard(make_record, 'mine 1.0', rate=0.9),
    *_by_a_standard(make_record, 'yours 2.1', rate=0.4),
  ]
  (grid,) = grid_lib.tables(records)
  assert [row.label for row in grid.rows] == [
    'no cloak',
    'mine 1.0 (Your cloaks)',
    'yours 2.1 (Your cloaks)',
  ]
  rates = [r.cells['mobileface']['protection_rate'] for r in grid.rows[1:]]
  assert rates == [0.9, 0.4]


def test_two_standards_are_never_in_one_table(make_record):
  records = [
    *_by_a_standard(make_record, 'mine 1.0'),
    *_by_a_standard(make_record, 'yours 2.1', 'cd' * 32),
    make_record(),
  ]
  grids = grid_lib.tables(records)
  titles = ['lfw-1 abababab', 'lfw-1 cdcdcdcd', '']
  assert [grid.title for grid in grids] == titles
  assert [len(grid.records) for grid in grids] == [2, 2, 1]


def test_what_differs_without_a_cloak_is_not_dropped(make_record):
  mine = _by_a_standard(make_record, 'mine 1.0')
  yours = _by_a_standard(make_record, 'yours 2.1')
  yours[0] |= {'protection_rate': 0.2, 'protection_ci': [0.1, 0.3]}
  assert len(grid_lib.tables([*mine, *yours])) == 2
