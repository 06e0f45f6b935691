r"""Makes the tables, the figures and the page again, from records alone.

  python experiments/report.py --records=results/orl/records.jsonl \
    --output=docs/orl

--records may be given several times, and be a folder of records: those of
evaluate.py, detect.py and distractors.py together. A line that cannot be used
is told on the page, and the others are used. Writes report.html (without
pictures of people, which are not in the records), table.md, table.tex,
records.csv, heat_map.svg and figures/*.svg, *.png into the folder --output.
"""

import pathlib

import cli
from absl import flags

from fr_poison.report import html, plots, records, sources, study

_RECORDS = flags.DEFINE_multi_string(
  'records', None, 'A file or a folder.', required=True
)
_OUTPUT = flags.DEFINE_string('output', None, 'A folder.', required=True)


def _files(given):
  for path in map(pathlib.Path, given):
    yield from sorted(path.glob('*.jsonl')) if path.is_dir() else [path]


def main(argv):
  """Reads --records, writes into --output."""
  del argv
  found = sources.read(_files(_RECORDS.value))
  runs, figures = sources.runs(found.protection), study.figures(found)
  output = pathlib.Path(_OUTPUT.value)
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
  html.write_study(output / 'report.html', found, figures)
  for told in found.skipped:
    print(f'not used: {told}')
  print(f'{output}: {len(found.all())} records')


if __name__ == '__main__':
  cli.run(main)
