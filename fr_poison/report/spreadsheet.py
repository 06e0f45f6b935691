"""Every record as a line of a spreadsheet: CSV."""

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


def flat(record: dict) -> dict[str, str]:
  """Writes a record's fields as text, its anchor first, without long curves."""
  return {'record': record_file.anchor(record)} | {
    k: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)
    for k, v in sorted(record.items())
    if v is not None and k not in _CURVES
  }


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
  for row, record in zip(rows, records, strict=True):
    others = {k: v for k, v in row.items() if k not in columns}
    row |= {k: _inert(v) for k, v in record.items() if isinstance(v, str)}
    row |= {_OTHERS: json.dumps(others, ensure_ascii=False)} if rest else {}
    writer.writerow(clean(row.get(name, '')) for name in [*columns, *rest])
  return file.getvalue()


def _inert(cell):
  """A text of a cell that no spreadsheet computes."""
  is_formula = cell.startswith(('=', '+', '-', '@', '\t', '\r', '\n'))
  return "'" * is_formula + clean(cell)
