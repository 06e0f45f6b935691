"""A table as text, and its Markdown."""

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from fr_poison import text

_SMALL = 400  # cells, which any table may have
_MOST_EMPTY = 8  # cells for one that is filled
_WIDEST = 200  # characters that a column is padded to


class Table(NamedTuple):
  """A table in plain text."""

  name: str
  head: list[str]
  rows: list[list[str]]
  legend: str

  def markdown(self) -> str:
    """Writes it with its legend."""
    return f'{plain(self.head, self.rows)}\n\n{self.legend}'


def is_sparse(num_rows: int, num_columns: int, num_filled: int) -> bool:
  """Says whether a table is large and nearly empty: of more cells than bear it.

  Else there would be as many as the square of the records that share nothing.
  """
  return num_rows * num_columns > max(_SMALL, _MOST_EMPTY * num_filled)


def crossed(
  stubs: Sequence[str],
  rows: Mapping[tuple[str, ...], Mapping[Hashable, str]],
  columns: Mapping[Hashable, str],
) -> tuple[list[str], list[list[str]]]:
  """Arranges cells by row and column: a head and rows of a `Table`.

  Of one that `is_sparse` there is a sentence in its place.

  Args:
    stubs: the heads of what a row begins with.
    rows: of each its beginning and its cells, by column.
    columns: the heads, by column, in their order.
  """
  head = [*stubs, *columns.values()]
  if is_sparse(len(rows), len(columns), sum(map(len, rows.values()))):
    text = sparse_text(len(rows), len(columns))
    return list(stubs), [[text, *[''] * (len(stubs) - 1)]]
  return head, [
    [*key, *(cells.get(column, '') for column in columns)]
    for key, cells in rows.items()
  ]


def sparse_text(num_rows: int, num_columns: int) -> str:
  """Says why a table is left out."""
  return (
    f'a table of {num_rows} rows and {num_columns} columns, nearly all of it '
    'empty, is left out; the records have its numbers'
  )


def escaped(name: str) -> str:
  """Writes a text on one line, so that Markdown shows it as it is."""
  name = text.line(name).replace('&', '&amp;').replace('<', '&lt;')
  return ''.join('\\' + c if c in '\\|*`[]~' else c for c in name)


def plain(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
  """Writes a table of plain text, with `padded`."""
  head, *rows = ([*map(escaped, row)] for row in (head, *rows))
  return padded(head, rows)


def padded(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
  """Pads columns to equal width: words to the left, numbers to the right.

  Args:
    head: of each column, in Markdown.
    rows: as long.
  """
  columns = zip(head, *rows, strict=True)
  widths = [min(max(3, *map(len, x)), _WIDEST) for x in columns]
  rule = ['-' * widths[0]] + ['-' * (width - 1) + ':' for width in widths[1:]]
  lines = []
  for cells in (head, rule, *rows):
    first, *rest = zip(cells, widths, strict=True)
    padded = [first[0].ljust(first[1])] + [c.rjust(w) for c, w in rest]
    lines.append(f'| {" | ".join(padded)} |')
  return '\n'.join(lines)
