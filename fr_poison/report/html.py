"""The report as one self-contained HTML page."""

import base64
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import jinja2
import markupsafe
import numpy as np

from fr_poison import version
from fr_poison.report import (
  exports,
  plots,
  sources,
  study,
  summary,
  tables,
  verdict,
)
from fr_poison.report import grid as grid_lib
from fr_poison.report import records as records_lib

_ENVIRONMENT = jinja2.Environment(
  loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
  autoescape=True,
  undefined=jinja2.StrictUndefined,
  trim_blocks=True,
  lstrip_blocks=True,
)


class Run(NamedTuple):
  """Records that one table holds."""

  title: str
  grid: grid_lib.Grid
  heat_map: markupsafe.Markup
  anchors: dict[int, str]  # by the id of a record in the grid


class Strip(NamedTuple):
  """Pictures before and after one cloak, uint8 RGB [N, H, W, 3] each."""

  attack: str
  surrogate: str
  caption: str
  original: np.ndarray
  cloaked: np.ndarray


def write(
  path: str | os.PathLike,
  records: list[dict],
  strips: Sequence[Strip] = (),
  title: str = 'What is left of the cloak',
) -> None:
  """Writes the page: no script, no request, light and dark, for any width.

  Args:
    path: the file, replaced if there; its folder must exist.
    records: valid records, see `records`.
    strips: pictures to show; they leave the machine with the page.
    title: of the page.

  Raises:
    InputError: as `grid.arrange` and `plots.strip`; nothing is written.
  """
  _write(
    path,
    records,
    strips,
    title=title,
    runs=[_run('', records, ())],
    sentences=verdict.sentences(records) or summary.sentences(records),
    not_tested=summary.not_tested(records),
    drawings=[],
    is_study=False,
  )


def write_study(
  path: str | os.PathLike,
  found: sources.Sources,
  figures: study.Figures,
  strips: Sequence[Strip] = (),
) -> None:
  """Writes the page of a whole study: every number leads to its record.

  The tables can be sorted where scripts run; the page reads as well without.

  Args:
    path: as in `write`.
    found: the records, also none.
    figures: of `study.figures`.
    strips: as in `write`.

  Raises:
    InputError: as `sources.runs` and `plots.strip`; nothing is written.
  """
  records, everything = found.protection, found.all()
  runs, shown = sources.runs(records), sources.tables(records)
  known = {exports.anchor(record) for record in everything}
  csv = base64.b64encode(exports.csv_text(everything).encode(errors='replace'))
  _write(
    path,
    records,
    strips,
    title='What is left of cloaks when the trainer moves',
    runs=[_run(*run, known, n) for n, run in enumerate(shown.items())],
    sentences=study.sentences(found, runs),
    not_tested=study.not_tested(found),
    drawings=figures.drawings,
    is_study=True,
    skipped=[*map(grid_lib.clean, found.skipped), *figures.missing],
    columns=study.COLUMNS,
    rows=study.rows(everything),
    csv=f'data:text/csv;charset=utf-8;base64,{csv.decode()}',
  )


def _write(path, records, strips, **words):
  text = _ENVIRONMENT.get_template('template.html').render(
    percent=grid_lib.percent,
    interval=lambda ci: grid_lib.interval(ci, '–'),
    measures=tables.measures,
    left_out=summary.gathered(records, 'left_out'),
    holds_faces=any(strip.attack == 'given' for strip in strips),
    strips=[
      (_label(strip), strip.caption, _data_uri(strip)) for strip in strips
    ],
    values=lambda name: summary.values(records, name),
    provenance=summary.provenance(records) if records else {},
    version=version.__version__,
    id=id,
    **words,
  )
  records_lib.write_text(path, text)


def _run(title, records, known, number=0):
  grid, anchors, cloak = grid_lib.arrange(records), {}, {}
  for row in grid.rows if known else ():
    cloak = row.cells if row.kind == 'attack' else cloak
    for column, record in row.cells.items():
      name = exports.anchor(record)
      # A control may be told in its cloak's record.
      is_known = name in known
      anchors[id(record)] = name if is_known else exports.anchor(cloak[column])
  # ElementTree has escaped every name in it; an id is for one page.
  svg = plots.heat_map(records, anchors).decode()
  svg = svg.replace('heat-map-scale', f'heat-map-scale{number or ""}')
  title = f': {title}' if title else ''
  return Run(title, grid, markupsafe.Markup(svg), anchors)


def _label(strip):
  return grid_lib.cloak_name(
    grid_lib.attack_name(strip.attack), strip.surrogate
  )


def _data_uri(strip):
  png = plots.strip(strip.original, strip.cloaked)
  return f'data:image/png;base64,{base64.b64encode(png).decode()}'
