"""The report as one self-contained HTML page, and the folder around it."""

import base64
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import jinja2
import markupsafe
import numpy as np

from fr_poison import files, text, version
from fr_poison.report import (
  drawing,
  figures,
  headline,
  heat_map,
  prose,
  record_file,
  spreadsheet,
  tables,
  who_cloaks,
  words,
)
from fr_poison.report import grid as grids
from fr_poison.report.sources import Sources

_PAGES = jinja2.Environment(
  loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
  autoescape=True,
  finalize=lambda x: x if isinstance(x, markupsafe.Markup) else text.clean(x),
  undefined=jinja2.StrictUndefined,
  trim_blocks=True,
  lstrip_blocks=True,
)
_PAGES.globals.update(
  anchor=record_file.anchor,
  asked=who_cloaks.asked,
  inline=lambda one: markupsafe.Markup(one.svg().decode()),
  legends=tables.legends,
  measures=words.measures,
  over_seeds=words.over_seeds,
  rate=words.rate,
  seeds_legend=words.seeds_legend,
  version=version.__version__,
)
_MOST_MAPS, _MOST_CELLS = 20, 1000  # heat maps, and cells in one
_COLUMNS = (
  *('Cloak', 'Who is cloaked', 'Budget', 'Made for'),
  *('Network', 'Trainer', 'Recognizer'),
  *('Measured', '%', '95% interval', 'Accuracy, %', '95% interval', 'Seed'),
)


class Strip(NamedTuple):
  """Pictures before and after one cloak, uint8 RGB [N, H, W, 3] each."""

  attack: str
  surrogate: str
  caption: str
  original: np.ndarray
  cloaked: np.ndarray


def write(
  path: str | os.PathLike,
  shown: Sequence[grids.Grid],
  strips: Sequence[Strip] = (),
  title: str = 'What is left of the cloak',
) -> None:
  """Writes the page of a run, self-contained: no request, light and dark.

  Every number leads to its record. Tables can be sorted where scripts run; the
  page reads as well without.

  Args:
    path: the file, replaced if there; its folder must exist.
    shown: of the records, one of each cell.
    strips: pictures to show; they leave the machine with the page.
    title: of the page.

  Raises:
    InputError: as `drawing.strip`; nothing is written.
  """
  records = [r for grid in shown for r in grid.records]
  found = Sources([*{id(r): r for r in records}.values()])
  drawn = figures.draw_all(found)
  _write(path, found, shown, strips, title, drawn, drawn.missing)


def write_folder(
  found: Sources, folder: pathlib.Path, strips: Sequence[Strip] = ()
) -> None:
  """Writes the report of a whole study: page, tables, CSV, LaTeX, figures.

  Args:
    found: the records, also none.
    folder: made if it is not there.
    strips: pictures to show.

  Raises:
    InputError: as `grid.tables` and `drawing.strip`, or a file cannot be
      written.
  """
  arranged, drawn = grids.tables(found.protection), figures.draw_all(found)
  shown = [grid for grid in arranged if not grid.is_sparse]
  left_out = [f'Protection: {x.sparse_text}.' for x in arranged if x.is_sparse]
  if count := len(shown) - len(_mapped(shown)):
    left_out.append(f'Heat maps: {count} left out, of large tables or of many.')
  with files.output(folder):
    for i, grid in _mapped(shown).items():
      name = 'heat_map.svg' if i == 1 else f'heat_map_{i}.svg'
      files.write_atomic(folder / name, heat_map.draw(grid).svg())
    for one in drawn.drawings:
      place = folder / 'figures' / one.name
      files.write_atomic(place.with_suffix('.svg'), one.svg())
      files.write_atomic(place.with_suffix('.png'), one.png())
    for name, content in {
      'table.md': tables.markdown(found, shown),
      'table.tex': tables.latex(shown),
      'records.csv': spreadsheet.csv_text(found.all()),
    }.items():
      record_file.write_text(folder / name, content)
    skipped = [*map(words.clean, found.skipped), *drawn.missing, *left_out]
    title = 'What is left of cloaks when the trainer moves'
    path = folder / 'report.html'
    _write(path, found, shown, strips, title, drawn, skipped)


