"""Records for spreadsheets and papers: CSV, and a table in LaTeX."""

import csv
import io
import json

from fr_poison.report import record_file, words
from fr_poison.report.grid import Grid

_CURVES = ('roc', 'embedding_map')  # of many points: for figures, not cells
_SPECIAL = {
  '\\': r'\textbackslash{}',
  '~': r'\textasciitilde{}',
  '^': r'\textasciicircum{}',
} | {c: f'\\{c}' for c in '&%$#_{}'}
_LATEX = r"""\resizebox{{\linewidth}}{{!}}{{%
\begin{{tabular}}{{l{}}}
\toprule
{}
\midrule
{}
\bottomrule
\end{{tabular}}}}
"""


def flat(record: dict) -> dict[str, str]:
  """Writes a record's fields as text, its anchor first, without long curves."""
  return {'record': record_file.anchor(record)} | {
    k: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)
    for k, v in sorted(record.items())
    if v is not None and k not in _CURVES
  }


def csv_text(records: list[dict]) -> str:
  """Writes all records, a line each, columns in order of their appearance.

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


def latex(grids: list[Grid]) -> str:
  """Writes the protection tables, for the packages booktabs and graphicx."""
  head = lambda grid: f'% {grid.title}\n\n' if grid.title else ''
  return '\n'.join(head(grid) + _latex(grid) for grid in grids)


def _latex(grid):
  head = ['protection rate, \\%', *map(_escape, grid.columns)]
  head += ['DSSIM', 'PSNR', '$L_\\infty$']
  rows = [
    [r'\quad ' * (row.kind == 'noise') + _escape(row.label)]
    + [_cell(row, column) for column in grid.columns]
    + words.measures(row.record)
    for row in grid.rows
  ]
  first, *rest = [' & '.join(cells) + r' \\' for cells in (head, *rows)]
  return _LATEX.format('r' * (len(head) - 1), first, '\n'.join(rest))


def _cell(row, column):
  rate, ci = words.rate(row.cells.get(column), 'protection', '--')
  rate = rf'\textbf{{{rate}}}' if row.is_own(column) else rate
  return f'{rate} ({ci})' if ci else ''


def _escape(text):
  return ''.join(_SPECIAL.get(c, c) for c in text)


def _inert(text):
  return f"'{text}" if text[:1] in ('=', '+', '-', '@', '\t', '\r') else text
