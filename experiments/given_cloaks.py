"""What evaluate.py needs to judge the cloaks of any tool: people and facts."""

import collections
import dataclasses
import pathlib
import sys
from typing import NamedTuple

import config_fields
import given_notes
import given_pairs
import numpy as np
import people
import progress
import who_is_who
from given_pairs import Face
from settings import Settings

from fr_poison import extractors
from fr_poison.data import datasets, detect_faces, folder
from fr_poison.data.faces import FaceSet, concatenate
from fr_poison.data.placement import Placement, Rejected
from fr_poison.report.kinds import UNKNOWN
from fr_poison.types import InputError

_ORL = 'orl'
_NUM_SHOWN = 4  # pictures named on the terminal


@dataclasses.dataclass(frozen=True)
class Source:
  """See configs/my_cloaks.py for each field.

  Raises:
    InputError: a value that cannot be used, naming its field.
  """

  originals: str | None
  cloaked: str | None
  suffix: str
  gallery: str
  align: str
  several_faces: str
  made_for: tuple[str, ...]
  strict: bool
  person_level: str = 'first'

  def __post_init__(self):
    """Checks every value that needs no look at a file."""
    check_known = config_fields.check_known
    if not self.originals:
      raise InputError('config.originals: missing; --config.originals=FOLDER')
    check_known('align', self.align, given_pairs.ALIGNMENTS)
    check_known('several_faces', self.several_faces, detect_faces.POLICIES)
    check_known('person_level', self.person_level, folder.PERSON_LEVELS)
    for name in self.made_for:
      check_known('made_for', name, extractors.names())
    if self.gallery == _ORL and self.align == 'none':
      raise InputError(
        "config.align: 'none', but the ORL faces are aligned; 'dlib', or "
        "'already' for faces that are on its template, or a --config.gallery "
        'of pictures like yours'
      )


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


def split_config(config: dict) -> tuple[Source, Settings]:
  """The fields that are about the folders, and those of every evaluation.

  Raises:
    InputError: a field is missing, unknown or wrong.
  """
  names = {field.name for field in dataclasses.fields(Source)}
  own = {name: x for name, x in config.items() if name in names}
  config_fields.check_fields(Source, own)
  source = Source(**own)
  rest = {name: x for name, x in config.items() if name not in names}
  # How many people there are, the folders will say.
  rest |= {
    'dataset': _ORL if source.gallery == _ORL else 'folder',
    'num_people': None,
    'num_protected': None,
    'align': 'none',
    'strict': False,
  }
  return source, Settings.from_config(rest)


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
  placement = given_pairs.placement(source.align, source.several_faces)
  files = given_pairs.find(source.originals, source.cloaked, source.suffix)
  gallery, rows, problems = _load_gallery(source, placement, data_dir)
  found, left_out = _read_people(source, files)
  left_out += rows
  own = _face_set(found, placement.alignment)
  print(who_is_who.understood(own), file=sys.stderr)
  if source.gallery != _ORL:
    print(f'gallery: {who_is_who.understood(gallery)}', file=sys.stderr)
  judged = own if source.gallery == _ORL else concatenate([own, gallery])
  problems += who_is_who.doubts(judged, settings.batch_size)
  warnings = _inspect(
    source.strict,
    found,
    left_out,
    own,
    gallery,
    problems,
    settings.trainers_networks,
  )

  drawn = people.draw(gallery.names, settings.seed)
  public, targets, others = people.groups(
    people.arrange(gallery, drawn), settings.num_public, settings.num_targets
  )
  faces = concatenate([own, others])
  images = faces.images.copy()
  images[: len(found)] = [face.cloaked for face in found]
  settings = _count_people(settings, found, own, gallery)
  return GivenCloaks(
    settings,
    public,
    targets if settings.num_targets else public,
    faces,
    list(range(len(own.names))),
    images,
    [list(row) for row in left_out],
    {
      'dataset': _describe(source, settings, found),
      'alignment': own.alignment,
      'warnings': warnings,
    },
    {
      'surrogate': list(source.made_for) or [UNKNOWN],
      'epsilon': None,
      'num_cloaked': len(found),
      'num_improved': sum('same' not in face.notes for face in found),
    },
    _not_tested(settings),
  )


