"""What evaluate.py needs to judge the cloaks of any tool: people and facts."""

import contextlib
import dataclasses
import pathlib
import sys
from typing import NamedTuple

import config_fields
import numpy as np
import people
import progress
from settings import Settings

from fr_poison import checks, extractors
from fr_poison.data import datasets, folder
from fr_poison.data.faces import FaceSet
from fr_poison.data.placement import Rejected
from fr_poison.evaluation import given, oddities, who_is_who
from fr_poison.text import show
from fr_poison.types import InputError

_ORL = 'orl'
_NUM_SHOWN = 4  # pictures named on the terminal


class Source(NamedTuple):
  """The fields of configs/my_cloaks.py that no other evaluation has."""

  folders: given.Folders
  loose: str
  gallery: str
  made_for: tuple[str, ...]
  strict: bool


class GivenCloaks(NamedTuple):
  """The user's people among others, and how they were scraped."""

  settings: Settings
  public: FaceSet
  candidates: FaceSet  # whom the trainers' own cloaks may look like
  faces: FaceSet
  protected: list[int]
  images: np.ndarray  # uint8 [N, H, W, 3], the set with the given cloaks
  left_out: list[list[str]]  # pictures and reasons
  fields: dict  # of all records
  cloak_fields: dict  # of those of the cloaks
  not_tested: list[str]  # sentences
  strangers: FaceSet | None = None  # in every gallery


def split_config(config: dict) -> tuple[Source, Settings]:
  """Splits the fields about the folders from those of every evaluation.

  Raises:
    InputError: a field is missing, unknown or wrong.
  """
  rest = dict(config)
  names = [field.name for field in dataclasses.fields(given.Folders)]
  own = {name: rest.pop(name) for name in names if name in rest}
  with _of_config():
    for name in Source._fields[1:]:
      if name not in rest:
        raise InputError(f'{name}: missing')
    source = Source(given.Folders(**own), *map(rest.pop, Source._fields[1:]))
    checks.known('loose', source.loose, who_is_who.LOOSE)
    for name in source.made_for:
      checks.known('made_for', name, extractors.names())
    if source.gallery == _ORL and source.folders.align == 'none':
      raise InputError(
        "align: 'none', but the ORL faces are aligned; 'wide', or 'already' "
        "for faces that are on dlib's template, or a --config.gallery of "
        'pictures like yours'
      )
  # How many people there are, the folders will say.
  rest |= {
    'dataset': _ORL if source.gallery == _ORL else 'folder',
    'num_people': None,
    'num_protected': None,
    'align': 'none',
    'strict': False,
  }
  return source, Settings.from_config(rest)


@contextlib.contextmanager
def _of_config():
  try:
    yield
  except InputError as error:
    raise InputError(f'config.{error}') from error


def load(
  source: Source, settings: Settings, data_dir: str | None
) -> GivenCloaks:
  """Reads, pairs and aligns the pictures, and reports what is odd on stderr.

  Args:
    source: of `split_config`.
    settings: the same; the result's have the numbers of people.
    data_dir: of the ORL faces, if they are the gallery.

  Raises:
    InputError: no folder, no pair, nobody with two usable pairs, or a gallery
      that cannot be read; with `source.strict`: anything left out or odd.
  """
  read = own, grouped = _read(source, settings.batch_size)
  gallery, left_out, problems = _load_gallery(source, data_dir)
  left_out = own.left_out + left_out
  warnings = _warnings(source, settings, read, gallery, left_out, problems)
  drawn = people.draw(gallery.names, settings.seed)
  public, targets, others = people.groups(
    people.arrange(gallery, drawn), settings.num_public, settings.num_targets
  )
  faces, images = own.among(others)
  settings = _count_people(settings, own, gallery)
  return GivenCloaks(
    settings,
    public,
    targets if settings.num_targets else public,
    faces,
    list(range(len(own.faces.names))),
    images,
    [list(row) for row in left_out],
    {
      'dataset': _describe(source, settings, own),
      'alignment': own.faces.alignment,
      'warnings': warnings,
    },
    {
      'surrogate': list(source.made_for) or [extractors.UNKNOWN],
      'epsilon': None,
      'num_cloaked': len(own.faces),
      'num_improved': sum('same' not in notes for notes in own.notes),
    },
    [who_is_who.NOT_TESTED] * bool(grouped) + _not_tested(settings),
  )


