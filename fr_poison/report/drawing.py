"""One look for all figures, and their export for pages and papers."""

import contextlib
import io
import warnings
from collections.abc import Container, Mapping, Sequence
from typing import Any, NamedTuple
from xml.etree import ElementTree

import matplotlib
import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from fr_poison.report import words
from fr_poison.types import InputError

_SVG, _XLINK = '{http://www.w3.org/2000/svg}', '{http://www.w3.org/1999/xlink}'
ElementTree.register_namespace('', _SVG[1:-1])
_MAX_LINES = 3  # of a row's label
_WIDTH = 4.6  # inches, at 72 points each: on a phone, text keeps its size
# Okabe and Ito's, of those that have a contrast of 3:1 on white and on black.
_COLORS = ('#0072B2', '#D55E00', '#009E73', '#B8609A', '#8A7A00', '#7570D5')
_MARKERS = 'osD^vPX*'  # so that colour is never the only difference
_DASHES = ('-', '--', ':', '-.')
GREY = '#808080'
INK = '#1a1a1a'
_STYLE = {
  'svg.fonttype': 'none',  # text that can be searched and read aloud
  'text.parse_math': False,  # a name may hold a dollar
  'figure.constrained_layout.use': True,
  'font.size': 11,
  'legend.frameon': False,
  'legend.fontsize': 11,
  'axes.spines.top': False,
  'axes.spines.right': False,
  'axes.grid': True,
  'axes.axisbelow': True,
  'grid.color': '#80808040',
  'svg.id': None,
} | dict.fromkeys(
  (
    *('text.color', 'axes.edgecolor', 'axes.labelcolor'),
    *('xtick.color', 'ytick.color', 'axes.titlecolor'),
  ),
  INK,
)
_CSS = """
.figure { color: %s; }
.figure text {
  font-family: system-ui, 'Helvetica Neue', Arial, sans-serif !important;
}
@media screen and (prefers-color-scheme: dark) {
  .figure { color: #ececec; }
}
"""
_GUTTER = 4  # pixels between the pictures of a strip
_GAIN = 10  # of the difference in a strip


class Drawing(NamedTuple):
  """A figure with its words.

  The ground is transparent and the ink is the reader's scheme's in SVG; a PNG
  is for white paper.
  """

  name: str  # of its files, and of its place in a page
  title: str
  caption: str  # what is shown, how to read it
  alt: str  # what it says, for who does not see it
  figure: Figure

  def svg(self) -> bytes:
    """Draws it as SVG, which may also stand inline in a page."""
    # The salt keeps the bytes the same, and ids apart from other figures'.
    with matplotlib.rc_context({'svg.hashsalt': self.name}):
      metadata = dict.fromkeys(('Date', 'Format', 'Type', 'Creator'))
      text = self._save('svg', transparent=True, metadata=metadata)
    root = ElementTree.fromstring(text)
    for element in root.iter():
      if f'{_XLINK}href' in element.attrib:
        element.set('href', element.attrib.pop(f'{_XLINK}href'))
      if element.tag == f'{_SVG}g':
        element.attrib.pop('id', None)  # nothing refers to it
      elif element.tag == f'{_SVG}a':
        # Tables have the same links: keyboards need not pass by them twice.
        element.set('tabindex', '-1')
        element.attrib.pop('target', None)
    named = {'title': self.title, 'desc': self.alt}
    root.attrib |= {
      'role': 'img',
      'class': 'figure',
      'aria-labelledby': ' '.join(f'{self.name}-{x}' for x in named),
    }
    for place, (tag, words_) in enumerate(named.items()):
      element = ElementTree.Element(tag, {'id': f'{self.name}-{tag}'})
      element.text = words_
      root.insert(place, element)
    svg = ElementTree.tostring(root).replace(INK.encode(), b'currentColor')
    style = f'<style>{_CSS % INK}</style></svg>'
    return svg.removesuffix(b'</svg>') + style.encode()

  def png(self) -> bytes:
    """Draws it as PNG at 200 dots an inch."""
    return self._save('png', dpi=200, metadata={'Software': None})

  def _save(self, kind, **settings):
    file = io.BytesIO()
    with _styled():
      self.figure.savefig(file, format=kind, **settings)
    return file.getvalue()


