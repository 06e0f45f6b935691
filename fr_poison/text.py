"""Text for people: names from others' files cannot steer a terminal."""

import sys
from typing import TextIO


def clean(text: object) -> str:
  """Writes as an escape what is no visible letter, but for line ends and tabs.

  Terminals take orders (colours, titles, the clipboard) from such characters,
  others hide or turn around what stands beside them.
  """
  return ''.join(
    c if c.isprintable() or c in '\n\t' else ascii(c)[1:-1] for c in str(text)
  )


def show(*values: object, sep: str = ' ', file: TextIO | None = None) -> None:
  """Prints, flushed, what was cleaned before; to standard output by default."""
  print(clean(sep.join(map(str, values))), file=file or sys.stdout, flush=True)
