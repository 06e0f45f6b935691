"""A tree like LFW's, whose people are a colour each."""

import pathlib

import numpy as np

from fr_poison.data import decode

COLOURS = {
  'Ann': (200, 60, 60),
  'Bob': (60, 200, 60),
  'Cat': (60, 60, 200),
  'Dan': (200, 200, 60),
}
# Two folds of two pairs of one person, and of two.
PAIRS = """2\t2
Ann\t1\t2
Bob\t1\t2
Ann\t1\tBob\t1
Ann\t2\tBob\t2
Cat\t1\t2
Dan\t1\t2
Cat\t1\tDan\t1
Cat\t2\tDan\t2
"""


def make(root: pathlib.Path) -> pathlib.Path:
  """Draws two pictures of each and writes the pairs; returns the folder."""
  for name, colour in COLOURS.items():
    for number in (1, 2):
      draw(root, name, number, colour)
  (root / 'protocol').mkdir()
  (root / 'protocol' / 'pairs.txt').write_text(PAIRS)
  return root


def draw(root: pathlib.Path, name: str, number: int, colour: tuple) -> None:
  """Draws a person's picture of that number."""
  path = root / 'lfw' / name / f'{name}_{number:04}.jpg'
  path.parent.mkdir(parents=True, exist_ok=True)
  flat = np.full([25, 25, 3], colour, np.uint8)
  path.write_bytes(decode.encode_jpeg(flat))
