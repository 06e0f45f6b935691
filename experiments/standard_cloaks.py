"""Another tool's cloaks of a standard's test people, for evaluate.py."""

import posixpath
import sys
from typing import NamedTuple

import config_fields
import numpy as np
import people
import progress
from given_cloaks import GivenCloaks
from settings import Settings

from fr_poison import extractors
from fr_poison.data import align, decode, folder, pairs
from fr_poison.data.faces import FaceSet
from fr_poison.evaluation import given, overlay
from fr_poison.text import show
from fr_poison.types import InputError


class Source(NamedTuple):
  """The fields of `my_cloaks.py:standard` that no other evaluation has."""

  cloaked: str | None
  suffix: str  # of the cloaks' names, see `pairs.match`
  made_for: tuple[str, ...]  # of our networks those the tool attacked, if known
  tool: str  # its name, version and settings, as the row is called


def split_config(config: dict) -> tuple[Source, Settings]:
  """Splits the fields about the cloaks from those of every evaluation.

  Raises:
    InputError: a field is missing, unknown or wrong.
  """
  rest = dict(config)
  if missing := [name for name in Source._fields if name not in rest]:
    raise InputError(f'config.{missing[0]}: missing')
  source = Source(*map(rest.pop, Source._fields))
  if not source.cloaked:
    raise InputError('config.cloaked: missing; --config.cloaked=FOLDER')
  if not source.tool.strip():
    raise InputError("config.tool: missing; --config.tool='NAME VERSION MODE'")
  for name in source.made_for:
    config_fields.check_known('made_for', name, extractors.names())
  return source, Settings.from_config(rest)


def load(
  source: Source, settings: Settings, data_dir: str | None
) -> GivenCloaks:
  """Reads the standard's people, and the cloak of each of their pictures.

  A cloak has its original's name, with or without a suffix, in any folder; all
  of them must be there, since a row with fewer is no row of the standard.

  Args:
    source: of `split_config`.
    settings: the same.
    data_dir: the data set's own folder or archive.

  Raises:
    InputError: a picture of the standard is missing or another one, one has no
      cloak or several, or a cloak that cannot be read.
  """
  found = people.of_standard(settings, data_dir)
  public, faces = people.groups(found.faces, settings.num_public)
  with config_fields.naming('config.cloaked'):
    cloaks = _read_cloaks(source, faces)
  own = _place(faces, _originals(data_dir, faces), cloaks)
  warnings = found.warnings + own.problems(public) + own.remarks()
  if settings.strict and warnings:
    raise InputError(f'config.strict: {warnings[0]}')
  for text in warnings:
    show(f'note: {text}', file=sys.stderr)
  settings = settings.for_people(len(np.unique(found.faces.labels)))
  return GivenCloaks(
    settings,
    public,
    public,
    faces,
    np.unique(faces.labels).tolist(),
    own.cloaked,
    [],
    {'alignment': faces.alignment, 'warnings': warnings} | found.fields,
    {
      'surrogate': list(source.made_for) or [extractors.UNKNOWN],
      'epsilon': None,
      'tool': source.tool,
      'num_cloaked': len(faces),
      'num_improved': sum('same' not in notes for notes in own.notes),
    },
    [],
    found.strangers,
  )


def _read_cloaks(source, faces):
  """By name of the original: the name and bytes of its cloak."""
  names = [posixpath.basename(path) for path in faces.paths]
  found = {}
  for path, read, _ in folder.files(source.cloaked):
    name = posixpath.basename(path)
    if found.setdefault(name, (path, read))[0] != path:
      raise InputError(f'{path} and {found[name][0]} have one name')
  matched, unpaired = pairs.match(names, found, source.suffix)
  known = {pair.original: found[pair.cloaked] for pair in matched}
  if missing := [name for name in names if name not in known]:
    reasons = dict(unpaired)
    raise InputError(
      f'{len(missing)} of {len(names)} pictures have no cloak, as '
      f'{missing[0]}, which {reasons[missing[0]]}'
    )
  return {name: (path, read()) for name, (path, read) in known.items()}


def _originals(data_dir, faces):
  """The bytes of the data set's files, by path."""
  wanted, found = {*faces.paths}, {}
  with config_fields.naming('--data_dir'):
    for path, read, _ in folder.files(data_dir):
      if path in wanted:
        found[path] = read()
  return found


def _place(faces: FaceSet, originals, cloaks) -> given.Given:
  """Every cloak where the face of its original is."""
  template = faces.alignment.partition('-')[0]
  several = 'most_central' if template in align.TEMPLATES else None
  images, notes = [], []
  shown = progress.over('reading cloaks', 'picture')
  for path in shown(faces.paths, len(faces)):
    name, data = cloaks[posixpath.basename(path)]
    _, cloak, odd = overlay.place(
      decode.decode(originals[path], path),
      decode.decode(data, name),
      data,
      several,
      template if several else 'dlib',  # of the side that crops get
    )
    images.append(cloak)
    notes.append(odd)
  return given.Given(faces, np.stack(images), notes, [])
