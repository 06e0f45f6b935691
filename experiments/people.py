"""The people of a data set that a config asks for."""

import dataclasses
import sys
from collections.abc import Iterable
from typing import NamedTuple

import config_fields
import numpy as np
import progress

from fr_poison import keys
from fr_poison.data import datasets, detect_faces, standard
from fr_poison.data.faces import FaceSet, concatenate
from fr_poison.data.placement import Placement
from fr_poison.evaluation import oddities
from fr_poison.text import show
from fr_poison.types import InputError

_IN_PLACE = ('orl', 'casia_webface', 'ms1m')  # published aligned


class People(NamedTuple):
  """Who was found, the pictures that could not be used, and sentences."""

  faces: FaceSet
  left_out: list[list[str]]  # with reasons
  warnings: list[str]
  strangers: FaceSet | None = None  # in every gallery, never asked about
  fields: dict = {}  # of all records


def load(
  dataset: str,
  num_people: int,
  data_dir: str | None,
  field: str,
  seed: int,
  **options,
) -> FaceSet:
  """The pictures of `num_people` people, drawn by `seed`; see `find`."""
  faces = find(dataset, num_people, data_dir, field, seed, **options).faces
  for text in oddities.exchanged_colours(faces):
    show(f'note: {text}', file=sys.stderr)
  return faces


def find(
  dataset: str,
  num_people: int | None,
  data_dir: str | None,
  field: str,
  seed: int,
  *,
  alignment: str = 'auto',
  strict: bool = False,
  person_level: str = 'first',
  min_pictures: int = 2,
) -> People:
  """`num_people` of the people who have enough pictures, see `draw`.

  What was found in the data set, what was not, and who was understood goes to
  stderr.

  Args:
    dataset: one of `datasets.NAMES`.
    num_people: as many; None: all.
    data_dir: the data set's own folders, or None for the installed copy.
    field: of the config that the number comes from.
    seed: of the draw.
    alignment: see `place`.
    strict: refuse pictures that cannot be used, and names alike.
    person_level: of the data set 'folder', see its page.
    min_pictures: people with fewer usable ones are left out.

  Raises:
    InputError: there are fewer people, or none; the data set cannot be read;
      as `place`.
  """
  placement = place(dataset, alignment)
  is_given = data_dir or dataset != 'orl'
  with config_fields.naming('--data_dir' if is_given else 'config.dataset'):
    found, counts = _open(dataset, data_dir, placement, strict, person_level)
  able = [name for name, count in counts.items() if count >= min_pictures]
  if not able:
    raise InputError(
      f'config.min_pictures: nobody in {dataset} has {min_pictures} usable ones'
    )
  if len(able) < (num_people or 0):
    raise InputError(
      f'config.{field}: {num_people} people, but {dataset} has {len(able)} '
      f'with {min_pictures} or more usable pictures'
    )
  chosen = draw(able, seed, num_people)
  if dataset == 'orl':
    result = People(arrange(found, chosen), [], [])
  else:
    faces, left_out = found.faces(chosen), [list(row) for row in found.skipped]
    result = People(faces, left_out, _assumed(found, faces))
  show(oddities.understood(result.faces), file=sys.stderr)
  return result


def of_standard(settings: config_fields.Fields, data_dir: str | None) -> People:
  """Reads the people of a standard: the public ones, then those who cloak.

  Everybody else is among the strangers, and the public people are, too; but
  nobody who is tested, unless they cloak.

  Args:
    settings: with `standard`, `protect`, `num_public` and `align`.
    data_dir: the data set's own folders.

  Raises:
    InputError: a picture is missing or another one; fewer public people; as
      `place`.
  """
  name, protect = settings.standard, settings.protect
  number, frozen = settings.num_public, standard.load(name)
  placement = place(frozen.dataset, settings.align)
  with config_fields.naming('--data_dir'):
    found, _ = _open(frozen.dataset, data_dir, placement, False, 'first')
    by_role = frozen.faces(found)
  public = by_role['public']
  if number > len(public.names):
    raise InputError(
      f'config.num_public: {number}, but {name} has {len(public.names)}'
    )
  public = public.subset(public.labels < number)
  shown = {*standard.ROLES} - {'test', protect}
  faces = concatenate([public, by_role[protect]])
  strangers = concatenate([by_role[r] for r in standard.ROLES if r in shown])
  fields = {
    'standard': name,
    'standard_digest': frozen.digest,
    'protect': protect,
  }
  show(oddities.understood(faces), file=sys.stderr)
  return People(faces, [], _assumed(found, faces), strangers, fields)


