"""What is odd about given pictures, one line each: they go into the report."""

import given_pairs
import numpy as np
import people

from fr_poison.data import near_duplicates
from fr_poison.data.faces import FaceSet


def of_pairs(faces: list[given_pairs.Face], *notes: str) -> list[str]:
  """How many pairs have each of the `given_pairs.NOTES` named."""
  texts = []
  for note in notes:
    paths = [face.path for face in faces if note in face.notes]
    if paths:
      reason = given_pairs.NOTES[note]
      texts.append(f'{len(paths)} of {len(faces)}, as {paths[0]}: {reason}')
  return texts


def leaks(own: FaceSet, gallery: FaceSet) -> list[str]:
  """Pictures that are there twice, among the originals or in the gallery."""
  texts = people.twins(own)
  for i, j, _ in near_duplicates.find(own.images, gallery.images)[:1]:
    texts.append(
      f'{own.paths[i]} is in the gallery, too, as {gallery.paths[j]}: one '
      'person under two names'
    )
  return texts


def same_names(names: tuple[str, ...]) -> list[str]:
  """People whose names differ in case only, and who are taken for two."""
  folded = [name.casefold() for name in names]
  return [
    f'{name} is taken for another person than {names[folded.index(fold)]}'
    for name, fold in zip(names, folded, strict=True)
    if names[folded.index(fold)] != name
  ]


def colours(own: FaceSet, gallery: FaceSet) -> list[str]:
  """Whether one is grey and the other is not."""
  is_grey = [bool(np.ptp(x.images, -1).max() == 0) for x in (own, gallery)]
  if is_grey[0] == is_grey[1]:
    return []
  return [
    'of these pictures and the gallery one is grey, which may help to tell '
    'them apart: rates may come out too low; better give a gallery like them'
  ]
