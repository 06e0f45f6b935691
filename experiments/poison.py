r"""Cloaks a tree of pictures.

  python experiments/poison.py --config=experiments/configs/fawkes_high.py \
    --input=photos/ --output=cloaked/

Writes every cloak at its picture's size and relative path into --output, a JPEG
as a JPEG and a PNG as a PNG. Beside them is manifest.jsonl: one row per
picture with what was done and how far the *saved* file moved in feature space,
also after the JPEG compression of a site it is posted on. Pictures that stay
uncloaked are listed at the end. EXIF data, the place it was taken among them,
is not copied; with --keep_exif it is, without its thumbnail. Started again, it
goes on where it was stopped; the result is the same to the byte. Other files
and hidden ones are left alone. On several hosts (distributed.py) each takes its
share of the pictures.
"""

import collections
import pathlib
import statistics
import sys

import cli
import config_flag
import distributed
import jax
import network_loader
from absl import flags
from progress import Progress

from fr_poison import photos, text
from fr_poison.photos.tree import MANIFEST
from fr_poison.report import record_file
from fr_poison.types import InputError

_INPUT = flags.DEFINE_string('input', None, 'The folder of pictures.')
_OUTPUT = flags.DEFINE_string('output', None, 'The folder of their cloaks.')
_OVERWRITE = flags.DEFINE_bool(
  'overwrite', False, 'Start anew: replace what --output holds.'
)
_STRICT = flags.DEFINE_bool(
  'strict', False, 'Stop at the first picture that cannot be cloaked.'
)
_KEEP_EXIF = flags.DEFINE_bool(
  'keep_exif', False, 'Copy who took a picture, when and where (GPS).'
)
_DELETE_ORPHANS = flags.DEFINE_bool(
  'delete_orphans', False, 'Delete cloaks whose pictures are gone from --input.'
)


def run(
  config: dict,
  source: str | pathlib.Path,
  output: str | pathlib.Path,
  *,
  overwrite: bool = False,
  strict: bool = False,
  delete_orphans: bool = False,
) -> photos.Run:
  """Cloaks a folder; see the flags of this program."""
  # Everything that can be wrong is found before anything is written.
  settings = photos.Settings.from_config(config)
  networks = [
    network_loader.load(name, settings.input_size.get(name))
    for name in settings.surrogates
  ]
  found = photos.Run(source, output, settings, networks, strict=strict)
  with found.opened(overwrite=overwrite):
    left, total = found.left, len(found.paths)
    device = record_file.environment()['device']
    count = f'{total - len(found.manifest.rows)} of {total} pictures to do'
    text.show(f'{device}, jax {jax.__version__}: {count}')
    if settings.cannot_look:
      what = 'every picture is taken for a face crop, and attacked as a whole'
      text.show(f'{what}: {settings.cannot_look}')
    cloak(found.cloak(), left)
    if delete_orphans:
      found.manifest.delete_orphans()
  return found


def cloak(rows, paths: list[str]) -> None:
  """Shows which picture is next; it counts as done when its row is there."""
  progress = Progress(len(paths))
  try:
    for path in paths:
      progress.update(repr(path))
      next(rows)
  finally:
    progress.close()


def show(rows: list[dict], orphans: list[str], num_ignored: int, output: str):
  """Prints every picture without a cloak and every orphan, then the sum."""
  for row in rows:
    if row['status'] != 'cloaked':
      status = row['status'].replace('_', ' ')
      line = f'{status}: {row["input"]!r}: {text.line(row["reason"])}'
      text.show(line, file=sys.stderr)
  for name in orphans:
    text.show(
      f'orphan: {name!r}: its picture is gone from --input, has changed or is '
      'called otherwise; --delete_orphans deletes it',
      file=sys.stderr,
    )
  cloaked = [row for row in rows if row['status'] == 'cloaked']
  moved = [x['feature_displacement'] for x in cloaked if x['format'] == 'jpeg']
  if shares := [x['saved'] / x['float'] for x in moved if x['float']]:
    text.show(
      f'{len(moved)} saved as JPEG, which leaves '
      f'{100 * statistics.median(shares):.0f}% of how far they moved (median); '
      '--config.output.format=png loses nothing, in files some 3 to 6 times as '
      'large'
    )
  counts = collections.Counter(row['status'] for row in rows)
  parts = [f'{counts["cloaked"]} cloaked{_where(cloaked)}']
  for status in ('not_improved', 'unreadable', 'failed'):
    if counts[status] or status != 'failed':
      parts.append(f'{counts[status]} {status.replace("_", " ")}')
  place = text.line(pathlib.Path(output) / MANIFEST)
  text.show(f'{", ".join(parts)}, {num_ignored} ignored. See {place}')


def _where(cloaked):
  """How many on their faces, and how many as a whole."""
  counts = collections.Counter(row['align'] for row in cloaked)
  whole = counts.pop('none', 0)
  parts = [f'{whole} as a whole'] * bool(whole)
  if counts:
    template = ' and '.join(sorted(counts))
    parts.insert(0, f"{counts.total()} on the face's template ({template})")
  return f' ({", ".join(parts)})' if parts else ''


def main(argv):
  """Cloaks --input into --output and prints how many."""
  del argv
  config = config_flag.given('fawkes_high.py').to_dict()
  distributed.start()
  for flag in ('input', 'output'):
    if not flags.FLAGS[flag].value:
      raise InputError(f'--{flag}: missing')
  if _KEEP_EXIF.value:
    config['output'] |= {'keep_exif': True}
  found = run(
    config,
    _INPUT.value,
    _OUTPUT.value,
    overwrite=_OVERWRITE.value,
    strict=_STRICT.value,
    delete_orphans=_DELETE_ORPHANS.value,
  )
  rows = [found.manifest.rows[path] for path in found.paths]
  show(rows, sorted(found.manifest.orphans), found.num_ignored, _OUTPUT.value)
  if all(row['output'] is None for row in rows):
    raise InputError(f'--input: none of {len(rows)} pictures is cloaked')


if __name__ == '__main__':
  cli.run(main, kept='pictures that are finished stay in --output')