def _write(path, found, shown, strips, title, drawn, skipped):
  """The one page there is. Changes the first figure, which is shown wide."""
  records = found.protection
  maps = {
    i: heat_map.draw(grid, f'heat_map_{i}', linked=True)
    for i, grid in _mapped(shown).items()
  }
  pictures = [
    _data_uri('image/png', drawing.strip(one.original, one.cloaked))
    for one in strips
  ]
  labels = [words.cloak_name(one.attack, one.surrogate) for one in strips]
  csv = spreadsheet.csv_text(found.all()).encode(errors='replace')
  _, first = headline.of(found)
  # The one that shows the sentence above it comes first.
  drawings = sorted(drawn.drawings, key=lambda one: one.name != first)
  html = _PAGES.get_template('template.html').render(
    title=title,
    sentences=prose.lead(found, shown),
    drawings=drawings,
    maps=maps,
    grids=shown,
    beside=tables.beside(found),
    flags=tables.flags(found.detection),
    not_tested=prose.limits(found),
    next_step=prose.next_step(found),
    terms={t: words.say('terms', t) for t in words.TEXTS['terms'] if records},
    skipped=skipped,
    columns=_COLUMNS,
    rows=list(map(_row, found.all())),
    csv=_data_uri('text/csv;charset=utf-8', csv),
    strips=[*zip(labels, strips, pictures, strict=True)],
    holds_faces=any(strip.attack == 'given' for strip in strips),
    left_out=prose.gathered(records, 'left_out'),
    values=lambda name: ' or '.join(_distinct(records, name)),
    people=dict.fromkeys(str(words.num_protected(r)) for r in records),
    facts=_facts(records) if records else {},
    threats=who_cloaks.threats(records) + who_cloaks.groups(records),
    recognizers=' or '.join(dict.fromkeys(map(words.recognizer, records))),
  )
  record_file.write_text(path, html)


def _mapped(shown):
  """The tables that have a heat map, by their number."""
  numbered = enumerate(shown[:_MOST_MAPS], 1)
  return {i: grid for i, grid in numbered if grid.size <= _MOST_CELLS}


def _row(record):
  """One line of the table of all records, which have as many kinds of words."""
  is_of_cell = 'detector' not in record and 'tar_at_far' not in record
  cells = [
    words.cell_title(record) if is_of_cell else '',
    words.levels(record.get('epsilon')),
    ' + '.join(record.get('surrogate', [])),
  ]
  if 'detector' in record:
    attack, measured = record['test_attack'], 'AUC'
    trainer = f'{record["detector"]} trained on {record["train_attack"]}'
    cells += [record['features'], trainer, '']
  elif 'tar_at_far' in record:
    attack, measured = 'none', 'accuracy'
    cells += [record['network'], '', 'pairs of pictures']
  else:
    cloak = words.attack_name(record.get('control_of') or record['attack'])
    names = dict.fromkeys((cloak, words.version_name(record)))
    attack, measured = words.AND.join(names), 'protection'
    cells += [record['network'], record['adversary']]
    cells.append(words.recognizer(record))
  cells = [
    *(words.attack_name(attack), *cells, measured),
    *words.rate(record, measured.lower(), '–'),
    *words.rate(record, 'accuracy', '–'),
    str(record.get('seed', '')),
  ]
  fields = {
    name: words.clean(str(value))
    for name, value in spreadsheet.flat(record).items()
  }
  return record_file.anchor(record), [*map(words.clean, cells)], fields


def _facts(records):
  """Where the numbers come from: the distinct values of each field."""
  pairs = lambda name: dict.fromkeys(
    f'{key} {value}'
    for record in records
    for key, value in sorted(record[name].items())
  )
  slowest = max(r['wall_seconds'] for r in records)
  fields = {
    'Device': _distinct(records, 'device'),
    'Versions': pairs('versions'),
    'Configuration': _distinct(records, 'config_hash'),
    'Weights, by SHA-256': pairs('weights'),
    'Seed': _distinct(records, 'seed'),
    'Wall time': [f'{slowest:.0f} s for the slowest row'],
  }
  return {name: values for name, values in fields.items() if values}


def _distinct(records, name):
  return dict.fromkeys(str(r[name]) for r in records if name in r)


def _data_uri(kind, data):
  return f'data:{kind};base64,{base64.b64encode(data).decode()}'
