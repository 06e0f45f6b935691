"""Records of detectors, and their table: one line a detector and a test.

Beside those of `records`, which say what is left of a protection: here a
record says how well a detector tells cloaked pictures from clean ones.
"""

import os
import pathlib

from fr_poison import strict_json
from fr_poison.report import grid, tables
from fr_poison.report import records as records_lib
from fr_poison.types import InputError

REQUIRED = (
  'detector',
  'features',
  'train_attack',
  'test_attack',
  'epsilon',
  'jpeg',
  'auc',
  'auc_ci',
  'average_precision',
  'tpr_at_fpr',
  'num_people',
)
LEGEND = """\
Area under the ROC curve in %, with its 95% interval, of pictures of people
that the detector never saw: 50 is guessing. TPR: share of cloaked pictures
found when 1% of clean ones are flagged."""


def validate(record: dict) -> None:
  """Refuses a record with a field missing, or a rate that is none.

  Raises:
    InputError: naming the field.
  """
  for name in REQUIRED:
    if name not in record:
      raise InputError(f'{name}: missing')
  for name in ('auc', 'average_precision'):
    if not 0 <= record[name] <= 1:
      raise InputError(f'{name}: {record[name]!r} is outside [0, 1]')


def write(path: str | os.PathLike, records: list[dict]) -> None:
  """Writes the records, one JSON line each, all of them or nothing.

  Raises:
    InputError: a record is not valid.
  """
  for record in records:
    validate(record)
  write_trainers(path, records)


def write_trainers(path: str | os.PathLike, records: list[dict]) -> None:
  """The same for records of trainers behind a detector or a purifier."""
  lines = [strict_json.dumps(strict_json.sealed(r)) for r in records]
  records_lib.write_text(path, ''.join(line + '\n' for line in lines))


def read(path: str | os.PathLike) -> list[dict]:
  """The records of a file that `write` made.

  Raises:
    InputError: it cannot be read, or a line is not a valid record.
  """
  try:
    lines = pathlib.Path(path).read_bytes().splitlines()
    found = [strict_json.loads(line) for line in lines]
  except (OSError, RecursionError, ValueError) as error:
    raise InputError(f'{path}: {error}') from error
  for record in found:
    validate(record)
  return found


def markdown(records: list[dict]) -> str:
  """Tables of AUCs: a row a detector, a column an attack.

  First every attack at its own budget, then detectors trained on a single
  tool, other budgets, and JPEG.
  """
  budgets = {}  # each attack's own one comes first
  for record in records:
    budgets.setdefault(record['test_attack'], record['epsilon'])
  tools = max(records, key=lambda r: r['train_attack'].count('+'))
  learns_all = (tools['train_attack'], 'none')
  sections = {}
  for record in records:
    if record['train_attack'] not in learns_all:
      title, row = 'trained on', record['train_attack']
    elif record['jpeg']:
      title, row = 'JPEG', record['jpeg']
    elif record['epsilon'] != budgets[record['test_attack']]:
      title, row = 'epsilon', grid.levels(record['epsilon'])
    else:
      title, row = '', ''
    name = f'{record["detector"]} ({record["features"]})'
    rows = sections.setdefault(title, {})
    rows.setdefault((name, row), {})[record['test_attack']] = record
  found = [_section(title, rows) for title, rows in sorted(sections.items())]
  return '\n\n'.join([*found, LEGEND]) + '\n'


def _section(title, rows):
  attacks = list(
    dict.fromkeys(attack for cells in rows.values() for attack in cells)
  )
  body = [
    [*key[: 2 if title else 1], *(_cell(cells.get(a)) for a in attacks)]
    for key, cells in rows.items()
  ]
  head = ['detector', title] if title else ['detector']
  return tables.table(head + [grid.attack_name(a) for a in attacks], body)


def _cell(record):
  if record is None:
    return ''
  return (
    f'{grid.percent(record["auc"])} ({grid.interval(record["auc_ci"])}), '
    f'TPR {grid.percent(record["tpr_at_fpr"]["0.01"])}'
  )


TRAINERS_LEGEND = """\
Protection rate in % of the people who are enrolled, with its 95% interval; not
enrolled: of whom the trainer dropped every picture, so that he has no name for
them, which is not what a cloak promises. Accuracy: on everybody else."""


def trainers_markdown(records: list[dict]) -> str:
  """A table of trainers: what is left of the protection, and of people."""
  rows = [
    [
      f'{grid.attack_name(r["attack"])}, {r["adversary"]}',
      _rate(r, 'protection'),
      _rate(r, 'not_enrolled'),
      _accuracy(r),
      _rate(r, 'others_not_enrolled'),
    ]
    for r in records
  ]
  head = ['cloak, trainer', 'protection', 'not enrolled', 'accuracy']
  head.append('others not enrolled')
  return tables.table(head, rows) + '\n\n' + TRAINERS_LEGEND + '\n'


def _rate(record, name):
  if record[f'{name}_rate'] is None:
    return ''
  interval = grid.interval(record[f'{name}_ci'])
  return f'{grid.percent(record[f"{name}_rate"])} ({interval})'


def _accuracy(record):
  if record['error_rate'] is None:
    return ''
  low, high = record['error_ci']
  interval = grid.interval((1 - high, 1 - low))
  return f'{grid.percent(1 - record["error_rate"])} ({interval})'