@contextlib.contextmanager
def _styled():
  with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
    # A name may hold letters that the font for measuring lacks.
    warnings.filterwarnings('ignore', 'Glyph')
    yield


class Series(NamedTuple):
  """Rates in [0, 1] with their 95% intervals, by row or by number."""

  label: str
  points: Mapping[Any, tuple[float, Sequence[float]]]
  style: Mapping[str, Any]  # see `look`
  kind: str = ''  # what tells it from others of its label
  faint: Mapping[str, Sequence[float]] = {}  # other rates, beside the point
  notes: Mapping[str, str] = {}  # words where there is no rate
  hollow: Container[str] = ()  # rows whose marker is not filled

  def alt(self) -> str:
    """Writes the rates out, for who does not see them."""
    name = ', '.join(filter(None, (self.label, self.kind)))
    number = lambda x: x if isinstance(x, str) else f'{x:.3g}'
    rates = (
      f'{words.percent(rate)}% ({number(x)})'
      for x, (rate, _) in self.points.items()
    )
    return f'{name}: {", ".join(rates)}'


def look(index: int | None) -> dict:
  """Returns a series' colour, marker and dashes; None is that of no cloak."""
  if index is None:
    return {'color': GREY, 'marker': '|', 'linestyle': '-'}
  return {
    'color': _COLORS[index % len(_COLORS)],
    'marker': _MARKERS[index % len(_MARKERS)],
    'linestyle': _DASHES[index // len(_COLORS) % len(_DASHES)],
  }


def axes(height: float, num_series: int, rows: int = 1, columns: int = 1):
  """Makes a figure, and its [rows, columns] axes.

  Args:
    height: of the axes, in inches.
    num_series: in the legend.
    rows: of axes.
    columns: of axes.
  """
  with _styled():
    figure = Figure(figsize=(_WIDTH, height + 0.7 + 0.22 * num_series))
    return figure, figure.subplots(rows, columns, squeeze=False)


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
  """Makes a figure without axes, to draw on in points from its upper left."""
  with _styled():
    figure = Figure(figsize=(width / 72, height / 72), layout='none')
    axis = figure.add_axes((0, 0, 1, 1))
  axis.set(xlim=(0, width), ylim=(height, 0))
  axis.set_axis_off()
  return figure, axis


def legend(figure: Figure, axis: Axes) -> Figure:
  """Puts the series of an axis under the finished figure, a label once."""
  known = {}
  for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
    known.setdefault(label, handle)
  with _styled():
    figure.legend(known.values(), known, loc='outside lower left')
    # Once and for all: every drawing would move things a little.
    figure.draw_without_rendering()
    figure.set_layout_engine('none')
  return figure


def dot_plot(
  rows: Sequence[str], series: Sequence[Series], label: str
) -> Figure:
  """Draws rates to the right, rows from top to bottom, a marker each series.

  Args:
    rows: names, each once.
    series: what to show in them.
    label: of the x axis.
  """
  figure, [[axis]] = axes(0.18 * len(rows) * (len(series) + 1), len(series))
  for i, one in enumerate(series):
    shift = (i - (len(series) - 1) / 2) / (len(series) + 1)
    for y, row in enumerate(rows):
      _dot(axis, one, row, y + shift)
    style = one.style | {'linestyle': 'none'}
    axis.plot([], [], label=words.short(one.label, 44), **style)
  axis.set(ylim=(len(rows) - 0.5, -0.5), yticks=range(len(rows)))
  labels = ['\n'.join(words.in_lines(row, 26)[:_MAX_LINES]) for row in rows]
  axis.set_yticklabels(labels)
  axis.set(xlim=(-3, 103), xticks=range(0, 101, 25), xlabel=label)
  axis.grid(axis='y', visible=False)
  for y in range(1, len(rows)):
    axis.axhline(y - 0.5, color='#80808040', linewidth=0.8)
  return legend(figure, axis)


def line_plot(
  series: Sequence[Series], label: str, scale: str = 'linear'
) -> Figure:
  """Draws rates, with bars for their intervals, against numbers.

  Args:
    series: lines, whose points have numbers.
    label: of the x axis.
    scale: of it, as matplotlib names them.
  """
  figure, [[axis]] = axes(3, len({one.label for one in series}))
  for one in series:
    rates, ends = zip(*one.points.values(), strict=True)
    low, high = 100 * np.transpose(ends)
    axis.plot(
      list(one.points),
      [100 * rate for rate in rates],
      label=words.short(one.label, 44),
      **one.style | {'markersize': 5},
    )
    axis.vlines(list(one.points), low, high, one.style['color'], lw=1)
  axis.set(ylim=(-3, 103), xlabel=label, ylabel='protection rate, %')
  axis.set_xscale(scale)
  if scale == 'symlog':
    axis.set_xlim(left=-0.5)
  axis.set_xticks(sorted({x for one in series for x in one.points}))
  axis.set_xticks([], minor=True)
  axis.xaxis.set_major_formatter(ticker.EngFormatter(sep=''))
  return legend(figure, axis)


def contrasting(color: Sequence[float]) -> str:
  """Returns black or white: what stands out more from RGB (WCAG 2)."""
  color = np.asarray(color)[:3]
  linear = np.where(
    color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4
  )
  luminance = linear @ [0.2126, 0.7152, 0.0722]
  is_bright = (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05)
  return 'black' if is_bright else 'white'


def strip(original: np.ndarray, cloaked: np.ndarray) -> bytes:
  """Draws original, cloaked, and ten times their difference side by side.

  The difference is around mid-grey; one line of pictures for each of N.

  Args:
    original: [N, H, W, 3] uint8 RGB, N > 0.
    cloaked: likewise, the same pictures.

  Returns:
    A PNG; between the pictures it is transparent.

  Raises:
    InputError: shapes or dtypes are others.
  """
  original, cloaked = np.asarray(original), np.asarray(cloaked)
  for images in (original, cloaked):
    is_rgb = images.ndim == 4 and images.shape[-1] == 3 and images.size
    if images.dtype != np.uint8 or not is_rgb or images.shape != original.shape:
      raise InputError(
        f'strip: expected uint8 [N, H, W, 3], twice, got {images.dtype} '
        f'{list(images.shape)} beside {list(original.shape)}'
      )
  change = cloaked.astype(np.int16) - original
  change = np.clip(128 + _GAIN * change, 0, 255).astype(np.uint8)
  images = np.stack([original, cloaked, change], axis=1)  # [N, 3, H, W, 3]
  opaque = np.full((*images.shape[:-1], 1), 255, np.uint8)
  images = np.concatenate([images, opaque], axis=-1)
  gutters = [(0, 0), (0, 0), (0, _GUTTER), (0, _GUTTER), (0, 0)]
  images = np.pad(images, gutters).swapaxes(1, 2)  # [N, H, 3, W, 4]
  n, height, columns, width, _ = images.shape
  whole = images.reshape(n * height, columns * width, 4)
  png = io.BytesIO()
  Image.fromarray(whole[:-_GUTTER, :-_GUTTER]).save(png, 'PNG')
  return png.getvalue()


def _dot(axis, series, row, y):
  style = series.style | {'linestyle': 'none'}
  faint = [100 * x for x in series.faint.get(row, ())]
  axis.plot(faint, [y] * len(faint), alpha=0.45, markersize=4, **style)
  if row in series.points:
    rate, (low, high) = series.points[row]
    reach = [[max(100 * (rate - low), 0)], [max(100 * (high - rate), 0)]]
    fill = {'markerfacecolor': 'none'} if row in series.hollow else {}
    axis.errorbar([100 * rate], [y], xerr=reach, markersize=7, **(style | fill))
  elif row in series.notes:
    axis.text(0, y, series.notes[row], va='center', color=style['color'])