def place(dataset: str, alignment: str) -> Placement | None:
  """Says how a data set's pictures are brought to one size.

  Args:
    dataset: one of `datasets.NAMES`.
    alignment: one of `config_fields.ALIGNMENTS`: a template that their faces
      are put onto; 'none': they stay as they are; 'auto': the canonical frame,
      but for the data sets that were published aligned.

  Returns:
    None: as they are.

  Raises:
    InputError: ORL is to be aligned, which it is; the extra `align` is not
      installed.
  """
  if dataset == 'orl' and alignment not in ('auto', 'none'):
    raise InputError(f'config.align: {alignment}, but orl is aligned already')
  if alignment == 'auto':
    alignment = 'none' if dataset in _IN_PLACE else 'wide'
  if alignment == 'none':
    return None
  try:
    return detect_faces.aligned(template=alignment)
  except InputError as error:
    raise InputError(
      f'config.align: {error}, or for face crops --config.align=none'
    ) from error


def _open(dataset, data_dir, placement, strict, person_level):
  """The data set, and everyone's number of pictures."""
  source = {'source_dir': data_dir} if data_dir else {}
  if dataset == 'orl':
    faces = datasets.load(dataset, **source)
    counts = np.bincount(faces.labels).tolist()
    return faces, dict(zip(faces.names, counts, strict=True))
  if dataset == 'folder':
    source['person_level'] = person_level
  found = datasets.prepare(
    dataset,
    placement=placement,
    strict=strict,
    progress=progress.over(f'reading {dataset}', delay=2),
    **source,
  )
  show(*found.report(), sep='\n', file=sys.stderr)
  return found, found.people


def _assumed(found, faces):
  """A sentence on those of these pictures in which no face was found."""
  own = set(faces.paths)
  paths = [path for path, _ in found.assumed if path in own]
  if not paths:
    return []
  return [
    f'no face found in {len(paths)} pictures, cut out where those of '
    f'{found.name} are: {", ".join(paths)}'
  ]


def draw(
  names: Iterable[str], seed: int, number: int | None = None
) -> tuple[str, ...]:
  """`number` of the people (None: all), in an order that the seed decides.

  A person's place depends on the seed and the names alone: whoever asks for
  more people gets the same ones first. Groups of people who share nobody are
  consecutive parts of this order, see `groups`.
  """
  by_chance = sorted(names, key=lambda name: keys.of([seed, name]))
  return tuple(by_chance[:number])


def arrange(faces: FaceSet, names: tuple[str, ...]) -> FaceSet:
  """The pictures of these people alone, labelled and sorted in their order."""
  labels = {name: label for label, name in enumerate(names)}
  new = np.array([labels.get(name, -1) for name in faces.names], np.int32)
  new = new[faces.labels]
  rows = np.argsort(new, kind='stable')[np.sum(new < 0) :]
  found = faces.subset(rows)
  return dataclasses.replace(found, labels=new[rows], names=names)


def groups(faces: FaceSet, *sizes: int) -> list[FaceSet]:
  """The first people of a draw, the next ones and so on; the rest come last.

  Args:
    faces: of `find`, which the groups are parts of, not copies.
    *sizes: people of each group but the last.
  """
  ends = np.searchsorted(faces.labels, np.cumsum(sizes)).tolist()
  spans = zip([0, *ends], [*ends, len(faces)], strict=True)
  return [faces.subset(slice(*span)) for span in spans]