def _read(source, batch_size) -> who_is_who.Grouped:
  """The pairs; the gallery has to be there before they take their time."""
  with _of_config():
    if source.gallery != _ORL:
      with config_fields.naming('gallery'):
        folder.files(source.gallery)
    own = source.folders.read(progress.over('reading pairs', 'pair'))
  found = who_is_who.Grouped(own, [])
  if source.loose == 'by_face':
    found = who_is_who.by_face(own, batch_size)
  left_out = found.given.left_out
  for row in left_out[:_NUM_SHOWN]:
    show(f'left out: {": ".join(row)}', file=sys.stderr)
  if len(left_out) > _NUM_SHOWN:
    show(f'left out: {len(left_out)} in all, see report', file=sys.stderr)
  return found


def _load_gallery(source, data_dir):
  """The other people, pictures of theirs that are left out, and what is odd."""
  if source.gallery == _ORL:
    options = {'source_dir': data_dir} if data_dir else {}
    with config_fields.naming('--data_dir' if data_dir else 'config.gallery'):
      template = source.folders.template
      return datasets.load(_ORL, template=template, **options), [], []
  with config_fields.naming('config.gallery'):
    prepared = datasets.prepare(
      'folder',
      source.gallery,
      placement=source.folders.placement(),
      progress=progress.over('reading config.gallery', delay=2),
      person_level=source.folders.person_level,
    )
    faces = prepared.faces(min_pictures=2)
  rows = [Rejected(f'gallery/{path}', why) for path, why in prepared.skipped]
  problems = oddities.same_names(faces.names)
  if alone := len(prepared.people) - len(faces.names):
    problems.append(
      f'gallery: left out for fewer than 2 usable pictures: {alone} people'
    )
  return faces, rows, problems


def _warnings(source, settings, read, gallery, left_out, problems):
  """Shows what was understood, and what is odd; with `strict` that ends it."""
  own, grouped = read
  show(oddities.understood(own.faces), file=sys.stderr)
  for text in grouped:
    show(f'  {text}', file=sys.stderr)
  judged = own.faces
  if source.gallery != _ORL:
    show(f'gallery: {oddities.understood(gallery)}', file=sys.stderr)
    judged, _ = own.among(gallery)
  problems = problems + oddities.doubts(judged, settings.batch_size)
  problems += own.problems(gallery)
  if grouped:
    problems.insert(0, who_is_who.remark(grouped))
  odd = [': '.join(row) for row in left_out] + problems
  if source.strict and odd:
    raise InputError(f'config.strict: {odd[0]}')
  warnings = problems + own.remarks()
  warnings += oddities.colours(own.faces, gallery, settings.trainers_networks)
  for text in warnings:
    show(f'note: {text}', file=sys.stderr)
  return warnings


def _count_people(settings, own, gallery) -> Settings:
  """Noise like a cloak that is shifted would be noise like the shift."""
  is_shifted = any({'aspect', 'own'} & set(notes) for notes in own.notes)
  return dataclasses.replace(
    settings,
    num_people=len(own.faces.names) + len(gallery.names),
    num_protected=len(own.faces.names),
    noise_control=settings.noise_control and not is_shifted,
  )


def _describe(source, settings, own) -> str:
  gallery = 'ORL'
  if source.gallery != _ORL:
    gallery = pathlib.Path(source.gallery).resolve().name
  num_others = settings.num_evaluated - settings.num_protected
  return (
    f'{len(own.faces)} of {settings.num_protected} people, given by the user, '
    f'among {num_others} people of {gallery}'
  )


def _not_tested(settings) -> list[str]:
  found = config_fields.entries(settings.adversaries, ('adaptive',))
  if not found:
    return []
  tools = dict.fromkeys(tool for *_, one in found for tool in one['attacks'])
  tools = ' and '.join(tools)
  return [
    'A trainer with the same tool that made these cloaks: the adaptive one has '
    f'{tools}, as made here for {" and ".join(settings.surrogates)}.'
  ]
