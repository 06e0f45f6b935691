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

import pathlib
from collections.abc import Iterator

import cli
import config_flag
import distributed
import network_loader
import photo_summary
from absl import flags
from progress import Progress

from fr_poison import photos, processes, text
from fr_poison.photos import sheet
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
_PREVIEW = flags.DEFINE_bool(
  'preview',
  True,
  'Write OUTPUT-preview.png beside --output: originals, cloaks, differences.',
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
    photo_summary.show_start(found, source)
    if settings.cannot_look:
      what = 'every picture is taken for a face crop, and attacked as a whole'
      text.show(f'{what}: {settings.cannot_look}')
    cloak(found.cloak(), found.left)
    if delete_orphans:
      found.manifest.delete_orphans()
  return found


def cloak(rows: Iterator[dict], paths: list[str]) -> None:
  """Shows which picture is next; it counts as done when its row is there."""
  progress = Progress(len(paths), 'picture')
  try:
    for path in paths:
      progress.update(repr(path))
      next(rows)
  finally:
    progress.close()


def preview(rows: list[dict]) -> None:
  """Writes the sheet to look at; without it the cloaks are done as well."""
  try:
    path = sheet.write(_INPUT.value, _OUTPUT.value, rows)
  except InputError as error:
    text.show(f'no preview: {error}')
  else:
    text.show(
      f'to look at: {text.line(path)}; it shows faces without their cloak, so '
      'keep it to yourself'
    )


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
  photo_summary.show_left_out(rows, sorted(found.manifest.orphans))
  photo_summary.show_result(rows, found.num_ignored, _OUTPUT.value)
  if all(row['output'] is None for row in rows):
    raise InputError(f'--input: none of {len(rows)} pictures is cloaked')
  cloaked = [row for row in rows if row['status'] == 'cloaked']
  if _PREVIEW.value and cloaked:
    processes.on_first(lambda: preview(cloaked))
  command = photo_summary.next_command(
    _INPUT.value, _OUTPUT.value, config['surrogates']
  )
  text.show(f'next, do they protect: {command}')


if __name__ == '__main__':
  cli.run(main, kept='pictures that are finished stay in --output')
