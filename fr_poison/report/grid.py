"""Records arranged as every report shows them: cloaks in rows, trainers and
their networks in columns.
"""

import json
from typing import NamedTuple

from fr_poison.report import kinds, words
from fr_poison.types import InputError

# What two runs differ in, the least of it first.
_RUN_FIELDS = (
  {},
  {'seed': 'seed'},
  {'seed': 'seed', 'config_hash': 'configuration'},
)
# What two records of one row have in common: attack, surrogate, and these.
_DETAILS = {
  'epsilon': words.levels,
  'recognizer': str,
  'history': words.clean,  # of cloaks of several tools
}


class Row(NamedTuple):
  """One cloak (or no cloak, or a control) against every column."""

  # 'none'; 'attack', and under that 'noise' (a control) and 'saved'; 'alone',
  # one of those whose cloak has no row.
  kind: str
  label: str
  cells: dict[str, dict]  # column -> record
  sources: dict[str, dict]  # column -> the record that a cell's number is in

  @property
  def record(self) -> dict:
    """The first of `cells`, for what they share."""
    return next(iter(self.cells.values()))

  @property
  def is_minor(self) -> bool:
    """Whether it stands under its cloak."""
    return self.kind in ('noise', 'saved')

  def is_own(self, column: str) -> bool:
    """Says whether the cloak was made for this column's network."""
    network, _, _ = column.partition(words.AND)
    return self.kind in ('attack', 'saved') and network in map(
      words.clean, self.record['surrogate']
    )


class Grid(NamedTuple):
  """What a table and a heat map show, in the order in which it is shown."""

  title: str  # what sets it apart from other grids, or ''
  run: str  # the same without the recognizer
  columns: list[str]  # in order of appearance, the raw pixels last
  rows: list[Row]  # no cloak first, each attack followed by what is under it
  records: list[dict]  # that it is made of

  @property
  def searched(self) -> list[Row]:
    """Lists the rows for which the gallery was searched as well."""
    has_recall = lambda r: r.get('retrieval_recall') is not None
    return [
      row
      for row in self.rows
      if not row.is_minor and any(map(has_recall, row.cells.values()))
    ]


def arrange(records: list[dict], title: str = '', run: str = '') -> Grid:
  """Sorts valid records into a grid.

  Where an attack has no record of a control, its fields such as
  `noise_protection_rate` and `noise_protection_ci` stand in.

  Raises:
    InputError: no records, or two for one cell.
  """
  if not records:
    raise InputError('records: there are none, so nothing to report')
  columns = sorted(
    dict.fromkeys(map(words.column, records)), key=words.PIXELS.__eq__
  )
  bare, attacks = {}, {}
  minor = {('noise', control): {} for control in kinds.CONTROLS}
  for record in sorted(records, key=lambda r: _under(r) is not None):
    if place := _under(record):
      _place(minor.setdefault(place, {}), record, attacks)
    else:
      _place(bare if record['attack'] == 'none' else attacks, record, ())

  rows = [
    Row('none', _label('no cloak', key, bare), cells, cells)
    for key, cells in bare.items()
  ]
  for key, cells in attacks.items():
    rows.append(Row('attack', _label('{}', key, attacks), cells, cells))
    for (kind, name), found in minor.items():
      own = found.pop(key, {})
      stand_ins = _stand_ins(cells, name) if kind == 'noise' else {}
      if under := stand_ins | own:
        label = words.version_name(under[next(iter(under))])
        rows.append(Row(kind, label, under, cells | own))
  for (kind, name), found in minor.items():
    for key, cells in found.items():
      first = next(iter(cells.values()))
      is_noise = kind == 'noise'
      text = words.control_name(first, name, 'alone') if is_noise else '{}'
      label = _label(text, key, found)
      label += f', after {name}' if kind == 'saved' else ''
      rows.append(Row('alone', label, cells, cells))
  return Grid(title, run, columns, rows, records)


def by_cell(records: list[dict], title: str = '', run: str = '') -> list[Grid]:
  """Arranges records, a grid each cell, with those without a cloak in each.

  Raises:
    InputError: as `arrange`.
  """
  bare = [r for r in records if r['attack'] == 'none']
  cells = {}
  for record in records:
    if record['attack'] != 'none':
      cells.setdefault(words.cell_title(record), []).append(record)
  usual = words.TEXTS['cells']['1A']
  if not cells or [*cells] == [usual]:
    return [arrange(records, title, run)]
  return [
    arrange(bare + same, words.AND.join(filter(None, (title, cell))), run)
    for cell, same in cells.items()
  ]


