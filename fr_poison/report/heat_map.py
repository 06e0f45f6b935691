"""The heat map of protection rates: cloaks in rows, trainers in columns."""

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fr_poison.report import drawing, record_file, words
from fr_poison.report.grid import Grid

_COLORMAP = matplotlib.colormaps['viridis']
BRIGHT = 0.43  # the rate from which on black stands out more (WCAG 2)
# Lengths in points: four networks fit a phone.
_WIDTH, _HEIGHT, _GAP, _LINE, _CHARACTER, _BOLD = 84, 40, 4, 16, 7.4, 8.2
_SCALE = 200
_MINOR = {'size': 12, 'alpha': 0.7}


def draw(
  grid: Grid, name: str = 'heat_map', linked: bool = False
) -> drawing.Drawing:
  """Draws protection rates, each cell with its number and 95% interval.

  That of the network the cloak was made for is framed; controls and saved
  cloaks are the rows under their cloak. `linked`: cells lead to their records
  on the page.
  """
  heads = [drawing.in_lines(column, 18) for column in grid.columns]
  longest = max(len(line) for head in heads for line in head)
  width = max(_WIDTH, round(_CHARACTER * longest))
  lefts = [_GAP + i * (width + _GAP) for i in range(len(heads))]
  tops, bottom = [], 24 + _LINE * max(map(len, heads))
  for row in grid.rows:
    tops.append(bottom + (20 if row.is_minor else 34))
    bottom = tops[-1] + _HEIGHT + _GAP
  label = round(_BOLD * max(len(row.label) for row in grid.rows))
  right = max(len(heads) * (width + _GAP), _SCALE, label) + _GAP
  with drawing.styled():
    size = right / 72, (bottom + 52) / 72
    figure = Figure(figsize=size, layout='none')
    axis = figure.add_axes((0, 0, 1, 1))
  axis.set(xlim=(0, right), ylim=(bottom + 52, 0))
  axis.set_axis_off()

  _text(axis, _GAP, 12, 'recognizer built on', **_MINOR)
  for x, head in zip(lefts, heads, strict=True):
    for j, line in enumerate(head):
      _text(axis, x + width / 2, 32 + j * _LINE, line, ha='center')
  for y, row in zip(tops, grid.rows, strict=True):
    style = _MINOR if row.is_minor else {'weight': 'bold'}
    _text(axis, _GAP, y - 7, row.label, **style)
    for x, column in zip(lefts, grid.columns, strict=True):
      _cell(axis, x, y, width, row, column, linked)
  _scale(axis, bottom + 20)
  title = 'Protection rate at one glance'
  alt = 'The same numbers as in the table of protection rates.'
  return drawing.Drawing(name, title, '', alt, figure)


def _cell(axis, x, y, width, row, column, linked):
  box = Rectangle((x, y), width, _HEIGHT, facecolor='#88888833')
  axis.add_patch(box)
  if not (record := row.cells.get(column)):
    return
  share = record['protection_rate']
  url = f'#{record_file.anchor(row.sources[column])}' if linked else None
  box.set(facecolor=_COLORMAP(share), url=url)
  if row.is_own(column):  # the frame lies in the gap, not on the number
    frame = Rectangle((x - 2, y - 2), width + 4, _HEIGHT + 4)
    frame.set(fill=False, edgecolor=drawing.INK, linewidth=2.5)
    axis.add_patch(frame)
  rate, ci = words.rate(record, 'protection', '–')
  ink = 'black' if share > BRIGHT else 'white'
  style = {'ha': 'center', 'color': ink, 'url': url}
  _text(axis, x + width / 2, y + 19, rate, size=15, weight='bold', **style)
  _text(axis, x + width / 2, y + 33, ci, size=11, **style)


def _scale(axis, y):
  edges = np.linspace(_GAP, _GAP + _SCALE, 21)
  style = {'cmap': _COLORMAP, 'edgecolors': 'face', 'linewidth': 0.5}
  axis.pcolormesh(edges, (y, y + 8), np.linspace(0, 1, 20)[None], **style)
  texts = ('0%', 'left'), ('protection rate', 'center'), ('100%', 'right')
  for i, (text, side) in enumerate(texts):
    _text(axis, _GAP + i * _SCALE / 2, y + 22, text, ha=side, **_MINOR)


def _text(axis, x, y, text, **style):
  # A name may hold a dollar.
  style = {'color': drawing.INK, 'size': 13, 'parse_math': False} | style
  axis.text(x, y, words.clean(text), **style)
