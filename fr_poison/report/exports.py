"""Records for spreadsheets and papers: CSV, and a table in LaTeX."""

import csv
import hashlib
import io
import json

from fr_poison.report import grid as grid_lib
from fr_poison.report import tables

_CURVES = ('roc', 'embedding_map')  # of many points: for figures, not cells
_SPECIAL = {
  '\\': r'\textbackslash{}',
  '~': r'\textasciitilde{}',
  '^': r'\textasciicircum{}',
} | {c: f'\\{c}' for c in '&%$#_{}'}


def anchor(record: dict) -> str:
  """A record's name in a page and a file: a short hash of what it says."""
  text = json.dumps(record, sort_keys=True)
  return f'r-{hashlib.sha256(text.encode()).hexdigest()[:10]}'


def flat(record: dict) -> dict[str, str]:
  """The record's fields as text, its anchor first, without long curves."""
  values = {k: v for k, v in record.items() if k not in _CURVES}
  return {'record': anchor(record)} | {
    k: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)
    for k, v in sorted(values.items())
    if v is not None
  }


def csv_text(records: list[dict]) -> str:
  """All records, a line each; columns in order of the fields' appearance.

  A text that a spreadsheet would take for a formula is led by an apostrophe.
  """
  rows = list(map(flat, records))
  columns = list(dict.fromkeys(name for row in rows for name in row))
  file = io.StringIO()
  writer = csv.DictWriter(file, columns, lineterminator='\n')
  writer.writeheader()
  for row, record in zip(rows, records, strict=True):
    texts = {k: v for k, v in row.items() if isinstance(record.get(k), str)}
    writer.writerow(row | {k: _inert(v) for k, v in texts.items()})
  return file.getvalue()


def latex(records: list[dict]) -> str:
  """The protection table, for the packages booktabs and graphicx.

  Args:
    records: valid records, see `records`.

  Raises:
    InputError: as `grid.arrange`.
  """
  grid = grid_lib.arrange(records)
  head = ['protection rate, \\%', *map(_escape, grid.columns)]
  head += ['DSSIM', 'PSNR', '$L_\\infty$']
  rows = [
    [r'\quad ' * (row.kind == 'noise') + _escape(row.label)]
    + [_cell(row, column) for column in grid.columns]
    + tables.measures(row.record)
    for row in grid.rows
  ]
  lines = [' & '.join(cells) + r' \\' for cells in (head, *rows)]
  return '\n'.join(
    [
      r'\resizebox{\linewidth}{!}{%',
      rf'\begin{{tabular}}{{l{"r" * (len(head) - 1)}}}',
      r'\toprule',
      lines[0],
      r'\midrule',
      *lines[1:],
      r'\bottomrule',
      r'\end{tabular}}',
      '',
    ]
  )


def _cell(row, column):
  record = row.cells.get(column)
  if record is None:
    return ''
  rate = grid_lib.percent(record['protection_rate'])
  rate = rf'\textbf{{{rate}}}' if row.is_own(column) else rate
  return rf'{rate} ({grid_lib.interval(record["protection_ci"], "--")})'


def _escape(text):
  return ''.join(_SPECIAL.get(c, c) for c in text)


def _inert(text):
  return f"'{text}" if text[:1] in ('=', '+', '-', '@', '\t', '\r') else text
