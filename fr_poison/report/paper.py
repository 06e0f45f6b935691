"""A study's results beside those that the paper's authors give.

Theirs are protection rates of one person (the README of their program, who is
an actor of FaceScrub) and the precision and recall of their detector on 25
people. Networks, pictures and people are others here, so that what can be
compared is which rate is high and which is not.
"""

from collections.abc import Callable
from typing import NamedTuple

from fr_poison.report import answer, grid, tables

_ATTACKS = ('fawkes_v1', 'lowkey')
LEGEND = """\
Protection rates in %, here with their 95% interval. The paper: one person of
FaceScrub, by the README of its authors' program; the detector on 25 people, as
reported of the paper. Here: {} people of ORL, cloaks made for {}."""


class _Row(NamedTuple):
  name: str
  paper: tuple[str, str]  # of `_ATTACKS`
  is_meant: Callable[[dict], bool]
  shows_network: bool = False


def _is(move, recognizer='nearest_neighbor', adversary=None):
  def is_meant(record):
    return (
      answer.move(record) == move
      and record['recognizer'] == recognizer
      and record['adversary'] == (adversary or record['adversary'])
      and record['network'] != grid.PIXELS
    )

  return is_meant


_ROWS = (
  _Row('baseline, 1-NN', ('97', '94'), _is('baseline')),
  _Row('baseline, end to end', ('88', '97'), _is('baseline', 'end_to_end')),
  _Row(
    'oblivious, 1-NN, the network that suits the trainer best',
    ('0 (MagFace)', '24 (CLIP)'),
    _is('oblivious'),
    True,
  ),
  _Row('adaptive, 1-NN', ('3', '3'), _is('adaptive', adversary='adaptive')),
  _Row(
    'adaptive, end to end',
    ('3', '3'),
    _is('adaptive', 'end_to_end', 'adaptive'),
  ),
)


def markdown(records: list[dict], detection: list[dict]) -> str:
  """The table, and a sentence on what it compares.

  Args:
    records: of the protection, see `records`; cloaks made for one network.
    detection: see `detection`; those of a classifier of features count.
  """
  found = [
    r for r in records if r['attack'] in _ATTACKS and len(r['surrogate']) == 1
  ]
  rows = []
  for row in _ROWS:
    cells = [_cell(found, attack, row) for attack in _ATTACKS]
    rows.append([row.name, *row.paper, *cells])
  rows += _detector(detection)
  names = [grid.attack_name(attack) for attack in _ATTACKS]
  head = [f'{name}, {where}' for where in ('paper', 'here') for name in names]
  number = max((r['num_people'] for r in found), default=0)
  surrogates = dict.fromkeys(grid.surrogate_name(r) for r in found)
  legend = LEGEND.format(number, ' or '.join(surrogates))
  return f'{tables.table(["the trainer", *head], rows)}\n\n{legend}\n'


def _cell(records, attack, row):
  found = [r for r in records if r['attack'] == attack and row.is_meant(r)]
  if not found:
    return ''
  record = min(found, key=lambda r: r['protection_rate'])
  text = grid.percent(record['protection_rate'])
  text += f' ({grid.interval(record["protection_ci"])})'
  return f'{text}, {record["network"]}' if row.shows_network else text


def _detector(records):
  """Precision and recall at its threshold, of all tools at once."""
  found = {}
  for record in records:
    if record['detector'] == 'feature_space' and not record['jpeg']:
      found.setdefault(record['test_attack'], record)
  rows = []
  for name in ('precision', 'recall'):
    cells = []
    for attack in _ATTACKS:
      value = found.get(attack, {}).get(name)
      cells.append('' if value is None else _rate(found[attack], name))
    if any(cells):
      features = ' or '.join({r['features']: 0 for r in found.values()})
      rows.append([f"detector's {name}, {features}", '99.8', '99.8', *cells])
  return rows


def _rate(record, name):
  ci = grid.interval(record[f'{name}_ci'])
  return f'{grid.percent(record[name])} ({ci})'
