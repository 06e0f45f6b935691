r"""Cloaks a tree of pictures.

  python experiments/poison.py --config=experiments/configs/fawkes_high.py \
    --input=photos/ --output=cloaked/

Writes every cloak at its picture's size and relative path into --output, a JPEG
as a JPEG and a PNG as a PNG, and beside them manifest.jsonl: one row per
picture with what was done and how far the *saved* file moved in feature space,
also after the JPEG compression of a site it is posted on. Pictures that stay
uncloaked are listed at the end. EXIF data, the place it was taken among them,
is not copied; with --keep_exif it is, without its thumbnail. Started again, it
goes on where it was stopped; the result is the same to the byte. Other files
and hidden ones are left alone.
"""

import functools
import hashlib
import pathlib
import sys
from typing import NamedTuple

import cli
import jax
import manifest
import output_folder
import photo_cloak
import photo_report
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
_DELETE_ORPHANS = flags.DEFINE_bool(
  'delete_orphans', False, 'Delete cloaks whose pictures are gone from --input.'
)


_CROPS = 'every picture is taken for a face crop, and attacked as a whole:'


class Result(NamedTuple):
  """What a run leaves: a row for each picture, in order of their paths."""

  rows: list[dict]
  orphans: list[str]  # cloaks in --output of pictures that are not in --input
  num_ignored: int  # entries of --input that are no pictures


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
  return {
    'input': photo.path,
    'output': None,
    'format': None,
    'status': photo.status,
    'reason': photo.reason,
    'attack': job.settings.attack['name'],
    'seed': job.settings.seed,
    'size': None if photo.image is None else list(photo.image.shape[:2]),
    'align': None,
    'face_share': None,
    **photo_cloak.no_fields(),
    'sha256': None,
    'input_sha256': photo.sha256,
    'config_hash': job.config_hash,
  }


def save(photo: photo_tree.Photo, changes: list[Change], job: Job) -> dict:
  """Writes one cloak; its fields of the row, measured on the file."""
  codes, faces = photo_cloak.put(
    photo.image, photo.view.frames, changes, job.settings.max_dssim
  )
  name = job.names[photo.path]
  format = job.settings.output.format_of(photo.path)
  file = job.cloaker.encode(codes, photo.exif, format)
  data = output_folder.write(job.output, name, file)
  saved = decode.decode(data, name)
  parts = [(face.frame, face.cloak.unrounded) for face in faces]
  measured = job.cloaker.measure(photo.image, saved, parts)
  share = photo.view.face_share
  return {
    'output': name,
    'format': format,
    'align': photo.view.align,
    'face_share': None if share is None else round(share, 3),
    **photo_cloak.fields(faces, measured),
    'sha256': hashlib.sha256(data).hexdigest(),
  }


def cloak_some(
  job: Job, photos: list[photo_tree.Photo], progress: Progress
) -> None:
  """Attacks and writes some pictures, and notes each in the manifest.

  `progress` knows of the first one.
  """
  readable = [photo for photo in photos if photo.status is None]
  parts = [(x.image, frame) for x in readable for frame in x.view.frames]
  changes = iter(job.cloaker.changes(parts))
  for i, photo in enumerate(photos):
    if i:
      progress.update(repr(photo.path))
    row = empty_row(photo, job)
    if photo.status is None:
      own = [next(changes) for _ in photo.view.frames]
      row |= save(photo, own, job)
    job.rows.append(row)


def _refuse(source, path, reason):
  if reason:
    raise InputError(f'{source / path}: {reason}')


def cloak_all(job: Job, paths: list[str], *, strict: bool) -> None:
  """Some at a time; what is written stays, whatever happens next."""
  read = functools.partial(
    photo_tree.read,
    job.source,
    find_view=job.settings.find_view,
    keep_exif=job.settings.output.keep_exif,
  )
  number = job.cloaker.number
  progress = Progress(len(paths))
  try:
    for start in range(0, len(paths), number):
      progress.update(repr(paths[start]))
      photos = []
      for path in paths[start : start + number]:
        photos.append(read(path))
        if strict:
          _refuse(job.source, path, photos[-1].reason)
      cloak_some(job, photos, progress)
  finally:
    progress.close()


def run(
  config: dict,
  source: str | pathlib.Path,
  output: str | pathlib.Path,
  *,
  overwrite: bool = False,
  strict: bool = False,
  delete_orphans: bool = False,
) -> Result:
  """Cloaks a folder; see the flags of this program."""
  # Everything that can be wrong is found before anything is written.
  source, output = pathlib.Path(source), pathlib.Path(output)
  settings = Settings.from_config(config)
  output_folder.check_apart(source, output)
  paths, num_ignored = photo_tree.find_pictures(source)
  if not paths:
    raise InputError(f'--input: {source}: no pictures, {num_ignored} others')
  names = photo_tree.name_outputs(paths, settings.output.extension_of)
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
    if settings.cannot_look:
      print(f'{_CROPS} {settings.cannot_look}', flush=True)
    cloak_all(job, left, strict=strict)
    if delete_orphans:
      rows.delete_orphans()
    rows.tidy()
  return Result(
    [rows.rows[path] for path in paths], sorted(rows.orphans), num_ignored
  )


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
    result = run(
      config,
      _INPUT.value,
      _OUTPUT.value,
      overwrite=_OVERWRITE.value,
      strict=_STRICT.value,
      delete_orphans=_DELETE_ORPHANS.value,
    )
  except InputError as error:
    raise InputError(photo_report.printable(str(error))) from error
  photo_report.show(
    result.rows, result.orphans, result.num_ignored, _OUTPUT.value
  )
  if all(row['output'] is None for row in result.rows):
    raise InputError(f'--input: none of {len(result.rows)} pictures is cloaked')


if __name__ == '__main__':
  cli.run(main, kept='pictures that are finished stay in --output')
