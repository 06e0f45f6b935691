"""Three rounds of invented records."""

import pytest

from fr_poison.report import figures, kinds, rounds, words
from fr_poison.report.sources import Sources
from fr_poison.types import InputError

NETWORK, TRAINED = 'mobileface', 'mobileface round_1'


@pytest.fixture
def contest(make_record):
  """PGD, which is learnt from; then PGD on what was trained, and Protego."""
  found = [make_record('none', '', rate=0.01, round=0)]
  for attack, surrogate, made, rates in (
    ('pgd', NETWORK, 0, {0: 1.0, 1: 0.04, 3: 0.03}),
    ('pgd', TRAINED, 2, {0: 0.2, 1: 0.95, 3: 0.1}),
    ('protego_planar', NETWORK, 2, {0: 0.9, 1: 0.7, 3: 0.6}),
    # Nobody ever answered this one.
    ('diverse', NETWORK, 4, {0: 0.9, 1: 0.8, 3: 0.8}),
  ):
    for number, rate in rates.items():
      own = {'round': number, 'cloak_round': made}
      name = f'round_{number}' if number else 'oblivious'
      own |= {'adversary': name} | ({'kind': 'adaptive'} if number else {})
      found.append(make_record(attack, surrogate, rate=rate, **own))
  return found


def test_every_move_is_a_trainer_and_what_was_there_before(contest):
  found = rounds.find(contest)
  rates = {
    move: [r['protection_rate'] for r in same.values()]
    for move, same in found.moves.items()
  }
  assert rates == {0: [1.0], 1: [0.04], 2: [0.95, 0.7], 3: [0.1, 0.6]}
  (late,) = found.retroactive.values()
  assert late['protection_rate'] == 0.03


def test_the_figure_has_what_is_retroactive_beside_the_moves(contest):
  drawing = rounds.by_move(contest)
  rows = words.TEXTS['figures']['rounds']['rows']
  assert drawing.alt == (
    f'PGD for mobileface: 100% ({rows["0"]}), 4% ({rows["1"]}), '
    f'3% ({rows["late"]}). '
    f'PGD for mobileface round_1: 95% ({rows["2"]}), 10% ({rows["3"]}). '
    f'Planar Protego for mobileface: 70% ({rows["2"]}), 60% ({rows["3"]})'
  )
  assert 'svg' in drawing.svg().decode()
  names = [x.name for x in figures.draw_all(Sources(contest)).drawings]
  assert 'rounds' in names


def test_there_are_no_rounds_where_nobody_answers(contest, make_record):
  waiting = [r for r in contest if not r['round']]
  for records in ([], waiting, [make_record()]):
    assert rounds.find(records) is None
    assert rounds.by_move(records) is None


def test_records_say_rounds_in_numbers(make_record):
  kinds.validate(make_record(round=3, cloak_round=0))
  for field, value in (
    ('round', -1),
    ('cloak_round', 'two'),
    ('probe', 'grey'),
    ('group', 'family'),
    ('retrieval_recall', 2),
  ):
    with pytest.raises(InputError, match=f'^{field}: '):
      kinds.validate(make_record(**{field: value}))
  ends = {'retrieval_recall': 0.5, 'retrieval_recall_ci': [0.6, 1]}
  with pytest.raises(InputError, match='^retrieval_recall_ci: 0.5 is not in'):
    kinds.validate(make_record(**ends))
