r"""Cloaks a tree of pictures, a face in each.

  python experiments/poison.py --config=experiments/configs/fawkes_high.py \
    --input=photos/ --output=cloaked/

Writes every cloak at its picture's size and relative path into --output, and
beside them manifest.jsonl: one row per picture with what was done and how far
the *saved* file moved in feature space, also after the JPEG compression of a
site it is posted on. EXIF data, the place it was taken among them, is not
copied; with --keep_exif it is, without its thumbnail. Started again, it goes on
where it was stopped; the result is the same to the byte. Other files, hidden
ones and symbolic links are left alone.
"""

import collections
import functools
import hashlib
import pathlib
import sys
from typing import NamedTuple

import cli
import full_size
import jax
import manifest
import output_folder
import photo_tree
from absl import flags
from cloaker import Change, Cloaker
from config_flag import CONFIG
from poison_settings import Settings
from progress import Progress

from fr_poison.data import decode
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
_NUM_SHOWN = 5  # unreadable pictures named at the end


def _rounded(value):
  """Six digits of every number: more would be noise in the manifest."""
  if isinstance(value, dict):
    return {name: _rounded(x) for name, x in value.items()}
  return None if value is None else float(f'{value:.6g}')


class Job(NamedTuple):
  """What all pictures of a run have in common."""

  source: pathlib.Path
  output: pathlib.Path
  names: dict[str, str]  # relative path of a picture -> that of its cloak
  settings: Settings
  config_hash: str
  cloaker: Cloaker
  rows: manifest.Manifest


def empty_row(photo: photo_tree.Photo, job: Job) -> dict:
  """The manifest row of a picture that there is no cloak of."""
  unknown = ('scale', 'linf', 'dssim', 'psnr', 'feature_displacement')
  return {
    'input': photo.path,
    'output': None,
    'status': photo.status,
    'reason': photo.reason,
    'attack': job.settings.attack['name'],
    'seed': job.settings.seed,
    'size': None if photo.image is None else list(photo.image.shape[:2]),
    'budget_used': None,
    **dict.fromkeys(unknown),
    'sha256': None,
    'input_sha256': photo.sha256,
    'config_hash': job.config_hash,
  }


def save(photo: photo_tree.Photo, change: Change, job: Job) -> dict:
  """Writes one cloak; its fields of the row, measured on the file."""
  part = photo.frame.crop(photo.image)
  cloak, reason = None, 'the attack found nothing better than the picture'
  if change.improved:
    levels = photo.frame.back(change.levels, part)
    cloak = full_size.add(part, levels, job.settings.max_dssim)
    reason = None if cloak else 'no change is left within the budget'
  status = 'cloaked' if cloak else 'not_improved'
  cloak = cloak or full_size.unchanged(part)
  name = job.names[photo.path]
  codes = photo.frame.paste(photo.image, cloak.codes)
  file = job.cloaker.encode(codes, photo.exif)
  data = output_folder.write(job.output, name, file)
  saved = decode.decode(data, name)
  measured = job.cloaker.measure(
    photo.image, cloak.unrounded, saved, photo.frame
  )
  return {
    'output': name,
    'status': status,
    'reason': reason,
    'budget_used': _rounded(change.budget_used),
    'scale': cloak.scale,
    **_rounded(measured),
    'sha256': hashlib.sha256(data).hexdigest(),
  }


def cloak_batch(job: Job, paths: list[str], *, strict: bool) -> None:
  """Reads, attacks and writes some pictures, and notes each in the manifest."""
  read = functools.partial(
    photo_tree.read,
    job.source,
    find_frame=job.settings.find_frame,
    keep_exif=job.settings.output.keep_exif,
  )
  photos = [read(path) for path in paths]
  if strict:
    for photo in photos:
      _refuse(job.source, photo.path, photo.reason)
  readable = [photo for photo in photos if photo.status is None]
  changes = iter(job.cloaker.changes(readable))
  for photo in photos:
    row = empty_row(photo, job)
    if photo.status is None:
      row |= save(photo, next(changes), job)
    job.rows.append(row)


