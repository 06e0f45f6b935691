"""Records arranged as every report shows them: cloaks in rows, trainers and
their networks in columns.
"""

from typing import NamedTuple

from fr_poison.report import words
from fr_poison.types import InputError

# What tells two runs apart, the least of it first.
_RUN_FIELDS = (
  {},
  {'seed': 'seed'},
  {'seed': 'seed', 'config_hash': 'configuration'},
)


class Row(NamedTuple):
  """One cloak (or its noise control, or no cloak) against every column."""

  kind: str  # 'none', 'attack' or 'noise'
  label: str
  cells: dict[str, dict]  # column -> record
  sources: dict[str, dict]  # column -> the record that a cell's number is in

  @property
  def record(self) -> dict:
    """The first of `cells`, for what they share."""
    return next(iter(self.cells.values()))

  def is_own(self, column: str) -> bool:
    """Says whether the cloak was made for this column's network."""
    network, _, _ = column.partition(words.AND)
    return self.kind == 'attack' and network in map(
      words.clean, self.record['surrogate']
    )


class Grid(NamedTuple):
  """What a table and a heat map show, in the order in which it is shown."""

  title: str  # what tells it from the report's other grids, or ''
  run: str  # the same without the recognizer
  columns: list[str]  # in order of appearance, the raw pixels last
  rows: list[Row]  # no cloak first, each attack followed by its control
  records: list[dict]  # that it is made of


class _Key(NamedTuple):
  """What two records of one row have in common."""

  attack: str
  surrogate: tuple
  epsilon: float | None
  recognizer: str
  history: str  # of cloaks of several tools; else empty


def arrange(records: list[dict], title: str = '', run: str = '') -> Grid:
  """Sorts records into a grid.

  Where an attack has no record of its noise control, its fields
  `noise_protection_rate` and `noise_protection_ci` stand in.

  Args:
    records: valid records, see `kinds`.
    title: of the grid.
    run: that it is of.

  Raises:
    InputError: no records, or two for one cell.
  """
  if not records:
    raise InputError('records: there are none, so nothing to report')
  columns = sorted(
    dict.fromkeys(map(words.column, records)), key=words.PIXELS.__eq__
  )
  attacks = _collect(r for r in records if r['attack'] not in ('noise', 'none'))
  noises = _collect((r for r in records if r['attack'] == 'noise'), attacks)
  bare = _collect(r for r in records if r['attack'] == 'none')

  rows = [
    Row('none', _label('no cloak', key, cells, bare), cells, cells)
    for key, cells in bare.items()
  ]
  for key, cells in attacks.items():
    label = _label('{}', key, cells, attacks)
    rows.append(Row('attack', label, cells, cells))
    own = noises.pop(key, {})
    if control := _stand_ins(cells) | own:
      rows.append(Row('noise', 'same-strength noise', control, cells | own))
  for key, cells in noises.items():
    label = _label('noise as strong as {}', key, cells, noises)
    rows.append(Row('noise', label, cells, cells))
  return Grid(title, run, columns, rows, records)


def tables(records: list[dict]) -> list[Grid]:
  """Arranges records of any runs: a grid each run and recognizer.

  One run has no title. Several are told apart by their seeds, or, where that
  is not enough, by their configurations as well.

  Raises:
    InputError: two records of one run are for the same cell.
  """
  error = None
  for fields in _RUN_FIELDS:
    runs = {}
    for r in records:
      run = ', '.join(
        f'{x} {words.clean(str(r[k]))}' for k, x in fields.items()
      )
      runs.setdefault(run, {}).setdefault(r['recognizer'], []).append(r)
    try:
      return [
        arrange(same, ', '.join(filter(None, title)), run)
        for run, by_recognizer in runs.items()
        for name, same in by_recognizer.items()
        for title in [
          (run, words.plain(name) if len(by_recognizer) > 1 else '')
        ]
      ]
    except InputError as collision:
      error = collision
  raise error


def _collect(records, attacks=()):
  """Groups records by row; a control takes the budget of its attack's row."""
  rows = {}
  for record in records:
    key = _key(record)
    twins = [k for k in attacks if k._replace(epsilon=key.epsilon) == key]
    if key not in twins and len(twins) == 1:
      key = twins[0]
    cells, place = rows.setdefault(key, {}), words.column(record)
    if place in cells:
      raise InputError(
        f'records: two of {record["attack"]} for '
        f'{words.surrogate_name(record) or "no network"} against {place} '
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
    history=words.clean(record.get('history', '')),
  )


def _label(text, key, cells, rivals):
  """Labels a row, with what tells it from the others of its attack."""
  texts = {
    'epsilon': words.levels(key.epsilon),
    'recognizer': words.plain(key.recognizer),
    'history': key.history,
  }
  varying = [
    text
    for name, text in texts.items()
    if text
    and len({getattr(k, name) for k in rivals if k.attack == key.attack}) > 1
  ]
  surrogate = words.surrogate_name(next(iter(cells.values())))
  cloak = words.cloak_name(key.attack, surrogate)
  return ', '.join([text.format(cloak), *varying])


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
