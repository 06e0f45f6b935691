"""The heat map of protection rates, and strips of cloaked pictures."""

import io
from collections.abc import Mapping
from xml.etree import ElementTree

import matplotlib
import numpy as np
from PIL import Image

from fr_poison import types
from fr_poison.report import grid as grid_lib

_COLORMAP = matplotlib.colormaps['viridis']
# Lengths of the heat map, in CSS pixels: four networks fit a phone.
_CELL_WIDTH, _CELL_HEIGHT, _GAP, _CHARACTER = 84, 40, 4, 7.4
_HEAD, _LABEL, _GROUP_GAP, _FOOT, _SCALE = 40, 20, 14, 52, 200
_LINE, _BOLD_CHARACTER = 16, 8.2
# Under a class name, since a page may hold the drawing inline.
_STYLE = """
.heat-map { font: 13px system-ui, 'Helvetica Neue', Arial, sans-serif; }
.heat-map text { fill: #1a1a1a; }
.heat-map .cloak { font-weight: 600; }
.heat-map .minor { fill: #5c5c5c; font-size: 12px; }
.heat-map .rate { font-size: 15px; font-weight: 600; }
.heat-map .ci { font-size: 11px; }
.heat-map text.light { fill: #fff; }
.heat-map text.dark { fill: #000; }
.heat-map .own { fill: none; stroke: #1a1a1a; stroke-width: 2.5; }
.heat-map .empty { fill: #8883; }
@media screen and (prefers-color-scheme: dark) {
  .heat-map text { fill: #ececec; }
  .heat-map .cloak { font-weight: 600; }
.heat-map .minor { fill: #a8a8a8; }
  .heat-map .own { stroke: #fff; }
}
"""
_GUTTER = 4  # pixels between the pictures of a strip
_GAIN = 10  # of the difference in a strip


def heat_map(
  records: list[dict], anchors: Mapping[int, str] | None = None
) -> bytes:
  """Protection rates, cloaks in rows against trainers in columns, as SVG.

  Each cell says its number and 95% interval; that of the network the cloak
  was made for is framed; the noise control is the row under its cloak. The
  ground is transparent, the ink follows the reader's light or dark scheme.

  Args:
    records: valid records, see `records`.
    anchors: where on the same page a record is, by its id(); cells lead there.

  Raises:
    InputError: as `grid.arrange`.
  """
  grid, anchors = grid_lib.arrange(records), anchors or {}
  svg = ElementTree.Element(
    'svg', {'xmlns': 'http://www.w3.org/2000/svg', 'class': 'heat-map'}
  )
  ElementTree.SubElement(svg, 'style').text = _STYLE
  heads = [grid_lib.in_lines(name, 18) for name in grid.columns]
  longest = max(len(line) for head in heads for line in head)
  width = max(_CELL_WIDTH, round(_CHARACTER * longest))
  lefts = [_GAP + i * (width + _GAP) for i in range(len(heads))]
  _text(svg, _GAP, 12, 'recognizer built on', 'minor', 'start')
  for left, head in zip(lefts, heads, strict=True):
    for i, line in enumerate(head):
      _text(svg, left + width / 2, 32 + i * _LINE, line)

  top = _HEAD + _LINE * (max(map(len, heads)) - 1)
  for i, row in enumerate(grid.rows):
    top += _GROUP_GAP if i and row.kind != 'noise' else 0
    kind = 'minor' if row.kind == 'noise' else 'cloak'
    _text(svg, _GAP, top + 13, row.label, kind, 'start')
    top += _LABEL
    for left, column in zip(lefts, grid.columns, strict=True):
      anchor = anchors.get(id(row.cells.get(column)))
      _cell(_link(svg, anchor), left, top, width, row, column)
    top += _CELL_HEIGHT + _GAP

  _scale(svg, _GAP, top + 20)
  longest = max(len(row.label) for row in grid.rows)
  right = max(lefts[-1] + width, _SCALE, round(_BOLD_CHARACTER * longest))
  return _finish(svg, right + _GAP, top + _FOOT)


