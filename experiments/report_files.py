"""The files of a report: page, tables, figures."""

import pathlib
from collections.abc import Sequence

from fr_poison.report import html, plots, records, sources, study


def write(
  found: sources.Sources,
  output: pathlib.Path,
  strips: Sequence[html.Strip] = (),
) -> None:
  """Writes the page, the tables and the figures.

  Args:
    found: the records.
    output: the folder, made if it is not there.
    strips: pictures to show.
  """
  runs, figures = sources.tables(found.protection), study.figures(found)
  (output / 'figures').mkdir(parents=True, exist_ok=True)
  for name, text in study.texts(found).items():
    records.write_text(output / name, text)
  for i, run in enumerate(runs.values(), 1):
    name = 'heat_map.svg' if i == 1 else f'heat_map_{i}.svg'
    records.write_text(output / name, plots.heat_map(run).decode())
  for drawing in figures.drawings:
    place = output / 'figures' / drawing.name
    place.with_suffix('.svg').write_bytes(drawing.svg())
    place.with_suffix('.png').write_bytes(drawing.png())
  html.write_study(output / 'report.html', found, figures, strips)