def tables(records: list[dict]) -> list[Grid]:
  """Arranges records of any runs: a grid each run and recognizer.

  One run has no title. Those of several have their seeds, and where that is
  not enough their configurations as well. What was measured by one standard is
  one run, whichever tool it was, and never beside what another one gave.

  Raises:
    InputError: two records of one run are for the same cell.
  """
  records = _once(records)
  standards = {}
  if len(set(map(words.standard, records))) > 1:
    standards = {'standard': ''}
  for fields in _RUN_FIELDS:
    try:
      return _by_run(records, standards | fields)
    except InputError as error:
      collision = error
  raise collision


def _once(records):
  """Without what every tool's run of a standard says again: no cloak."""
  fields = (
    *('standard_digest', 'protect', 'seed', 'num_splits', 'adversary'),
    *('network', 'recognizer', 'recipe', 'normalize', 'protection_rate'),
  )
  found = {}
  for i, record in enumerate(records):
    is_bare = record['attack'] == 'none' and record.get('standard_digest')
    # As text, for a field that no kind has may hold anything.
    key = json.dumps([*map(record.get, fields)]) if is_bare else i
    found.setdefault(key, record)
  return list(found.values())


def _by_run(records, fields):
  runs = {}
  for r in records:
    shown = r | {'standard': words.standard(r)}
    run = ', '.join(
      f'{text} {words.clean(str(shown[name]))}'.strip()
      for name, text in fields.items()
    )
    runs.setdefault(run, {}).setdefault(words.recognizer(r), []).append(r)
  grids = []
  for run, by_recognizer in runs.items():
    for name, same in by_recognizer.items():
      recognizer = name if len(by_recognizer) > 1 else ''
      title = ', '.join(filter(None, (run, recognizer)))
      grids += by_cell(same, title, run)
  return grids


def _place(rows, record, attacks):
  """Adds to a row's cells; a control takes the budget of its attack's row."""
  key, column = _key(record), words.column(record)
  twins = [k for k in attacks if (*k[:2], *k[3:]) == (*key[:2], *key[3:])]
  if key not in twins and len(twins) == 1:
    (key,) = twins
  cells = rows.setdefault(key, {})
  if column in cells:
    raise InputError(
      f'records: two of {record["attack"]} for '
      f'{words.surrogate_name(record) or "no network"} against {column} '
      f'by {words.recognizer(record)}; report one run at a time'
    )
  cells[column] = record


def _key(record):
  attack = record['control_of' if record['attack'] == 'noise' else 'attack']
  if tool := record.get('tool'):
    attack = f'{words.clean(tool)} ({words.attack_name(attack)})'
  details = {'history': ''} | record
  details['recognizer'] = words.recognizer(record)
  if attack == 'none':
    details |= {'surrogate': (), 'epsilon': None}
  surrogate = ' + '.join(map(words.clean, details['surrogate']))
  return attack, surrogate, *(details[name] for name in _DETAILS)


def _label(text, key, rivals):
  """Labels a row, with what the others of its attack lack."""
  attack, surrogate, *details = key
  rivals = [rival[2:] for rival in rivals if rival[0] == attack]
  columns = zip(*rivals, strict=True)
  shown = zip(details, columns, _DETAILS.values(), strict=True)
  varying = [write(x) for x, rest, write in shown if len({*rest}) > 1]
  name = text.format(words.cloak_name(attack, surrogate))
  return ', '.join(filter(None, [name, *varying]))


def _under(record):
  """What it is beside its cloak: kind of row, and control or way of saving."""
  if record['attack'] == 'noise':
    return 'noise', record.get('control', 'spectrum')
  saved = record.get('saved')
  return None if saved is None else ('saved', words.clean(saved))


def _stand_ins(cells, control):
  """Controls that attack records hold; how visible they are is not known."""
  unknown = {'attack': 'noise', 'control': control}
  # Those are the cloak's.
  unknown |= dict.fromkeys(('dssim', 'psnr', 'linf', 'over_seeds'))
  controls = {}
  for column, record in cells.items():
    rate, ci = words.control(record, control)
    if rate is not None and ci is not None:
      rates = {'protection_rate': rate, 'protection_ci': ci}
      controls[column] = record | unknown | rates
  return controls