def strip(original: np.ndarray, cloaked: np.ndarray) -> bytes:
  """Original, cloaked, and ten times their difference side by side, as PNG.

  The difference is around mid-grey; one line of pictures for each of N.

  Args:
    original: [N, H, W, 3] uint8 RGB, N > 0.
    cloaked: likewise, the same pictures.

  Raises:
    InputError: shapes or dtypes are others.
  """
  original, cloaked = np.asarray(original), np.asarray(cloaked)
  _check_strip(original, cloaked)
  change = cloaked.astype(np.int16) - original
  change = np.clip(128 + _GAIN * change, 0, 255).astype(np.uint8)
  images = np.stack([original, cloaked, change], axis=1)  # [N, 3, H, W, 3]
  n, columns, height, width, _ = images.shape
  # Pictures stand on a transparent ground, which takes the page's colour.
  canvas = np.zeros(
    (n, height + _GUTTER, columns, width + _GUTTER, 4), np.uint8
  )
  canvas[:, :height, :, :width, :3] = images.swapaxes(1, 2)
  canvas[:, :height, :, :width, 3] = 255
  canvas = canvas.reshape(
    n * (height + _GUTTER), columns * (width + _GUTTER), 4
  )
  png = io.BytesIO()
  Image.fromarray(canvas[:-_GUTTER, :-_GUTTER]).save(png, 'PNG')
  return png.getvalue()


def _check_strip(original, cloaked):
  for images in (original, cloaked):
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
      raise types.InputError(
        f'strip: expected uint8 [N, H, W, 3], got {images.dtype} '
        f'{list(images.shape)}'
      )
  if original.shape != cloaked.shape or not original.size:
    raise types.InputError(
      f'strip: {list(original.shape)} originals, {list(cloaked.shape)} cloaked'
    )


def _finish(svg, width, height):
  svg.attrib |= {
    'width': f'{width}',
    'height': f'{height}',
    'viewBox': f'0 0 {width} {height}',
    'style': f'min-width: {width}px',  # a page may enlarge it only
  }
  return ElementTree.tostring(svg)


def _link(svg, anchor):
  if anchor is None:
    return svg
  # The table has the same links: keyboards need not pass by all of them twice.
  attributes = {'href': f'#{anchor}', 'tabindex': '-1'}
  return ElementTree.SubElement(svg, 'a', attributes)


def _cell(svg, x, y, width, row, column):
  group = ElementTree.SubElement(svg, 'g')
  record = row.cells.get(column)
  if record is None:
    _rect(group, x, y, width, _CELL_HEIGHT, {'class': 'empty'})
    return
  rate = grid_lib.percent(record['protection_rate'])
  ci = grid_lib.interval(record['protection_ci'], '–')
  title = ElementTree.SubElement(group, 'title')
  title.text = f'{row.label}, against {column}: {rate}% ({ci}%)'
  color = np.array(_COLORMAP(float(record['protection_rate']))[:3])
  fill = {'fill': matplotlib.colors.to_hex(color)}
  _rect(group, x, y, width, _CELL_HEIGHT, fill)
  if row.is_own(column):  # the frame lies in the gap, not on the number
    _rect(group, x - 2, y - 2, width + 4, _CELL_HEIGHT + 4, {'class': 'own'})
  ink = _ink(color)
  _text(group, x + width / 2, y + 19, rate, f'rate {ink}')
  _text(group, x + width / 2, y + 33, ci, f'ci {ink}')


def _ink(color):
  """The one of black and white that stands out more (WCAG 2 contrast)."""
  linear = np.where(
    color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4
  )
  luminance = linear @ [0.2126, 0.7152, 0.0722]
  is_bright = (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05)
  return 'dark' if is_bright else 'light'


def _scale(svg, x, y):
  gradient = ElementTree.SubElement(
    svg, 'linearGradient', {'id': 'heat-map-scale'}
  )
  for rate in np.linspace(0, 1, 17):
    color = matplotlib.colors.to_hex(_COLORMAP(rate))
    stop = {'offset': f'{rate:.4f}', 'stop-color': color}
    ElementTree.SubElement(gradient, 'stop', stop)
  _rect(svg, x, y, _SCALE, 8, {'fill': 'url(#heat-map-scale)'})
  _text(svg, x, y + 22, '0%', 'minor', 'start')
  _text(svg, x + _SCALE / 2, y + 22, 'protection rate', 'minor')
  _text(svg, x + _SCALE, y + 22, '100%', 'minor', 'end')


def _rect(parent, x, y, width, height, style):
  size = {'x': x, 'y': y, 'width': width, 'height': height}
  size = {name: f'{value:g}' for name, value in size.items()}
  ElementTree.SubElement(parent, 'rect', size | {'rx': '3'} | style)


def _text(parent, x, y, text, kind='', anchor='middle'):
  style = {'x': f'{x:g}', 'y': f'{y:g}', 'text-anchor': anchor}
  style |= {'class': kind} if kind else {}
  ElementTree.SubElement(parent, 'text', style).text = text
