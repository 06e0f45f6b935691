"""A table as text, and its Markdown."""

from collections.abc import Sequence
from typing import NamedTuple

from fr_poison import text


class Table(NamedTuple):
  """A table in plain text."""

  name: str
  head: list[str]
  rows: list[list[str]]
  legend: str

  def markdown(self) -> str:
    """Writes it with its legend."""
    return f'{plain(self.head, self.rows)}\n\n{self.legend}'


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
  widths = [max(3, *map(len, column)) for column in columns]
  rule = ['-' * widths[0]] + ['-' * (width - 1) + ':' for width in widths[1:]]
  lines = []
  for cells in (head, rule, *rows):
    first, *rest = zip(cells, widths, strict=True)
    padded = [first[0].ljust(first[1])] + [c.rjust(w) for c, w in rest]
    lines.append(f'| {" | ".join(padded)} |')
  return '\n'.join(lines)
