"""Every record as a line of a spreadsheet: CSV, or a row of a data frame."""

import collections
import csv
import io
import json

from fr_poison.report import record_file
from fr_poison.text import clean

# Columns of any CSV; further ones, rows for one that is filled; what is left.
_MOST_COLUMNS, _MOST_EMPTY, _OTHERS = 200, 8, 'other fields'
# Of many numbers, no cells of a table.
_CURVES = ('roc', 'embedding_map', 'protection_counts')
_INTERVAL = '_ci'


def flat(record: dict) -> dict[str, str | float]:
  """Gives each field of a record a column, or several, with one value each.

  An interval `protection_ci` becomes `protection_low` and `protection_high`, a
  table a column for each of its entries (`versions.jax`), the surrogates one
  text 'a+b', and another list a text in JSON. Its anchor comes first; fields
  without a value, and long curves, are left out.

  Args:
    record: one line of a file of records.
  """
  row = {'record': record_file.anchor(record)}
  for name, value in sorted(record.items()):
    if name in _CURVES:
      continue
    entries = value if isinstance(value, dict) else {'': value}
    for entry, own in entries.items():
      row |= _columns(name, f'.{entry}' if entry else '', own)
  return row


def _columns(name, entry, value):
  if value is None:
    return {}
  if name.endswith(_INTERVAL) and isinstance(value, list | tuple):
    share = name.removesuffix(_INTERVAL)
    ends = zip(('low', 'high'), value, strict=False)
    return {f'{share}_{end}{entry}': number for end, number in ends}
  if name == 'surrogate' and isinstance(value, list):
    value = '+'.join(map(str, value))
  if isinstance(value, list | tuple | dict):
    value = json.dumps(value, ensure_ascii=False)
  return {name + entry: value}


def csv_text(records: list[dict]) -> str:
  """Writes all records, a line each, columns in order of their appearance.

  A text that a spreadsheet would take for a formula is led by an apostrophe,
  that of a column's name, too. Of more fields than a table bears, those that
  few records have are together in the last column.
  """
  rows, file = list(map(flat, records)), io.StringIO()
  counts = collections.Counter(name for row in rows for name in row)
  columns = {
    name: None
    for i, (name, count) in enumerate(counts.items())
    if i < _MOST_COLUMNS or count * _MOST_EMPTY >= len(rows)
  }
  rest = [_OTHERS] * (len(columns) < len(counts))
  writer = csv.writer(file, lineterminator='\n')
  writer.writerow(map(_inert, [*columns, *rest]))
  for row in rows:
    others = {k: v for k, v in row.items() if k not in columns}
    row |= {_OTHERS: json.dumps(others, ensure_ascii=False)} if rest else {}
    writer.writerow(_inert(row.get(name, '')) for name in [*columns, *rest])
  return file.getvalue()


def _inert(cell):
  """What is in a cell, if a text then one that no spreadsheet computes."""
  if not isinstance(cell, str):
    return cell
  is_formula = cell.startswith(('=', '+', '-', '@', '\t', '\r', '\n'))
  return "'" * is_formula + clean(cell)
