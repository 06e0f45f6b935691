"""Records arranged as every report shows them: cloaks in rows, trainers and
their networks in columns.
"""

import json
from typing import NamedTuple

from fr_poison.report import kinds, table, words
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
_BUDGET = 2  # where a row's key has it


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

  @property
  def size(self) -> int:
    """The number of its cells, filled or not."""
    return len(self.rows) * len(self.columns)

  @property
  def is_sparse(self) -> bool:
    """Whether it is too empty to be shown, see `table.is_sparse`."""
    filled = sum(len(row.cells) for row in self.rows)
    return table.is_sparse(len(self.rows), len(self.columns), filled)

  @property
  def sparse_text(self) -> str:
    """Why it is not."""
    return table.sparse_text(len(self.rows), len(self.columns))


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
  for record in records:
    if not _under(record):
      rows = bare if record['attack'] == 'none' else attacks
      _put(rows.setdefault(_key(record), {}), record)
  attacks = _by_budget(attacks)
  minor = _minor(records, attacks)
  controls = {('noise', control): {} for control in kinds.CONTROLS}
  places = dict.fromkeys([*controls, *filter(None, map(_under, records))])
  order = {place: i for i, place in enumerate(places)}

  rows, varying = [], _varying(bare)
  for key, cells in bare.items():
    rows.append(Row('none', _label('no cloak', key, varying), cells, cells))
  varying = _varying(attacks)
  for key, cells in attacks.items():
    rows.append(Row('attack', _label('{}', key, varying), cells, cells))
    under = controls | minor.pop(key, {})
    for kind, name in sorted(under, key=order.get):
      own = under[kind, name]
      stand_ins = _stand_ins(cells, name) if kind == 'noise' else {}
      if shown := stand_ins | own:
        label = words.version_name(shown[next(iter(shown))])
        rows.append(Row(kind, label, shown, cells | own))
  rows += _alone(minor, order)
  return Grid(title, run, columns, rows, records)


def _of_any_budget(key):
  return *key[:_BUDGET], *key[_BUDGET + 1 :]


def _by_budget(attacks):
  """The rows of one cloak beside each other, the smallest budget first."""
  order = {}
  for key in attacks:
    order.setdefault(_of_any_budget(key), len(order))
  place = lambda key: (order[_of_any_budget(key)], key[_BUDGET] or 0)
  return {key: attacks[key] for key in sorted(attacks, key=place)}


def _minor(records, attacks):
  """Key -> what is under the row of that key -> its cells.

  What takes the budget of an attack's row has that row's key.
  """
  minor, budgets = {}, {}
  for key in attacks:
    budgets.setdefault(_of_any_budget(key), []).append(key)
  for record in records:
    if place := _under(record):
      key = _key(record)
      twins = budgets.get(_of_any_budget(key), ())
      if key not in attacks and len(twins) == 1:
        (key,) = twins
      _put(minor.setdefault(key, {}).setdefault(place, {}), record)
  return minor


def _alone(minor, order):
  """Rows of what has no attack's row to stand under."""
  found, rows = {}, []
  for key, own in minor.items():
    for place, cells in own.items():
      found.setdefault(place, {})[key] = cells
  for kind, name in sorted(found, key=order.get):
    varying = _varying(found[kind, name])
    for key, cells in found[kind, name].items():
      first, text = next(iter(cells.values())), '{}'
      if kind == 'noise':
        text = words.control_name(first, name, 'alone')
      label = _label(text, key, varying)
      label += f', after {name}' if kind == 'saved' else ''
      rows.append(Row('alone', label, cells, cells))
  return rows


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


def _put(cells, record):
  """Adds to a row's cells."""
  column = words.column(record)
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


def _varying(keys):
  """Attack -> of each detail, whether its rows differ in it."""
  found = {}
  for attack, _, *details in keys:
    found.setdefault(attack, []).append(details)
  return {
    attack: [len({*column}) > 1 for column in zip(*rows, strict=True)]
    for attack, rows in found.items()
  }


def _label(text, key, varying):
  """Labels a row, with what the others of its attack lack."""
  attack, surrogate, *details = key
  shown = zip(details, varying[attack], _DETAILS.values(), strict=True)
  parts = [write(x) for x, varies, write in shown if varies]
  name = text.format(words.cloak_name(attack, surrogate))
  return ', '.join(filter(None, [name, *parts]))


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
      of = {'control_of': record['attack']}
      controls[column] = record | unknown | of | rates
  return controls
