r"""Makes the table, the heat map and the page again, from records alone.

  python experiments/report.py --records=results/orl/records.jsonl \
    --output=docs/orl

Writes table.md, heat_map.svg and report.html (without pictures of people,
which are not in the records) into the folder --output.
"""

import pathlib

import cli
from absl import flags

from fr_poison.report import html, plots, records, tables

_RECORDS = flags.DEFINE_string('records', None, 'A file.', required=True)
_OUTPUT = flags.DEFINE_string('output', None, 'A folder.', required=True)


def main(argv):
  """Reads --records, writes into --output."""
  del argv
  results = records.read(_RECORDS.value)
  table, heat_map = tables.markdown(results), plots.heat_map(results)
  output = pathlib.Path(_OUTPUT.value)
  output.mkdir(parents=True, exist_ok=True)
  records.write_text(output / 'table.md', table)
  records.write_text(output / 'heat_map.svg', heat_map.decode())
  html.write(output / 'report.html', results)
  print(f'{output}: {len(results)} records')


if __name__ == '__main__':
  cli.run(main)
