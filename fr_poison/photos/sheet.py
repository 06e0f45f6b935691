"""A preview to look at: some originals, their cloaks, and what changed."""

import os
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fr_poison import files
from fr_poison.data import decode
from fr_poison.types import InputError

_MOST = 6  # pictures
_SIDE, _GAP, _LINE = 240, 8, 22  # pixels: of a panel, around it, of a text
_GAIN = 10
_HEADS = 'original', 'cloak', f'difference x {_GAIN}'
_PAPER, _INK = 250, 30


def place(output: str | os.PathLike) -> pathlib.Path:
  """Names the sheet of a folder of cloaks: `OUTPUT-preview.png` beside it.

  Not inside: who publishes the folder would publish the originals.
  """
  folder = pathlib.Path(os.path.abspath(output))
  return folder.with_name(f'{folder.name}-preview.png')


def write(
  source: str | os.PathLike,
  output: str | os.PathLike,
  rows: Sequence[dict],
) -> pathlib.Path:
  """Writes the sheet of a few cloaks, spread over all; returns where it is.

  Of a picture it shows the largest face, or all of it where it was cloaked as a
  whole.

  Args:
    source: the folder of the pictures.
    output: the folder of their cloaks.
    rows: of the manifest, of pictures that are cloaked, at least one.

  Raises:
    InputError: a picture cannot be read, is another one by now, or the sheet
      cannot be written.
  """
  chosen = np.linspace(0, len(rows) - 1, min(_MOST, len(rows))).astype(int)
  width = _GAP + len(_HEADS) * (_SIDE + _GAP)
  height = _LINE + _GAP + len(chosen) * (_SIDE + _LINE + _GAP)
  page = Image.new('RGB', (width, height), (_PAPER,) * 3)
  for column, head in enumerate(_HEADS):
    _write_text(page, column, _GAP, head)
  for line, i in enumerate(chosen):
    top = _LINE + _GAP + line * (_SIDE + _LINE + _GAP)
    for column, panel in enumerate(_panels(source, output, rows[i])):
      left = _GAP + column * (_SIDE + _GAP)
      page.paste(panel, (left + (_SIDE - panel.width) // 2, top))
    _write_text(page, 0, top + _SIDE, rows[i]['input'])
  path = place(output)
  files.write_atomic(path, decode.encode_png(np.asarray(page)))
  return path


def _panels(source, output, row):
  """Original, cloak and difference of one picture, no side above `_SIDE`."""
  original = decode.read_image(pathlib.Path(source, row['input']))
  cloak = decode.read_image(pathlib.Path(output, row['output']))
  if original.shape != cloak.shape:
    raise InputError(f'{row["input"]}: of another size than its cloak')
  left, top, right, bottom = 0, 0, *original.shape[1::-1]
  if row['faces']:
    left, top, right, bottom = row['faces'][0]['box']
  original, cloak = (x[top:bottom, left:right] for x in (original, cloak))
  change = _GAIN * (cloak.astype(np.int16) - original) + 128
  change = np.clip(change, 0, 255).astype(np.uint8)
  scale = _SIDE / max(original.shape[:2])
  size = [max(1, round(scale * side)) for side in original.shape[1::-1]]
  return [
    Image.fromarray(x).resize(size, Image.Resampling.BICUBIC)
    for x in (original, cloak, change)
  ]


def _write_text(page, column, top, text):
  """Letters that the font that comes with Pillow lacks are a '?'."""
  text = text.encode('latin-1', 'replace').decode('latin-1')
  ImageDraw.Draw(page).text(
    (_GAP + column * (_SIDE + _GAP), top),
    text,
    fill=(_INK,) * 3,
    font=ImageFont.load_default(size=14),
  )
