"""Who a run understood there is, and whether the faces agree with it."""

import posixpath

import network_loader
import numpy as np

from fr_poison import extractors
from fr_poison.data import align, identities
from fr_poison.data.faces import FaceSet

_NUM_NAMED = 10  # people
_NUM_SHOWN = 4  # groups, or names that may be one


def understood(faces: FaceSet) -> str:
  """'3 people: Ann (4), Bob (4), Cat (2)', of those who have pictures."""
  counts = np.bincount(faces.labels, minlength=len(faces.names))
  named = [
    f'{name.removeprefix("originals/")} ({count})'
    for name, count in sorted(zip(faces.names, counts, strict=True))
    if count
  ]
  noun = 'person' if len(named) == 1 else 'people'
  return f'{len(named)} {noun}: {_some(named, _NUM_NAMED)}'


def doubts(faces: FaceSet, batch_size: int) -> list[str]:
  """Sentences: whose pictures seem to be of several, and who of one person.

  Pictures that were put onto no template are not judged: the network knows
  nobody in them.
  """
  template = faces.alignment.partition('-')[0]
  if template not in align.TEMPLATES:
    return []
  images = faces.images
  if template != 'dlib':
    landmarks = align.landmarks_on('dlib', template, images.shape[1])
    images = np.stack(
      [align.align(x, landmarks, images.shape[1]) for x in images]
    )
  embeddings = extractors.embed(
    network_loader.load(identities.NETWORK), images, batch_size
  )
  told = [
    _split(faces, split)
    for split in identities.splits(embeddings, faces.labels)
  ]
  names = faces.names
  for i, j in identities.same(embeddings, faces.labels):
    told.append(f'{names[i]} and {names[j]} seem to be one person')
  return told


def _split(faces, split):
  groups = [f'{len(rows)} like {faces.paths[rows[0]]}' for rows in split.groups]
  folders = {
    posixpath.dirname(faces.paths[i]) for rows in split.groups for i in rows
  }
  advice = 'a folder for each'
  if len(folders) > 1:
    advice += ', or --config.person_level=every if each has one in it'
  return (
    f'the pictures of {faces.names[split.label]} seem to show '
    f'{len(groups)} people, {_some(groups, _NUM_SHOWN)}; {advice}'
  )


def _some(texts, number):
  more = len(texts) - number
  return ', '.join(texts[:number]) + (f' and {more} more' if more > 0 else '')
