"""Records arranged as every report shows them: cloaks in rows, trainers and
their networks in columns, and the words and numbers of both.
"""

import math
import textwrap
from typing import NamedTuple

from fr_poison import types
from fr_poison.report import records as records_lib

_AND = ', '  # between a column's network and its trainer
PIXELS = 'pixels'  # the network that is none: 1-NN on raw pixels
_DISPLAY = {
  'lowkey': 'LowKey',
  'fawkes': 'Fawkes',
  'fawkes_v03': 'Fawkes 0.3',
  'fawkes_v1': 'Fawkes 1.0',
  'pgd': 'PGD',
  'eot_pgd': 'PGD through transforms',
  'evading_pgd': 'PGD evading the detector',
  'feature_shift': 'Feature shift',
  'protected_set': 'Protected set',
  'history': 'Several tools',
  'given': 'Your cloaks',
}


class Row(NamedTuple):
  """One cloak (or its noise control, or no cloak) against every column."""

  kind: str  # 'none', 'attack' or 'noise'
  label: str
  record: dict  # the first of `cells`, for what they share
  cells: dict[str, dict]  # column -> record

  def is_own(self, column: str) -> bool:
    """Whether the cloak was made for this column's network."""
    network, _, _ = column.partition(_AND)
    return self.kind == 'attack' and network in map(
      clean, self.record['surrogate']
    )


class Grid(NamedTuple):
  """What a report shows, in the order in which it is shown."""

  columns: list[str]  # in order of appearance, the raw pixels last
  rows: list[Row]  # no cloak first, each attack followed by its control


class _Key(NamedTuple):
  attack: str
  surrogate: tuple
  epsilon: float | None
  recognizer: str
  history: str  # of cloaks of several tools; else empty


def arrange(records: list[dict]) -> Grid:
  """Sorts records into the grid that tables and plots draw.

  Where an attack has no record of its noise control, its fields
  `noise_protection_rate` and `noise_protection_ci` stand in.

  Raises:
    InputError: no records, one that is not valid, or two for one cell.
  """
  if not records:
    raise types.InputError('records: there are none, so nothing to report')
  for record in records:
    records_lib.validate(record)
  columns = sorted(dict.fromkeys(map(column, records)), key=PIXELS.__eq__)
  attacks = _collect(r for r in records if r['attack'] not in ('noise', 'none'))
  noises = _collect((r for r in records if r['attack'] == 'noise'), attacks)
  bare = _collect(r for r in records if r['attack'] == 'none')

  rows = [_row('none', 'no cloak', *row, bare) for row in bare.items()]
  for key, cells in attacks.items():
    rows.append(_row('attack', '{}', key, cells, attacks))
    control = _stand_ins(cells) | noises.pop(key, {})
    if control:
      rows.append(_row('noise', 'same-strength noise', key, control, [key]))
  rows += [
    _row('noise', 'noise as strong as {}', *row, noises)
    for row in noises.items()
  ]
  return Grid(columns, rows)


def column(record: dict) -> str:
  """The network, and what its trainer did unless he just waited.

  Without a comma 'baseline' or 'oblivious': the row's cloak says which.
  """
  network, adversary = clean(record['network']), clean(record['adversary'])
  if adversary in ('baseline', 'oblivious'):
    return network
  return network + _AND + adversary.replace('_', ' ')


def in_lines(name: str, longest: int) -> list[str]:
  """A column's or a row's name on short lines, what is after a comma apart."""
  parts = clean(name).split(_AND)
  return [line for part in parts for line in textwrap.wrap(part, longest)]


def percent(rate: float) -> str:
  """A rate in percent: whole, but 0 and 100 only where they are meant."""
  value = 100 * rate
  if 0 < value < 0.5 or 99.5 <= value < 100 - 1e-6:
    return f'{min(max(value, 0.1), 99.9):.1f}'
  return f'{value:.0f}'


def interval(ci: tuple[float, float], dash: str = '-') -> str:
  """An interval of rates in whole percent, rounded outwards."""
  low, high = math.floor(100 * ci[0] + 1e-6), math.ceil(100 * ci[1] - 1e-6)
  return f'{low}{dash}{high}'


def levels(value: float | None) -> str:
  """A pixel difference in [0, 1] as grey levels of 255."""
  return '' if value is None else f'{255 * value:.3g}/255'


def attack_name(attack: str) -> str:
  """The attack's name as its authors write it."""
  return _DISPLAY.get(attack, attack)


def cloak_name(attack: str, surrogate: str) -> str:
  """What cloak it is, and for which network if that is known."""
  is_known = surrogate != records_lib.UNKNOWN
  return f'{attack} for {surrogate}' if is_known else attack


def surrogate_name(record: dict) -> str:
  """The network, or networks, that the cloak was made for."""
  return ' + '.join(map(clean, record['surrogate']))


def clean(name: str) -> str:
  """A name on one line, with nothing in it that a terminal would obey."""
  return ' '.join(''.join(c if c.isprintable() else ' ' for c in name).split())


def _collect(records, attacks=()):
  """Groups records by row; a control takes the budget of its attack's row."""
  rows = {}
  for record in records:
    key = _key(record)
    twins = [k for k in attacks if k._replace(epsilon=key.epsilon) == key]
    if key not in twins and len(twins) == 1:
      key = twins[0]
    cells, place = rows.setdefault(key, {}), column(record)
    if place in cells:
      raise types.InputError(
        f'records: two of {record["attack"]} for '
        f'{surrogate_name(record) or "no network"} against {place} '
        f'by {record["recognizer"]}; report one run at a time'
      )
    cells[place] = record
  return rows


def _key(record):
  bare = record['attack'] == 'none'
  return _Key(
    attack=record['control_of' if record['attack'] == 'noise' else 'attack'],
    surrogate=() if bare else tuple(record['surrogate']),
    epsilon=None if bare else record['epsilon'],
    recognizer=record['recognizer'],
    history=clean(record.get('history', '')),
  )


def _row(kind, label, key, cells, keys):
  """Labels a row, with what tells it from the others of its attack."""
  rivals = [k for k in keys if k.attack == key.attack]
  told = {
    'epsilon': levels(key.epsilon),
    'recognizer': key.recognizer.replace('_', ' '),
    'history': key.history,
  }
  varying = [
    text
    for name, text in told.items()
    if text and len({getattr(k, name) for k in rivals}) > 1
  ]
  record = next(iter(cells.values()))
  label = label.format(
    cloak_name(attack_name(key.attack), surrogate_name(record))
  )
  return Row(kind, ', '.join([label, *varying]), record, cells)


def _stand_ins(cells):
  """Controls that attack records hold; how visible they are is not known."""
  unknown = {'attack': 'noise', 'dssim': None, 'psnr': None, 'linf': None}
  controls = {}
  for place, record in cells.items():
    rate = record.get('noise_protection_rate')
    ci = record.get('noise_protection_ci')
    if rate is not None and ci is not None:
      rates = {'protection_rate': rate, 'protection_ci': ci}
      controls[place] = record | unknown | rates
  return controls