def _refuse(source, path, reason):
  if reason:
    raise InputError(f'{source / path}: {reason}')


def cloak_all(job: Job, paths: list[str], *, strict: bool) -> None:
  """Batch by batch; what is written stays, whatever happens next."""
  size = job.settings.batch_size
  starts = range(0, len(paths), size)
  progress = Progress(len(starts))
  try:
    for start in starts:
      batch = paths[start : start + size]
      others = f' and {len(batch) - 1} more' if len(batch) > 1 else ''
      progress.update(f'{batch[0]!r}{others}')
      cloak_batch(job, batch, strict=strict)
  finally:
    progress.close()


def run(
  config: dict,
  source: str | pathlib.Path,
  output: str | pathlib.Path,
  *,
  overwrite: bool = False,
  strict: bool = False,
) -> tuple[list[dict], int]:
  """Cloaks a folder; returns its rows and the number of entries left alone."""
  # Everything that can be wrong is found before anything is written.
  source, output = pathlib.Path(source), pathlib.Path(output)
  settings = Settings.from_config(config)
  output_folder.check_apart(source, output)
  paths, num_ignored = photo_tree.find_pictures(source)
  if not paths:
    raise InputError(f'--input: {source}: no pictures, {num_ignored} others')
  names = photo_tree.name_outputs(paths, settings.output.extension)
  networks = settings.load_networks()
  digest = settings.digest(networks)
  cloaker = Cloaker(settings, networks)

  with output_folder.opened_output(output, names.values(), overwrite=overwrite):
    # Where an earlier run was stopped, or anew.
    if overwrite:
      manifest.discard(output)
    rows = manifest.Manifest(source, output, names, digest)
    job = Job(source, output, names, settings, digest, cloaker, rows)
    if strict:
      for path, row in rows.rows.items():
        _refuse(source, path, row['output'] is None and row['reason'])

    left = [path for path in paths if path not in rows.rows]
    device = record_file.environment()['device']
    count = f'{len(left)} of {len(paths)} pictures to do'
    print(f'{device}, jax {jax.__version__}: {count}', flush=True)
    cloak_all(job, left, strict=strict)
    rows.tidy()
  return [rows.rows[path] for path in paths], num_ignored


def _printable(text: str) -> str:
  """Names may hold anything; a terminal should not act on it."""
  return ''.join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _summary(rows, num_ignored):
  counts = collections.Counter(row['status'] for row in rows)
  parts = [
    f'{counts["cloaked"]} cloaked',
    f'{counts["not_improved"]} not improved',
    f'{counts["unreadable"]} unreadable',
    f'{num_ignored} ignored',
  ]
  if counts['failed']:
    parts.insert(3, f'{counts["failed"]} failed')
  return ', '.join(parts)


def main(argv):
  """Cloaks --input into --output and prints how many."""
  del argv
  for flag in ('config', 'input', 'output'):
    if not flags.FLAGS[flag].value:
      raise InputError(f'--{flag}: missing')
  sys.stdout.reconfigure(errors='backslashreplace')
  try:
    config = CONFIG.value.to_dict()
    if _KEEP_EXIF.value:
      config['output'] |= {'keep_exif': True}
    rows, num_ignored = run(
      config,
      _INPUT.value,
      _OUTPUT.value,
      overwrite=_OVERWRITE.value,
      strict=_STRICT.value,
    )
  except InputError as error:
    raise InputError(_printable(str(error))) from error
  wrong = [row for row in rows if row['output'] is None]
  for row in wrong[:_NUM_SHOWN]:
    line = f'{row["status"]}: {row["input"]!r}: {_printable(row["reason"])}'
    print(line, file=sys.stderr)
  if len(wrong) > _NUM_SHOWN:
    print(f'and {len(wrong) - _NUM_SHOWN} more', file=sys.stderr)
  place = pathlib.Path(_OUTPUT.value) / photo_tree.MANIFEST
  print(f'{_summary(rows, num_ignored)}. See {_printable(str(place))}')


if __name__ == '__main__':
  cli.run(main, kept='pictures that are finished stay in --output')
