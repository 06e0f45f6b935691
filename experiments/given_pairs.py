"""A user's pictures and what any tool made of them, face by face."""

import pathlib
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

import cloak_fit
import numpy as np
from cloak_fit import SIZE
from progress import Progress

from fr_poison.data import decode, detect_faces, folder, pairs
from fr_poison.data.placement import Placement, Rejected, centred
from fr_poison.types import InputError

ALIGNMENTS = ('dlib', 'already', 'none')


class Files(NamedTuple):
  """Pictures that belong together, and those that are left over."""

  pairs: list[pairs.Pair]
  rejected: list[Rejected]
  # Original and cloak, uint8 [H, W, 3], and the file of the cloak.
  read: Callable[[pairs.Pair], tuple[np.ndarray, np.ndarray, bytes]]


class Face(NamedTuple):
  """One face, original and cloaked: uint8 [SIZE, SIZE, 3] each."""

  person: str
  path: str
  original: np.ndarray
  cloaked: np.ndarray
  notes: tuple[str, ...]  # of `NOTES`


NOTES = {
  'same': 'the cloak is the original itself',
  'hardly': (
    'the cloak hardly differs from its original, by less than a grey level '
    'but for what saving does: its tool may have changed nothing'
  ),
  'size': 'the cloak has another size, and was brought back to it',
  'aspect': 'the cloak is cropped or stretched, and was aligned on its own',
  'own': (
    'the cloak does not lie on its original, as where its tool crops, and was '
    'aligned on its own'
  ),
  'mirrored': 'the cloak is a mirror image, and was turned back',
  'turned': 'the cloak lies on its side or its head, and was turned back',
  'other': 'cloak and original look like two different pictures',
  'hidden': 'no face is found in the cloak: who looks for faces would miss it',
  'bgr': 'the cloak has red and blue exchanged: its tool wrote BGR as RGB',
}


def find(originals: str, cloaked: str | None, suffix: str) -> Files:
  """Lists the folders and pairs their pictures.

  Args:
    originals: a folder, with one of each person inside or the pictures of one.
    cloaked: the same; None: beside the originals.
    suffix: of their names, see `pairs.match`.

  Raises:
    InputError: no such folder, or no pair in it.
  """
  root = pathlib.Path(originals).resolve()
  inside = root if cloaked is None else pathlib.Path(cloaked).resolve()
  first, rejected = _list('originals', originals)
  second, names = first, None
  if inside != root:
    if inside.is_relative_to(root):
      raise InputError('config.cloaked: is inside config.originals; move it')
    second, more = _list('cloaked', cloaked)
    names, rejected = second.keys(), rejected + more
  try:
    found, unpaired = pairs.match(first, names, suffix)
  except InputError as error:
    raise InputError(f'config.{error}') from error
  if not found:
    near = pairs.nearest(first, names, suffix)
    raise InputError(
      f'config.cloaked: no pair among {len(unpaired)} pictures; a cloak has '
      f"its original's name, or that and config.suffix, {suffix!r}"
      + (f'; nearest: {near.original} and {near.cloaked}' if near else '')
    )

  def read(pair):
    data, cloak = first[pair.original](), second[pair.cloaked]()
    return (
      decode.decode(data, pair.original),
      decode.decode(cloak, f'its cloak {pair.cloaked}'),
      cloak,
    )

  return Files(found, unpaired + rejected, read)


def _list(field, source):
  """The pictures, and the folders that are empty or cannot be listed."""
  if not pathlib.Path(source).is_dir():
    raise InputError(f'config.{field}: {source}: no such folder')
  pictures, rejected = {}, []
  for path, read, _ in folder.files(source):
    if path and path[-1] != '/':
      pictures[path] = read
      continue
    try:
      read()
    except InputError as error:
      rejected.append(
        Rejected(path or '.', str(error).removeprefix(f'{path}: '))
      )
  return pictures, rejected


def placement(alignment: str, several_faces: str) -> Placement:
  """How all pictures are brought to one size; see configs/my_cloaks.py.

  Raises:
    InputError: the extra `align` is asked for and not installed.
  """
  if alignment == 'dlib':
    try:
      return detect_faces.aligned(SIZE, 'dlib', several_faces)
    except InputError as error:
      raise InputError(
        f"config.align: {error}, or say that the faces are on dlib's template "
        'with --config.align=already'
      ) from error
  found = centred(SIZE)
  if alignment == 'already':
    found = found._replace(alignment=f'dlib-{SIZE}', details=alignment)
  return found


def read_faces(
  files: Files,
  name: str,
  alignment: str,
  several_faces: str,
  person_level: str = 'first',
) -> tuple[list[Face], list[Rejected]]:
  """Every pair that can be used, and the others with their reasons.

  Args:
    files: of `find`.
    name: of the person whose pictures are in no folder of their own.
    alignment: one of `ALIGNMENTS`.
    several_faces: see `detect_faces.choose`.
    person_level: see `folder.person_of`.
  """
  faces, rejected = [], []
  progress = Progress(len(files.pairs), 'pair')
  for pair in files.pairs:
    progress.update(pair.original)
    try:
      images = files.read(pair)
      placed, notes = cloak_fit.place(*images, alignment, several_faces)
    except InputError as error:
      reason = str(error).removeprefix(f'{pair.original}: ')
      rejected.append(Rejected(pair.original, reason))
      continue
    person = folder.person_of(pair.original, person_level)
    person = unicodedata.normalize('NFC', person)
    faces.append(Face(person or name, pair.original, *placed, notes))
  progress.close()
  return faces, rejected
