"""What is odd about given pictures, one line each: they go into the report."""

from collections.abc import Iterable

import cloak_fit
import given_pairs
import numpy as np
import people

from fr_poison import metrics
from fr_poison.data import near_duplicates
from fr_poison.data.faces import FaceSet

_COLOUR_BLIND = ('dlib_resnet', 'faceres', 'faceres_deep')


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


def exchanged(faces: list[given_pairs.Face]) -> list[str]:
  """Cloaks that lie where those of other pictures should."""
  originals = np.stack([face.original for face in faces])
  found = []
  for face in faces:
    if 'other' in face.notes:
      apart = np.square(originals.astype(np.float32) - face.cloaked)
      nearest = faces[int(apart.mean((1, 2, 3)).argmin())]
      psnr = metrics.psnr(nearest.original, face.cloaked)
      if nearest is not face and (psnr or 0) >= cloak_fit.MIN_PSNR:
        found.append((face.path, nearest.path))
  return [
    f'{len(found)} cloaks are of another original than that of their name: '
    f'that of {path} shows {other}'
    for path, other in found[:1]
  ]


def same_names(names: tuple[str, ...]) -> list[str]:
  """People whose names differ in case only, and who are taken for two."""
  folded = [name.casefold() for name in names]
  return [
    f'{name} is taken for another person than {names[folded.index(fold)]}'
    for name, fold in zip(names, folded, strict=True)
    if names[folded.index(fold)] != name
  ]


def colours(
  own: FaceSet, gallery: FaceSet, networks: Iterable[str]
) -> list[str]:
  """Whether one is grey, the other is not, and a network minds.

  Of 24 people of LFW, 1-NN beside the 40 grey ones of ORL mistook 32% of the
  pictures in colour and 45% of the same in grey on mobileface. `_COLOUR_BLIND`
  are the networks on which a coarser count, of other pictures, moved by 2
  points at most.
  """
  is_grey = [bool(np.ptp(x.images, -1).max() == 0) for x in (own, gallery)]
  minding = [name for name in networks if name not in _COLOUR_BLIND]
  if is_grey[0] == is_grey[1] or not minding:
    return []
  return [
    f'of these pictures and the gallery one is grey, and {", ".join(minding)} '
    'may tell them apart by that: rates may come out too low there; better a '
    '--config.gallery=FOLDER of pictures like these'
  ]
