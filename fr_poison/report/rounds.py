"""What is left after every move, when authors and trainers answer by turns.

A record's `round` is the move after which its trainer was trained, 0 where they
only wait, and `cloak_round` the one after which its cloak was made.
"""

from typing import NamedTuple

from fr_poison.report import drawing, moves, words
from fr_poison.report.drawing import Drawing, Series

_ANSWERED = {0: (0, 0), 1: (0, 1), 2: (2, 1), 3: (2, 3)}  # move: cloak, trainer
_LAST = 3


class Rounds(NamedTuple):
  """Records by cloak, those of one network that a trainer answered with."""

  moves: dict[int, dict[str, dict]]  # move -> cloak -> record
  retroactive: dict[str, dict]  # cloaks of round 0 before the last trainer


def find(records: list[dict]) -> Rounds | None:
  """Finds the records of every move; None where nobody answered anybody."""
  found = [
    r
    for r in moves.by_one_recognizer(records)
    if r['attack'] != 'none' and r.get('round') is not None
  ]
  trained = [r['network'] for r in found if r['round']]
  found = [r for r in found if r['network'] in trained[:1]]
  if not found:
    return None
  at = lambda place: {
    words.cloak_of(r): r
    for r in found
    if (r.get('cloak_round'), r['round']) == place
  }
  by_move = {move: at(place) for move, place in _ANSWERED.items()}
  by_move = {move: same for move, same in by_move.items() if same}
  return Rounds(by_move, at((0, _LAST))) if len(by_move) > 1 else None


def by_move(records: list[dict]) -> Drawing | None:
  """Draws the rate after every move; None as `find`."""
  found = find(records)
  if found is None:
    return None
  names, cloaks = words.TEXTS['figures']['rounds']['rows'], {}
  places = {str(move): same for move, same in found.moves.items()}
  if found.retroactive:
    places['late'] = found.retroactive
  for place, same in places.items():
    for name, record in same.items():
      cloaks.setdefault(name, {})[names[place]] = record
  series = [
    Series(name, cells, drawing.look(i))
    for i, (name, cells) in enumerate(cloaks.items())
  ]
  rows = [names[place] for place in places]
  figure = drawing.dot_plot(rows, series, words.RATE)
  recognizer = words.recognizer(next(iter(series[0].cells.values())))
  return drawing.described('rounds', figure, series, recognizer)
