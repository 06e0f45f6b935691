"""One look for all figures, and their export for pages and papers."""

import contextlib
import io
import textwrap
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
from fr_poison.text import clean
from fr_poison.types import InputError

_SVG, _XLINK = '{http://www.w3.org/2000/svg}', '{http://www.w3.org/1999/xlink}'
ElementTree.register_namespace('', _SVG[1:-1])
_WIDTH = 4.6  # inches, at 72 points each: on a phone, text keeps its size
_WIDE, _HEIGHTS = 11, (4.5, 7.5)  # inches, in a wide window
_TALLEST, _CM = 100, 2.54  # inches; of one
_MOST_TICKS = 20
# Okabe and Ito's, of those that have a contrast of 3:1 on white and on black.
_COLORS = ('#0072B2', '#D55E00', '#009E73', '#B8609A', '#8A7A00', '#7570D5')
_MARKERS = 'osD^vPX*'  # so that colour is never the only difference
_DASHES = ('-', '--', ':', '-.')
GREY, INK, _FAINT = '#808080', '#1a1a1a', '#80808040'
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
  'grid.color': _FAINT,
  'text.color': INK,
  'axes.edgecolor': INK,
  'axes.labelcolor': INK,
  'axes.titlecolor': INK,
  'xtick.color': INK,
  'ytick.color': INK,
}
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


@contextlib.contextmanager
def styled():
  """Draws in the look of all figures what is drawn within."""
  with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
    # A name may hold letters that the font for measuring lacks.
    warnings.filterwarnings('ignore', 'Glyph')
    yield


class TooMuchError(InputError):
  """There is more to draw than a figure bears."""


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
      root = ElementTree.fromstring(
        self._save('svg', transparent=True, metadata=metadata)
      )
    for element in root.iter():
      if link := element.attrib.pop(f'{_XLINK}href', None):
        element.set('href', link)
      if element.tag == f'{_SVG}g':
        element.attrib.pop('id', None)  # nothing refers to it
      elif element.tag == f'{_SVG}a':
        # Tables have the same links: keyboards need not pass by them twice.
        element.set('tabindex', '-1')
        element.attrib.pop('target', None)
    named = {'title': self.title, 'desc': self.alt}
    for place, (tag, text) in enumerate(named.items()):
      element = ElementTree.Element(tag, {'id': f'{self.name}-{tag}'})
      element.text = clean(text)
      root.insert(place, element)
    labels = f'{self.name}-title {self.name}-desc'
    root.attrib |= {'role': 'img', 'class': 'figure', 'aria-labelledby': labels}
    svg = ElementTree.tostring(root).replace(INK.encode(), b'currentColor')
    style = f'<style>{_CSS % INK}</style></svg>'
    return svg.removesuffix(b'</svg>') + style.encode()

  def widened(self) -> 'Drawing':
    """Lays it out for a wide window, by changing its figure: ask last."""
    with styled():
      height = np.clip(self.figure.get_figheight(), *_HEIGHTS)
      self.figure.set_size_inches(_WIDE, height)
      _settle(self.figure)
    return self._replace(name=f'{self.name}_wide')

  def png(self) -> bytes:
    """Draws it as PNG at 200 dots an inch."""
    return self._save('png', dpi=200, metadata={'Software': None})

  def _save(self, kind, **settings):
    file = io.BytesIO()
    with styled():
      self.figure.savefig(file, format=kind, **settings)
    return file.getvalue()


class Series(NamedTuple):
  """Protection rates with their 95% intervals, by row or by number."""

  label: str
  cells: Mapping[Any, dict]  # records, or their two fields
  style: Mapping[str, Any]  # see `look`
  kind: str = ''  # what it differs in from others of its label
  faint: Mapping[str, Sequence[float]] = {}  # other rates, beside the point
  hollow: Container[str] = ()  # rows whose marker is not filled

  def alt(self) -> str:
    """Writes the rates out, for who does not see them."""
    name = ', '.join(filter(None, (self.label, self.kind)))
    number = lambda x: x if isinstance(x, str) else f'{x:.3g}'
    rates = (
      f'{words.percent(record["protection_rate"])}% ({number(x)})'
      if record['protection_rate'] is not None
      else f'nobody enrolled ({number(x)})'
      for x, record in self.cells.items()
    )
    return f'{name}: {", ".join(rates)}'


def described(
  name: str, figure: Figure, shown: str | Sequence[Series], *filled: object
) -> Drawing:
  """Adds the words of texts.toml to a figure.

  Args:
    name: of the words.
    figure: the figure.
    shown: what it says, or what it is drawn from, which says it.
    *filled: into the caption.
  """
  texts = words.TEXTS['figures'][name]
  caption = texts['caption'].format(*filled)
  if not isinstance(shown, str):
    shown = '. '.join(one.alt() for one in shown)
  return Drawing(name, texts['title'], caption, shown, figure)


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
  """Makes a figure of so many inches and series in its legend, and its axes.

  Raises:
    TooMuchError: nobody would read it, nor could it be drawn in time.
  """
  height += 0.7 + 0.22 * num_series
  if height > _TALLEST:
    raise TooMuchError(f'left out, it would be {height * _CM:.0f} cm high')
  with styled():
    figure = Figure(figsize=(_WIDTH, height))
    return figure, figure.subplots(rows, columns, squeeze=False)


def legend(figure: Figure, *shown: Axes) -> Figure:
  """Puts the series of axes under the finished figure, a label once."""
  known = {}
  for axis in shown:
    for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
      known.setdefault(label, handle)
  with styled():
    figure.legend(known.values(), known, loc='outside lower left')
    _settle(figure)
  return figure


