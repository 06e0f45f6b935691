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
import config_fields
from absl import flags

from fr_poison.report import page, sources
from fr_poison.text import show
from fr_poison.types import InputError

_RECORDS = flags.DEFINE_multi_string(
  'records', None, 'A file of records, or a folder of them.', required=True
)
_OUTPUT = flags.DEFINE_string(
  'output', None, 'The folder to write into.', required=True
)


def _files(given):
  for path in map(pathlib.Path, given):
    files = sorted(path.glob('*.jsonl')) if path.is_dir() else [path]
    if not files:
      raise InputError(f'{path}: no records (*.jsonl) in it')
    yield from files


def main(argv):
  """Reads --records, writes into --output."""
  del argv
  with config_fields.naming('--records'):
    found, output = sources.read(_files(_RECORDS.value)), _OUTPUT.value
  with config_fields.naming('--output'):
    page.write_folder(found, pathlib.Path(output))
  for reason in found.skipped:
    show(f'not used: {reason}')
  show(f'{output}: {len(found.all())} records')


if __name__ == '__main__':
  cli.run(main)
