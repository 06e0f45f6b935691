r"""Makes the tables, the figures and the page again, from records alone.

  python experiments/report.py --records=results/orl/records.jsonl \
    --output=docs/orl

--records may be given several times, and be a folder of records: those of
evaluate.py, detect.py and distractors.py together. A line that cannot be used
is named on the page, and the others are used. Writes report.html (without
pictures of people, which are not in the records), table.md, table.tex,
records.csv, heat_map.svg and figures/*.svg, *.png into the folder --output.
"""

import pathlib

import cli
from absl import flags

from fr_poison.report import page, sources

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
  found, output = sources.read(_files(_RECORDS.value)), _OUTPUT.value
  page.write_folder(found, pathlib.Path(output))
  for reason in found.skipped:
    print(f'not used: {reason}')
  print(f'{output}: {len(found.all())} records')


if __name__ == '__main__':
  cli.run(main)