def _settle(figure):
  """Lays it out once and for all: every drawing would move things a little."""
  figure.set_layout_engine('constrained')
  figure.draw_without_rendering()
  figure.set_layout_engine('none')


def in_lines(name: str, longest: int) -> list[str]:
  """Breaks a column's or a row's name; what is after a comma stands apart."""
  parts = words.clean(name).split(words.AND)
  return [line for part in parts for line in textwrap.wrap(part, longest)]


def dot_plot(
  rows: Sequence[str], series: Sequence[Series], label: str
) -> Figure:
  """Draws rates to the right, rows from top to bottom, a marker each series."""
  figure, [[axis]] = axes(0.18 * len(rows) * (len(series) + 1), len(series))
  for i, one in enumerate(series):
    shift = (i - (len(series) - 1) / 2) / (len(series) + 1)
    for y, row in enumerate(rows):
      _dot(axis, one, row, y + shift)
    style = one.style | {'linestyle': 'none'}
    axis.plot([], [], label=words.short(one.label, 44), **style)
  axis.set(ylim=(len(rows) - 0.5, -0.5), yticks=range(len(rows)))
  axis.set_yticklabels(['\n'.join(in_lines(row, 26)[:3]) for row in rows])
  axis.set(xlim=(-3, 103), xticks=range(0, 101, 25))
  axis.set_xlabel(label, loc='right')  # it may be longer than the axis
  axis.grid(axis='y', visible=False)
  for y in range(1, len(rows)):
    axis.axhline(y - 0.5, color=_FAINT, linewidth=0.8)
  return legend(figure, axis)


def line_plot(
  series: Sequence[Series], label: str, scale: str = 'linear'
) -> Figure:
  """Draws a line each series, with bars for intervals, against its numbers.

  `label` and `scale` (as matplotlib names them) are the x axis's.
  """
  figure, [[axis]] = axes(3, len({one.label for one in series}))
  lines(axis, series, scale)
  axis.set(xlabel=label)
  return legend(figure, axis)


def lines(axis: Axes, series: Sequence[Series], scale: str = 'linear') -> None:
  """Draws the lines of `line_plot` on an axis."""
  for one in series:
    numbers, found = list(one.cells), one.cells.values()
    rates = [100 * r['protection_rate'] for r in found]
    low, high = 100 * np.transpose([r['protection_ci'] for r in found])
    style = one.style | {'label': words.short(one.label, 44)}
    axis.plot(numbers, rates, **style, markersize=5)
    axis.vlines(numbers, low, high, one.style['color'], lw=1)
  axis.set(ylim=(-3, 103), ylabel=words.RATE)
  axis.set_xscale(scale)
  ticks = sorted({x for one in series for x in one.cells})
  if scale == 'symlog':
    axis.set_xlim(left=-0.5)
    # Of two numbers too near for a label each, the larger one has it.
    pairs = zip(ticks, [*ticks[1:], np.inf], strict=True)
    ticks = [x for x, larger in pairs if larger > 2 * x]
  axis.set_xticks(ticks[:: -(-len(ticks) // _MOST_TICKS) or 1])
  axis.set_xticks([], minor=True)
  axis.xaxis.set_major_formatter(ticker.EngFormatter(sep=''))


def strip(original: np.ndarray, cloaked: np.ndarray) -> bytes:
  """Draws original, cloaked, and ten times their difference side by side.

  The difference is around mid-grey; one line of pictures for each of N > 0.

  Args:
    original: uint8 [N, H, W, 3], RGB.
    cloaked: likewise, the same pictures.

  Returns:
    A PNG; between the pictures it is transparent.

  Raises:
    InputError: shapes or dtypes are others.
  """
  original, cloaked = np.asarray(original), np.asarray(cloaked)
  kinds = {(x.dtype.name, x.shape) for x in (original, cloaked)}
  is_rgb = original.dtype == np.uint8 and original.shape[3:] == (3,)
  if len(kinds) > 1 or not is_rgb or not original.size:
    raise InputError(f'strip: expected uint8 [N, H, W, 3] twice, got {kinds}')
  change = np.clip(128 + _GAIN * (cloaked.astype(int) - original), 0, 255)
  images = np.stack([original, cloaked, change.astype(np.uint8)], axis=1)
  images = np.pad(images, [(0, 0)] * 4 + [(0, 1)], constant_values=255)
  gutters = [(0, 0), (0, 0), (0, _GUTTER), (0, _GUTTER), (0, 0)]
  images = np.pad(images, gutters).swapaxes(1, 2)  # [N, H, 3, W, 4]
  n, height, columns, width, _ = images.shape
  whole = images.reshape(n * height, columns * width, 4)
  png = io.BytesIO()
  Image.fromarray(whole[:-_GUTTER, :-_GUTTER]).save(png, 'PNG')
  return png.getvalue()


def _dot(axis, series, row, y):
  style = series.style | {'linestyle': 'none'}
  faint = np.multiply(100, series.faint.get(row, ()))
  axis.plot(faint, [y] * len(faint), alpha=0.45, markersize=4, **style)
  record = series.cells.get(row, {'protection_rate': None})
  rate = record['protection_rate']
  if rate is not None:
    low, high = record['protection_ci']
    reach = [[max(100 * (rate - low), 0)], [max(100 * (high - rate), 0)]]
    fill = {'markerfacecolor': 'none'} if row in series.hollow else {}
    axis.errorbar([100 * rate], [y], xerr=reach, markersize=7, **(style | fill))
  elif row in series.cells:
    axis.text(0, y, 'nobody enrolled', va='center', color=style['color'])
