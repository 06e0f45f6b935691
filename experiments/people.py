"""The people of a data set that a config asks for."""

import sys
from typing import NamedTuple

import config_fields
import numpy as np
import progress

from fr_poison.data import (
  align,
  colour_order,
  datasets,
  detect_faces,
  near_duplicates,
)
from fr_poison.data.faces import FaceSet
from fr_poison.types import InputError

ALIGNMENTS = ('none', *align.TEMPLATES)


class People(NamedTuple):
  """Who was found, and the pictures that could not be used, with reasons."""

  faces: FaceSet
  left_out: list[list[str]]


def load(
  dataset: str, num_people: int, data_dir: str | None, field: str
) -> FaceSet:
  """The pictures of the first `num_people` people; see `find`."""
  faces = find(dataset, num_people, data_dir, field).faces
  for text in exchanged_colours(faces):
    print(f'note: {text}', file=sys.stderr)
  return faces


def find(
  dataset: str,
  num_people: int,
  data_dir: str | None,
  field: str,
  *,
  alignment: str = 'none',
  strict: bool = False,
) -> People:
  """The first `num_people` people who have 2 or more pictures.

  What was found in the data set and what was not goes to stderr.

  Args:
    dataset: one of `datasets.NAMES`.
    num_people: as many.
    data_dir: the data set's own folders, or None for the installed copy.
    field: of the config that the number comes from.
    alignment: one of `ALIGNMENTS`: find the faces and put them onto that
      template, or leave the pictures as they are.
    strict: refuse pictures that cannot be used, and names alike.

  Raises:
    InputError: there are fewer; the data set cannot be read; ORL is to be
      aligned, which it is.
  """
  if dataset == 'orl' and alignment != 'none':
    raise InputError(f'config.align: {alignment}, but orl is aligned already')
  placement = None
  if alignment != 'none':
    placement = detect_faces.aligned(template=alignment)
  is_given = data_dir or dataset != 'orl'
  with config_fields.naming('--data_dir' if is_given else 'config.dataset'):
    faces, left_out = _read(dataset, num_people, data_dir, placement, strict)
  if num_people > len(faces.names):
    raise InputError(
      f'config.{field}: {num_people} people, but {dataset} has '
      f'{len(faces.names)}'
    )
  rows = np.flatnonzero(faces.labels < num_people)
  return People(faces.subset(rows), left_out)


def _read(dataset, num_people, data_dir, placement, strict):
  """All of ORL, or of another data set that many people at most."""
  source = {'source_dir': data_dir} if data_dir else {}
  left_out = []
  if dataset == 'orl':
    faces = datasets.load(dataset, **source)
  else:
    found = datasets.prepare(
      dataset,
      placement=placement,
      strict=strict,
      progress=progress.over(f'reading {dataset}', delay=2),
      **source,
    )
    print(*found.report(), sep='\n', file=sys.stderr)
    left_out = [list(row) for row in found.skipped]
    faces = found.faces(num_people, min_pictures=2)
  return faces, left_out


def split(faces: FaceSet, label: int) -> tuple[FaceSet, FaceSet]:
  """Those with a label below `label`, and the others."""
  below = faces.labels < label
  return (
    faces.subset(np.flatnonzero(below)),
    faces.subset(np.flatnonzero(~below)),
  )


def exchanged_colours(faces: FaceSet) -> list[str]:
  """A sentence if more than one face in ten seems to be BGR."""
  rows = np.flatnonzero(colour_order.is_exchanged(faces.images))
  if len(rows) <= len(faces) / 10:
    return []
  return [
    f'{len(rows)} of {len(faces)} faces are bluer than they are red, as '
    f'{faces.paths[rows[0]]}: BGR that was stored as RGB? Networks would see '
    'other people'
  ]


def twins(faces: FaceSet) -> list[str]:
  """A sentence if pictures are there twice, or nearly."""
  found = near_duplicates.find(faces.images, faces.images)
  pairs = [(faces.paths[i], faces.paths[j]) for i, j, _ in found if i < j]
  return [
    f'{len(pairs)} pairs of pictures are nearly the same, as {one} and '
    f'{other}: where one trains and the other tests, it is no test'
    for one, other in pairs[:1]
  ]
