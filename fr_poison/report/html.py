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
from fr_poison.report import grid as grid_lib
from fr_poison.report import plots, summary, tables
from fr_poison.report import records as records_lib

_ENVIRONMENT = jinja2.Environment(
  autoescape=True,
  undefined=jinja2.StrictUndefined,
  trim_blocks=True,
  lstrip_blocks=True,
)
_TEMPLATE = pathlib.Path(__file__).with_name('template.html')


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
  text = _ENVIRONMENT.from_string(_TEMPLATE.read_text('utf-8')).render(
    title=title,
    grid=grid_lib.arrange(records),
    percent=grid_lib.percent,
    interval=lambda ci: grid_lib.interval(ci, '–'),
    measures=tables.measures,
    # ElementTree has escaped every name in it.
    heat_map=markupsafe.Markup(plots.heat_map(records).decode()),
    sentences=summary.sentences(records),
    strips=[
      (_label(strip), strip.caption, _data_uri(strip)) for strip in strips
    ],
    values=lambda name: summary.values(records, name),
    not_tested=summary.not_tested(records),
    provenance=summary.provenance(records),
    version=version.__version__,
  )
  records_lib.write_text(path, text)


def _label(strip):
  return f'{grid_lib.attack_name(strip.attack)} for {strip.surrogate}'


def _data_uri(strip):
  png = plots.strip(strip.original, strip.cloaked)
  return f'data:image/png;base64,{base64.b64encode(png).decode()}'