def _load_gallery(
  source: Source, placement: Placement, data_dir: str | None
) -> tuple[FaceSet, list[Rejected], list[str]]:
  if source.gallery == _ORL:
    options = {'source_dir': data_dir} if data_dir else {}
    with config_fields.naming('--data_dir' if data_dir else 'config.gallery'):
      return datasets.load(_ORL, size=given_pairs.SIZE, **options), [], []
  try:
    prepared = datasets.prepare(
      'folder',
      source.gallery,
      placement=placement,
      progress=progress.over('reading config.gallery', delay=2),
      person_level=source.person_level,
    )
    faces = prepared.faces(min_pictures=2)
  except InputError as error:
    raise InputError(f'config.gallery: {error}') from error
  rows = [Rejected(f'gallery/{path}', why) for path, why in prepared.skipped]
  problems = given_notes.same_names(faces.names)
  if alone := len(prepared.people) - len(faces.names):
    problems.append(
      f'gallery: left out for fewer than 2 usable pictures: {alone} people'
    )
  return faces, rows, problems


def _read_people(source, files) -> tuple[list[Face], list[Rejected]]:
  """Faces of the people who can be tested; all pictures left out."""
  name = pathlib.Path(source.originals).resolve().name
  found, rejected = given_pairs.read_faces(
    files, name, source.align, source.several_faces, source.person_level
  )
  counts = collections.Counter(face.person for face in found)
  left_out = files.rejected + rejected
  left_out += [
    Rejected(face.path, f'the only usable pair of {face.person}; 2 are needed')
    for face in found
    if counts[face.person] < 2
  ]
  for path, reason in left_out[:_NUM_SHOWN]:
    print(f'left out: {path}: {reason}', file=sys.stderr)
  if len(left_out) > _NUM_SHOWN:
    print(f'left out: {len(left_out)} in all, see report', file=sys.stderr)
  if not max(counts.values(), default=0) > 1:
    raise InputError(
      'config.originals: nobody has 2 usable pairs of pictures, so there is '
      f'nothing to test on; left out: {": ".join(left_out[0])}'
    )
  return [face for face in found if counts[face.person] > 1], left_out


def _inspect(
  is_strict, found, left_out, own, gallery, problems, networks
) -> list[str]:
  """What is odd, also printed on stderr; the problems refused if strict."""
  problems = problems + given_notes.of_pairs(
    found, 'same', 'hardly', 'other', 'bgr'
  )
  problems += given_notes.exchanged(found)
  problems += given_notes.leaks(own, gallery)
  problems += people.exchanged_colours(own) + people.exchanged_colours(gallery)
  problems += given_notes.same_names(own.names)
  rows = [f'{path}: {reason}' for path, reason in left_out]
  if is_strict and (rows or problems):
    raise InputError(f'config.strict: {(rows + problems)[0]}')
  warnings = problems + given_notes.of_pairs(
    found, 'size', 'aspect', 'own', 'mirrored', 'turned', 'hidden'
  )
  warnings += given_notes.colours(own, gallery, networks)
  for text in warnings:
    print(f'note: {text}', file=sys.stderr)
  return warnings


def _face_set(found: list[Face], alignment: str) -> FaceSet:
  """The originals; names and paths that no gallery has."""
  names = list(dict.fromkeys(face.person for face in found))
  return FaceSet(
    np.stack([face.original for face in found]),
    np.array([names.index(face.person) for face in found], np.int32),
    tuple(f'originals/{name}' for name in names),
    tuple(f'originals/{face.path}' for face in found),
    alignment,
  )


def _count_people(settings, found, own, gallery) -> Settings:
  """Noise like a cloak that is shifted would be noise like the shift."""
  is_shifted = any({'aspect', 'own'} & set(face.notes) for face in found)
  return dataclasses.replace(
    settings,
    num_people=len(own.names) + len(gallery.names),
    num_protected=len(own.names),
    noise_control=settings.noise_control and not is_shifted,
  )


def _describe(source, settings, found) -> str:
  num_others = settings.num_evaluated - settings.num_protected
  gallery = 'ORL'
  if source.gallery != _ORL:
    gallery = pathlib.Path(source.gallery).resolve().name
  return (
    f'{len(found)} of {settings.num_protected} people, given by the user, '
    f'among {num_others} people of {gallery}'
  )


def _not_tested(settings) -> list[str]:
  told = []
  if 'adaptive' in settings.adversaries:
    tools = ' and '.join(settings.adversaries['adaptive']['attacks'])
    told.append(
      'A trainer with the very tool that made these cloaks: the adaptive one '
      f'has {tools}, as made here for {" and ".join(settings.surrogates)}.'
    )
  return told
