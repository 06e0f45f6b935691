"""Cloaks that any tool made: two folders of pictures, to faces in pairs."""

import collections
import dataclasses
import pathlib
import unicodedata
from typing import NamedTuple

import numpy as np

from fr_poison import checks
from fr_poison.data import align, decode, detect_faces, folder, pairs
from fr_poison.data.batches import Progress, silent
from fr_poison.data.faces import FaceSet, concatenate
from fr_poison.data.placement import Placement, Rejected, centred
from fr_poison.evaluation import oddities, overlay
from fr_poison.types import InputError, UInt8Images

_NUM_SHOWN = 4  # pictures left out, in a message


class Given(NamedTuple):
  """People's pictures, and what a tool made of them.

  Attributes:
    faces: the originals; names and paths begin with 'originals/', so that no
      gallery has them.
    cloaked: the cloak of each.
    notes: of `overlay.NOTES`, for each pair.
    left_out: pictures without a pair that can be used, and why.
  """

  faces: FaceSet
  cloaked: UInt8Images
  notes: list[tuple[str, ...]]
  left_out: list[Rejected]

  def among(self, gallery: FaceSet) -> tuple[FaceSet, UInt8Images]:
    """Joins a gallery of other people, as a protocol and a scrape take it.

    Returns:
      All faces, of which the labels from 0 to `len(self.faces.names) - 1` are
      these people; and all pictures, the cloaks in place of their originals.

    Raises:
      InputError: a gallery of another alignment or size.
    """
    faces = concatenate([self.faces, gallery])
    images = faces.images.copy()
    images[: len(self.cloaked)] = self.cloaked
    return faces, images

  def problems(self, gallery: FaceSet) -> list[str]:
    """Lists what makes a test among the gallery doubtful."""
    return [
      *self._having('same', 'hardly', 'other', 'bgr'),
      *self._exchanged(),
      *oddities.twins(self.faces),
      *oddities.leaks(self.faces, gallery),
      *oddities.exchanged_colours(self.faces),
      *oddities.exchanged_colours(gallery),
      *oddities.same_names(self.faces.names),
    ]

  def remarks(self) -> list[str]:
    """Lists what was done about cloaks that do not lie on their originals."""
    return self._having('size', 'aspect', 'own', 'mirrored', 'turned', 'hidden')

  def _path(self, i):
    return self.faces.paths[i].removeprefix('originals/')

  def _having(self, *notes):
    texts = []
    for note in notes:
      rows = [i for i, own in enumerate(self.notes) if note in own]
      if rows:
        count = f'{len(rows)} of {len(self.notes)}, as {self._path(rows[0])}'
        texts.append(f'{count}: {overlay.NOTES[note]}')
    return texts

  def _exchanged(self):
    """Cloaks that lie where those of other pictures should."""
    originals, found = self.faces.images, []
    for i, own in enumerate(self.notes):
      if 'other' in own:
        apart = np.square(originals.astype(np.float32) - self.cloaked[i])
        nearest = int(apart.mean((1, 2, 3)).argmin())
        fit = overlay.psnr(originals[nearest], self.cloaked[i])
        if nearest != i and overlay.MIN_PSNR <= fit:
          found.append((self._path(i), self._path(nearest)))
    return [
      f'{len(found)} cloaks are of another original than that of their name: '
      f'that of {path} shows {other}'
      for path, other in found[:1]
    ]


