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
  assert labels == [
    'LowKey for mobileface, 8/255, nearest neighbor',
    'LowKey for mobileface, 4/255, nearest neighbor',
    'LowKey for mobileface, 8/255, linear',
    'Fawkes for mobileface',
  ]


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
