"""The heat map of protection rates: cloaks in rows, trainers in columns."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fr_poison.report import drawing, record_file, words
from fr_poison.report.grid import Grid

_COLORMAP = matplotlib.colormaps['viridis']
BRIGHT = 0.43  # the rate from which on black stands out more (WCAG 2)
# Lengths of the heat map, in points: four networks fit a phone.
_CELL_WIDTH, _CELL_HEIGHT, _GAP, _CHARACTER, _BOLD = 84, 40, 4, 7.4, 8.2
_LABEL, _LINE, _FOOT, _SCALE = 20, 16, 52, 200
_MINOR = {'size': 12, 'alpha': 0.7}


def draw(
  grid: Grid, name: str = 'heat_map', linked: bool = False
) -> drawing.Drawing:
  """Draws protection rates, cloaks in rows against trainers in columns.

  Each cell says its number and 95% interval; that of the network the cloak
  was made for is framed; the noise control is the row under its cloak.

  Args:
    grid: of the records.
    name: of the drawing.
    linked: whether cells lead to their records on the same page.
  """
  heads = [drawing.in_lines(column, 18) for column in grid.columns]
  longest = max(len(line) for head in heads for line in head)
  width = max(_CELL_WIDTH, round(_CHARACTER * longest))
  lefts = [_GAP + i * (width + _GAP) for i in range(len(heads))]
  tops, bottom = [], 24 + _LINE * max(map(len, heads))
  for row in grid.rows:
    tops.append(bottom + (0 if row.kind == 'noise' else 14))
    bottom = tops[-1] + _LABEL + _CELL_HEIGHT + _GAP
  longest = max(len(row.label) for row in grid.rows)
  right = max(len(heads) * (width + _GAP), _SCALE, round(_BOLD * longest))
  figure, axis = _canvas(right + _GAP, bottom + _FOOT)
  _text(axis, _GAP, 12, 'recognizer built on', **_MINOR)
  for x, head in zip(lefts, heads, strict=True):
    for j, line in enumerate(head):
      _text(axis, x + width / 2, 32 + j * _LINE, line, ha='center')
  for top, row in zip(tops, grid.rows, strict=True):
    style = _MINOR if row.kind == 'noise' else {'weight': 'bold'}
    _text(axis, _GAP, top + 13, row.label, **style)
    for x, column in zip(lefts, grid.columns, strict=True):
      _cell(axis, x, top + _LABEL, width, row, column, linked)
  _scale(axis, bottom + 20)
  alt = 'The same numbers as in the table of protection rates.'
  title = 'Protection rate at one glance'
  return drawing.Drawing(name, title, '', alt, figure)


def _canvas(width, height):
  """A figure without axes, to draw on in points from its upper left."""
  with drawing.styled():
    figure = Figure(figsize=(width / 72, height / 72), layout='none')
    axis = figure.add_axes((0, 0, 1, 1))
  axis.set(xlim=(0, width), ylim=(height, 0))
  axis.set_axis_off()
  return figure, axis


def _cell(axis, x, y, width, row, column, linked):
  record = row.cells.get(column)
  box = Rectangle((x, y), width, _CELL_HEIGHT, facecolor='#88888833')
  axis.add_patch(box)
  if not record:
    return
  color = _COLORMAP(record['protection_rate'])
  url = f'#{record_file.anchor(row.sources[column])}' if linked else None
  box.set(facecolor=color, url=url)
  if row.is_own(column):  # the frame lies in the gap, not on the number
    frame = Rectangle((x - 2, y - 2), width + 4, _CELL_HEIGHT + 4)
    frame.set(fill=False, edgecolor=drawing.INK, linewidth=2.5)
    axis.add_patch(frame)
  rate, ci = words.rate(record, 'protection', '–')
  ink = 'black' if record['protection_rate'] > BRIGHT else 'white'
  style = {'ha': 'center', 'color': ink, 'url': url}
  _text(axis, x + width / 2, y + 19, rate, size=15, weight='bold', **style)
  _text(axis, x + width / 2, y + 33, ci, size=11, **style)


def _scale(axis, y):
  edges = np.linspace(_GAP, _GAP + _SCALE, 21)
  style = {'cmap': _COLORMAP, 'edgecolors': 'face', 'linewidth': 0.5}
  axis.pcolormesh(edges, (y, y + 8), np.linspace(0, 1, 20)[None], **style)
  for share, text, side in (
    (0, '0%', 'left'),
    (0.5, 'protection rate', 'center'),
    (1, '100%', 'right'),
  ):
    _text(axis, _GAP + share * _SCALE, y + 22, text, ha=side, **_MINOR)


def _text(axis, x, y, text, **style):
  # A name may hold a dollar.
  style = {'color': drawing.INK, 'size': 13, 'parse_math': False} | style
  axis.text(x, y, words.clean(text), **style)
