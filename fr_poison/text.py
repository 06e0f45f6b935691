"""Text for people: names from others' files cannot steer a terminal."""

import sys
from typing import TextIO


def clean(text: object) -> str:
  """Writes as an escape what is no visible letter, but for line ends and tabs.

  Terminals take orders (colours, titles, the clipboard) from such characters,
  others hide or turn around what stands beside them, and no file can hold half
  a surrogate pair, as names that are no UTF-8 have.
  """
  text = str(text)
  if text.isprintable():
    return text
  return ''.join(
    c if c.isprintable() or c in '\n\t' else ascii(c)[1:-1] for c in text
  )


def line(text: object) -> str:
  """Puts a clean text on one line, a space for each run of white space."""
  return clean(' '.join(str(text).split()))


def count(number: int, noun: str, many: str | None = None) -> str:
  """Writes a number of things: '1 picture', '2 pictures', '3 people'.

  Args:
    number: how many.
    noun: of one.
    many: of several; None adds an s.
  """
  return f'{number} {noun if number == 1 else many or noun + "s"}'


def show(*values: object, sep: str = ' ', file: TextIO | None = None) -> None:
  """Prints, flushed, what was cleaned before; to standard output by default.

  What the file's encoding lacks is an escape, too.
  """
  file = file or sys.stdout
  text = clean(sep.join(map(str, values)))
  encoding = getattr(file, 'encoding', None) or 'utf-8'
  text = text.encode(encoding, 'backslashreplace').decode(encoding)
  print(text, file=file, flush=True)
