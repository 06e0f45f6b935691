"""Tables in Markdown that read as well in a terminal."""

import textwrap

from fr_poison.report import grid as grid_lib
from fr_poison.report import verdict

_LEGEND = """\
Protection rate in %: of the clean test pictures of people who had cloaked
their training pictures, how many the recognizer gets wrong. In brackets: its
95% interval, rounded outwards. Columns: the network the recognizer is built
on, and after a comma what its trainer did if he did not just wait. **Bold**:
the network the cloak was made for. "pixels" compares raw pixels,
no network. "no cloak": the errors made anyway. "same-strength noise": the
errors that a random change of the same budget and smoothness causes. Only what
stands above both is the cloak's own doing.
DSSIM: visible change, 0 is none. PSNR: in dB, higher is less change. L-inf:
the largest change of a pixel, in grey levels of 255."""
_ACCURACY_LEGEND = """\
Accuracy in %: of the test pictures of everybody else, who did not cloak, how
many the same recognizer gets right, with its 95% interval."""


def markdown(records: list[dict]) -> str:
  """The protection table, the accuracy table, and what their numbers say.

  Given cloaks have the answer in plain words above.

  Args:
    records: valid records, see `records`.

  Raises:
    InputError: as `grid.arrange`.
  """
  grid = grid_lib.arrange(records)
  columns = [_escape(name) for name in grid.columns]
  protection = [
    [_label(row)]
    + [_rate(row, column) for column in grid.columns]
    + measures(row.record)
    for row in grid.rows
  ]
  accuracy = [
    [_label(row)]
    + [_cell(row.cells.get(c), 'accuracy', 'accuracy_ci') for c in grid.columns]
    for row in grid.rows
    if row.kind != 'noise'
  ]
  return '\n\n'.join(
    [textwrap.fill(_escape(x), 80) for x in verdict.sentences(records)]
    + [
      table(
        ['protection rate', *columns, 'DSSIM', 'PSNR', 'L-inf'], protection
      ),
      _LEGEND,
      table(['accuracy', *columns], accuracy),
      _ACCURACY_LEGEND + '\n',
    ]
  )


def measures(record: dict) -> list[str]:
  """DSSIM, PSNR (dB) and L-inf (grey levels of 255), empty where null."""
  linf = record['linf']
  return [
    '' if record['dssim'] is None else f'{record["dssim"]:.4f}',
    '' if record['psnr'] is None else f'{record["psnr"]:.1f}',
    '' if linf is None else f'{255 * linf:.3g}',
  ]


def _label(row):
  return ('- ' if row.kind == 'noise' else '') + _escape(row.label)


def _rate(row, column):
  text = _cell(row.cells.get(column), 'protection_rate', 'protection_ci')
  if text and row.is_own(column):
    rate, _, ci = text.partition(' ')
    return f'**{rate}** {ci}'
  return text


def _cell(record, rate, ci):
  if record is None:
    return ''
  return f'{grid_lib.percent(record[rate])} ({grid_lib.interval(record[ci])})'


def _escape(text):
  text = text.replace('&', '&amp;').replace('<', '&lt;')
  return ''.join('\\' + c if c in '\\|*`[]~' else c for c in text)


def table(head, rows):
  """Pads columns to equal width: words to the left, numbers to the right."""
  columns = zip(head, *rows, strict=True)
  widths = [max(3, *map(len, column)) for column in columns]
  rule = ['-' * widths[0]] + ['-' * (width - 1) + ':' for width in widths[1:]]
  lines = []
  for cells in (head, rule, *rows):
    first, *rest = zip(cells, widths, strict=True)
    padded = [first[0].ljust(first[1])] + [c.rjust(w) for c, w in rest]
    lines.append(f'| {" | ".join(padded)} |')
  return '\n'.join(lines)
