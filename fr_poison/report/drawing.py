"""One look for all figures, and their export for pages and papers."""

import contextlib
import io
import re
import warnings
from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple

import markupsafe
import matplotlib
from matplotlib.figure import Figure

from fr_poison.report import grid

_MAX_LINES = 3  # of a row's label
_WIDTH = 4.6  # inches, at 72 points each: on a phone, text keeps its size
# Okabe and Ito's, of those that have a contrast of 3:1 on white and on black.
_COLORS = ('#0072B2', '#D55E00', '#009E73', '#B8609A', '#8A7A00', '#7570D5')
_MARKERS = 'osD^vPX*'  # so that colour is never the only difference
_DASHES = ('-', '--', ':', '-.')
GREY = '#808080'
_INK = '#1a1a1a'
_STYLE = {
  'svg.fonttype': 'none',  # text that can be searched and read aloud
  'svg.hashsalt': 'fr_poison',  # the same bytes every time
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
  _INK,
)
_FONTS = "system-ui, 'Helvetica Neue', Arial, sans-serif"
_HEAD = """\
<svg role="img" aria-labelledby="{name}-title {name}-desc" class="figure"\
{attributes}>
<title id="{name}-title">{title}</title>
<desc id="{name}-desc">{alt}</desc>
<style>
.figure {{ color: #1a1a1a; }}
@media screen and (prefers-color-scheme: dark) {{
  .figure {{ color: #ececec; }}
}}
</style>"""


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
    """As SVG, which may also stand inline in a page."""
    text = self._save('svg', metadata={'Date': None}).decode()
    head, text = text[text.index('<svg') + 4 :].split('>', 1)
    text = re.sub(r'<metadata>.*?</metadata>', '', text, flags=re.DOTALL)
    # Figures share a page, where an id must be one element's.
    text = re.sub(r'\bid="', f'id="{self.name}-', text)
    text = re.sub(r'(url\(|href=")#', rf'\1#{self.name}-', text)
    text = text.replace(_INK, 'currentColor')
    text = re.sub(r"'DejaVu Sans'[^;\"]*", _FONTS, text)
    words = {k: markupsafe.escape(v) for k, v in self._asdict().items()}
    return (_HEAD.format(**words, attributes=head) + text).encode()

  def png(self) -> bytes:
    """As PNG at 200 dots an inch."""
    return self._save('png', dpi=200, metadata={'Software': None})

  def _save(self, kind, **settings):
    file = io.BytesIO()
    with _styled():
      self.figure.savefig(
        file, format=kind, transparent=kind == 'svg', **settings
      )
    return file.getvalue()


@contextlib.contextmanager
def _styled():
  with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
    # A name may hold letters that the font for measuring lacks.
    warnings.filterwarnings('ignore', 'Glyph')
    yield


class Dots(NamedTuple):
  """One series of a dot plot, by the names of its rows; rates in [0, 1]."""

  label: str
  points: dict[str, tuple[float, Sequence[float]]]  # rate, 95% interval
  faint: Mapping[str, Sequence[float]] = {}  # other rates, beside the point
  notes: Mapping[str, str] = {}  # words where there is no rate
  hollow: Container[str] = ()  # rows whose marker is not filled
  is_grey: bool = False


def dot_plot(rows: Sequence[str], series: Sequence[Dots], label: str) -> Figure:
  """Rates to the right, rows from top to bottom, a marker each series.

  Args:
    rows: names, each once.
    series: what to show in them.
    label: of the x axis.
  """
  figure, [[axis]] = axes(0.18 * len(rows) * (len(series) + 1), len(series))
  for i, dots in enumerate(series):
    style = look(i) | {'linestyle': 'none'}
    if dots.is_grey:
      style |= {'color': GREY, 'marker': '|'}
    shift = (i - (len(series) - 1) / 2) / (len(series) + 1)
    for y, row in enumerate(rows):
      _dot(axis, dots, row, y + shift, style)
    axis.plot([], [], label=short(dots.label, 44), **style)
  axis.set(ylim=(len(rows) - 0.5, -0.5), yticks=range(len(rows)))
  labels = ['\n'.join(grid.in_lines(row, 26)[:_MAX_LINES]) for row in rows]
  axis.set_yticklabels(labels)
  axis.set(xlim=(-3, 103), xticks=range(0, 101, 25), xlabel=label)
  axis.grid(axis='y', visible=False)
  for y in range(1, len(rows)):
    axis.axhline(y - 0.5, color='#80808040', linewidth=0.8)
  legend(figure, axis)
  return figure


def protection(cells: Mapping[str, dict]) -> dict:
  """row -> record, as the points of `Dots`."""
  return {
    row: (r['protection_rate'], r['protection_ci']) for row, r in cells.items()
  }


def _dot(axis, dots, row, y, style):
  faint = [100 * x for x in dots.faint.get(row, ())]
  axis.plot(faint, [y] * len(faint), alpha=0.45, markersize=4, **style)
  if row in dots.points:
    rate, (low, high) = dots.points[row]
    reach = [[max(100 * (rate - low), 0)], [max(100 * (high - rate), 0)]]
    fill = {'markerfacecolor': 'none'} if row in dots.hollow else {}
    axis.errorbar([100 * rate], [y], xerr=reach, markersize=7, **(style | fill))
  elif row in dots.notes:
    axis.text(0, y, dots.notes[row], va='center', color=style['color'])


def axes(height: float, num_series: int, rows: int = 1, columns: int = 1):
  """A figure, and its [rows, columns] axes.

  Args:
    height: of the axes, in inches.
    num_series: in the legend.
    rows: of axes.
    columns: of axes.
  """
  with _styled():
    figure = Figure(figsize=(_WIDTH, height + 0.7 + 0.22 * num_series))
    return figure, figure.subplots(rows, columns, squeeze=False)


def look(index: int) -> dict:
  """The style of the series of that number: colour, marker, dashes."""
  return {
    'color': _COLORS[index % len(_COLORS)],
    'marker': _MARKERS[index % len(_MARKERS)],
    'linestyle': _DASHES[index // len(_COLORS) % len(_DASHES)],
  }


def legend(figure: Figure, axis) -> None:
  """Puts the series of an axis under the finished figure, a label once."""
  known = {}
  for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
    known.setdefault(label, handle)
  with _styled():
    figure.legend(known.values(), known, loc='outside lower left')
    # Once and for all: every drawing would move things a little.
    figure.draw_without_rendering()
    figure.set_layout_engine('none')


def short(name: str, longest: int = 30) -> str:
  """A name for a label: one line, and at most so many characters."""
  name = grid.clean(name)
  return name if len(name) <= longest else name[: longest - 1] + '…'