@dataclasses.dataclass(frozen=True)
class Folders:
  """Where pictures and their cloaks are, and how both become faces.

  Attributes:
    originals: a folder, with one of each person inside or the pictures of one.
    cloaked: the same; None: beside the originals.
    suffix: of the cloaks' names, see `pairs.match`.
    align: one of `align.TEMPLATES` finds the faces and puts them onto it;
      'already': they are on dlib's; 'none' takes the middle of every picture.
    several_faces: see `detect_faces.choose`.
    person_level: see `folder.person_of`.

  Raises:
    InputError: an unknown value.
  """

  originals: str
  cloaked: str | None = None
  suffix: str = pairs.SUFFIX
  align: str = 'wide'
  several_faces: str = 'skip'
  person_level: str = 'first'

  def __post_init__(self):
    """Checks every value that needs no look at a file."""
    if not self.originals:
      raise InputError('originals: missing; --config.originals=FOLDER')
    known = *align.TEMPLATES, 'already', 'none'
    checks.known('align', self.align, known)
    policies = detect_faces.POLICIES
    checks.known('several_faces', self.several_faces, policies)
    checks.known('person_level', self.person_level, folder.PERSON_LEVELS)

  @property
  def finds_faces(self) -> bool:
    """Says whether faces are looked for."""
    return self.align in align.TEMPLATES

  @property
  def template(self) -> str:
    """Returns the template whose side the pictures get."""
    return self.align if self.finds_faces else 'dlib'

  def placement(self) -> Placement:
    """Says how all pictures are brought to one size, a gallery's as well.

    Raises:
      InputError: the extra `align` is asked for and not installed.
    """
    if self.finds_faces:
      try:
        return detect_faces.aligned(None, self.align, self.several_faces)
      except InputError as error:
        raise InputError(
          f"align: {error}, or say that the faces are on dlib's template with "
          '--config.align=already'
        ) from error
    side = align.TEMPLATES[self.template].side
    if self.align == 'none':
      return centred(side)
    return centred(side)._replace(
      alignment=f'{self.template}-{side}', details=self.align
    )

  def read(self, progress: Progress = silent) -> Given:
    """Reads the pictures of all people who can be tested.

    Args:
      progress: is given the loop over pairs; see `data.batches.silent`.

    Raises:
      InputError: no such folder, no pair in it, or nobody with 2 that can be
        used; as `placement`.
    """
    alignment = self.placement().alignment
    first, second, found, left_out = self._pair_up()
    rows = []
    for pair in progress(found, len(found)):
      try:
        data, cloak = first[pair.original](), second[pair.cloaked]()
        placed = overlay.place(
          decode.decode(data, pair.original),
          decode.decode(cloak, f'its cloak {pair.cloaked}'),
          cloak,
          self.several_faces if self.finds_faces else None,
          self.template,
        )
      except InputError as error:
        reason = str(error).removeprefix(f'{pair.original}: ')
        left_out.append(Rejected(pair.original, reason))
      else:
        rows.append((self._person_of(pair.original), pair.original, *placed))
    return _given(rows, left_out, alignment)

  def _person_of(self, path):
    person = folder.person_of(path, self.person_level)
    person = unicodedata.normalize('NFC', person)
    return person or pathlib.Path(self.originals).resolve().name

  def _pair_up(self):
    """Pictures of both folders, path -> read; pairs of paths, and the rest."""
    root = pathlib.Path(self.originals).resolve()
    inside = root if self.cloaked is None else pathlib.Path(self.cloaked)
    first, left_out = _list('originals', self.originals)
    second, names = first, None
    if inside.resolve() != root:
      if inside.resolve().is_relative_to(root):
        raise InputError('cloaked: is inside config.originals; move it')
      second, more = _list('cloaked', self.cloaked)
      names, left_out = second.keys(), left_out + more
    found, unpaired = pairs.match(first, names, self.suffix)
    if not found:
      near = pairs.nearest(first, names, self.suffix)
      raise InputError(
        f'cloaked: no pair among {len(unpaired)} pictures; a cloak has its '
        f"original's name, or that and config.suffix, {self.suffix!r}"
        + (f'; nearest: {near.original} and {near.cloaked}' if near else '')
      )
    return first, second, found, unpaired + left_out


def _given(rows, left_out, alignment):
  """Of (person, path, original, cloak, notes), those who have two or more."""
  counts = collections.Counter(person for person, *_ in rows)
  for person, path, *_ in rows:
    if counts[person] < 2:
      reason = f'the only usable pair of {person}; 2 are needed'
      left_out.append(Rejected(path, reason))
  rows = [row for row in rows if counts[row[0]] > 1]
  if not rows:
    reasons = '; '.join(map(': '.join, left_out[:_NUM_SHOWN]))
    raise InputError(
      'originals: nobody has 2 usable pairs of pictures, so there is nothing '
      f'to test on; left out: {reasons}'
    )
  people, paths, images, cloaks, notes = zip(*rows, strict=True)
  names = list(dict.fromkeys(people))
  labels = {name: label for label, name in enumerate(names)}
  faces = FaceSet(
    np.stack(images),
    np.array([labels[person] for person in people], np.int32),
    tuple(f'originals/{name}' for name in names),
    tuple(f'originals/{path}' for path in paths),
    alignment,
  )
  return Given(faces, np.stack(cloaks), list(notes), left_out)


def _list(field, source):
  """The pictures, and the folders that are empty or cannot be listed."""
  if not pathlib.Path(source).is_dir():
    raise InputError(f'{field}: {source}: no such folder')
  pictures, rejected = {}, []
  for path, read, _ in folder.files(source):
    if path and path[-1] != '/':
      pictures[path] = read
      continue
    try:
      read()
    except InputError as error:
      reason = str(error).removeprefix(f'{path}: ')
      rejected.append(Rejected(path or '.', reason))
  if not pictures:
    raise InputError(f'{field}: {source}: no pictures')
  return pictures, rejected
