"""Pictures of any size as one set; those left out say why."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from fr_poison.data.faces import FaceSet
from fr_poison.data.placement import Placement
from fr_poison.types import InputError


class Rejected(NamedTuple):
  """A picture that was left out: a row of the report."""

  path: str
  reason: str


def align_set(
  pictures: Iterable[tuple[str, str, np.ndarray]],
  placement: Placement,
  *,
  strict: bool = False,
) -> tuple[FaceSet, list[Rejected]]:
  """Brings pictures of any size to one.

  Args:
    pictures: of each the person, the path, and uint8 [H, W, 3]; looked at one
      after the other.
    placement: such as `detect_faces.aligned(112)`.
    strict: refuse to leave a picture out.

  Returns:
    The set, with the placement's alignment and all the people in the order in
    which they come, those of whom nothing is left, too; and what was left out.

  Raises:
    InputError: no picture that could be used, or as FaceSet; with `strict`:
      the first picture that cannot be used, and why.
  """
  people, images, labels, paths, rejected = {}, [], [], [], []
  for person, path, image in pictures:
    label = people.setdefault(person, len(people))
    try:
      images.append(placement.place(image))
    except InputError as error:
      if strict:
        raise InputError(f'{path}: {error}') from None
      rejected.append(Rejected(path, str(error)))
      continue
    labels.append(label)
    paths.append(path)
  if not images:
    raise InputError(f'pictures: none of {len(rejected)} can be used')
  labels = np.array(labels, np.int32)
  faces = FaceSet(
    np.stack(images), labels, tuple(people), tuple(paths), placement.alignment
  )
  return faces, rejected
