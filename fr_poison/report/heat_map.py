"""The heat map of protection rates: cloaks in rows, trainers in columns."""

import matplotlib
import numpy as np
from matplotlib.patches import Rectangle

from fr_poison.report import drawing, record_file, words
from fr_poison.report.drawing import Drawing
from fr_poison.report.grid import Grid

_COLORMAP = matplotlib.colormaps['viridis']
# Lengths of the heat map, in points: four networks fit a phone.
_CELL_WIDTH, _CELL_HEIGHT, _GAP, _CHARACTER, _BOLD = 84, 40, 4, 7.4, 8.2
_LABEL, _LINE, _FOOT, _SCALE = 20, 16, 52, 200
_NUM_STEPS = 20  # of its scale


def draw(grid: Grid, name: str = 'heat_map', linked: bool = False) -> Drawing:
  """Draws protection rates, cloaks in rows against trainers in columns.

  Each cell says its number and 95% interval; that of the network the cloak
  was made for is framed; the noise control is the row under its cloak.

  Args:
    grid: of the records.
    name: of the drawing.
    linked: whether cells lead to their records on the same page.
  """
  heads = [words.in_lines(column, 18) for column in grid.columns]
  longest = max(len(line) for head in heads for line in head)
  width = max(_CELL_WIDTH, round(_CHARACTER * longest))
  tops, bottom = [], 24 + _LINE * max(map(len, heads))
  for row in grid.rows:
    tops.append(bottom + (0 if row.kind == 'noise' else 14))
    bottom = tops[-1] + _LABEL + _CELL_HEIGHT + _GAP
  longest = max(len(row.label) for row in grid.rows)
  right = max(len(heads) * (width + _GAP), _SCALE, round(_BOLD * longest))
  figure, axis = drawing.canvas(right + _GAP, bottom + _FOOT)
  minor = {'size': 12, 'alpha': 0.7}
  _text(axis, _GAP, 12, 'recognizer built on', **minor)
  for i, head in enumerate(heads):
    x = _GAP + i * (width + _GAP) + width / 2
    for j, line in enumerate(head):
      _text(axis, x, 32 + j * _LINE, line, ha='center')
  for top, row in zip(tops, grid.rows, strict=True):
    style = minor if row.kind == 'noise' else {'weight': 'bold'}
    _text(axis, _GAP, top + 13, row.label, **style)
    for i, column in enumerate(grid.columns):
      x = _GAP + i * (width + _GAP)
      _cell(axis, x, top + _LABEL, width, row, column, linked)
  _scale(axis, bottom + 20, minor)
  alt = 'The same numbers as in the table of protection rates.'
  return Drawing(name, 'Protection rate at one glance', '', alt, figure)


def _cell(axis, x, y, width, row, column, linked):
  record = row.cells.get(column)
  rate, ci = words.rate(record, 'protection', '–')
  color = _COLORMAP(record['protection_rate']) if record else '#88888833'
  url = (
    f'#{record_file.anchor(row.sources[column])}' if record and linked else None
  )
  box = Rectangle((x, y), width, _CELL_HEIGHT, facecolor=color, url=url)
  axis.add_patch(box)
  if not record:
    return
  if row.is_own(column):  # the frame lies in the gap, not on the number
    frame = Rectangle((x - 2, y - 2), width + 4, _CELL_HEIGHT + 4)
    frame.set(fill=False, edgecolor=drawing.INK, linewidth=2.5)
    axis.add_patch(frame)
  style = {'ha': 'center', 'color': drawing.contrasting(color), 'url': url}
  _text(axis, x + width / 2, y + 19, rate, size=15, weight='bold', **style)
  _text(axis, x + width / 2, y + 33, ci, size=11, **style)


def _scale(axis, y, style):
  steps = np.linspace(0, 1, _NUM_STEPS)
  edges = np.linspace(_GAP, _GAP + _SCALE, _NUM_STEPS + 1)
  for rate, left, right in zip(steps, edges, edges[1:], strict=False):
    color = _COLORMAP(rate)
    box = Rectangle((left, y), right - left, 8, color=color, linewidth=0.5)
    axis.add_patch(box)
  for share, text, side in (
    (0, '0%', 'left'),
    (0.5, 'protection rate', 'center'),
    (1, '100%', 'right'),
  ):
    _text(axis, _GAP + share * _SCALE, y + 22, text, ha=side, **style)


def _text(axis, x, y, text, **style):
  # A name may hold a dollar.
  style = {'color': drawing.INK, 'size': 13, 'parse_math': False} | style
  axis.text(x, y, words.clean(text), **style)
