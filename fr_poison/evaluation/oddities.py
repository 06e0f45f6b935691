"""What is odd about pictures of people, one line each, for terminal and report.

Whose they are, whether the faces agree with that, and what would make a test of
them none: copies, exchanged colours, one grey set among coloured ones.
"""

import posixpath
from collections.abc import Iterable

import numpy as np

from fr_poison import extractors, text
from fr_poison.data import (
  align,
  colour_order,
  file_names,
  identities,
  near_duplicates,
)
from fr_poison.data.faces import FaceSet
from fr_poison.types import Embeddings

_NUM_NAMED = 10  # people
_NUM_SHOWN = 4  # groups, or names that may be one
_COLOUR_BLIND = ('dlib_resnet', 'faceres', 'faceres_deep')


def understood(faces: FaceSet) -> str:
  """Lists who has pictures: '3 people: Ann (4), Bob (4), Cat (2)'."""
  counts = np.bincount(faces.labels, minlength=len(faces.names))
  named = [
    f'{name.removeprefix("originals/")} ({count})'
    for name, count in sorted(zip(faces.names, counts, strict=True))
    if count
  ]
  number = text.count(len(named), 'person', 'people')
  return f'{number}: {some(named, _NUM_NAMED)}'


def doubts(faces: FaceSet, batch_size: int) -> list[str]:
  """Names whose pictures seem to be of several, and who of one person.

  Pictures that were put onto no template are not judged: the network knows
  nobody in them.
  """
  embeddings = embed_for_judge(faces, batch_size)
  if embeddings is None:
    return []
  splits = identities.splits(embeddings, faces.labels)
  texts = [_split(faces, split) for split in splits]
  for pair in identities.same(embeddings, faces.labels):
    one, other = (faces.names[label] for label in pair)
    texts.append(f'{one} and {other} seem to be one person')
  return texts


def embed_for_judge(faces: FaceSet, batch_size: int) -> Embeddings | None:
  """Embeds faces as `identities` takes them; None on no template."""
  template, size = faces.alignment.partition('-')[0], faces.images.shape[1]
  if template not in align.TEMPLATES:
    return None
  images = faces.images
  if template != 'dlib':
    landmarks = align.landmarks_on('dlib', template, size)
    images = np.stack([align.align(x, landmarks, size, 'dlib') for x in images])
  return extractors.embed(
    extractors.load(identities.NETWORK), images, batch_size
  )


def _split(faces, split):
  groups = [f'{len(rows)} like {faces.paths[rows[0]]}' for rows in split.groups]
  paths = [faces.paths[i] for rows in split.groups for i in rows]
  advice = 'a folder for each'
  if len(set(map(posixpath.dirname, paths))) > 1:
    advice += ', or --config.person_level=every if each has one in it'
  return (
    f'the pictures of {faces.names[split.label]} seem to show '
    f'{len(groups)} people, {some(groups, _NUM_SHOWN)}; {advice}'
  )


def some(texts: list[str], number: int) -> str:
  """Lists the first so many of some texts, and says how many more there are."""
  more = len(texts) - number
  return ', '.join(texts[:number]) + (f' and {more} more' if more > 0 else '')


def exchanged_colours(faces: FaceSet) -> list[str]:
  """Says so if more than one face in ten seems to be BGR."""
  rows = np.flatnonzero(colour_order.is_exchanged(faces.images))
  if len(rows) <= len(faces) / 10:
    return []
  return [
    f'{len(rows)} of {len(faces)} faces are bluer than they are red, as '
    f'{faces.paths[rows[0]]}: BGR that was stored as RGB? Networks would see '
    'other people'
  ]


def twins(faces: FaceSet) -> list[str]:
  """Says so if pictures are there twice, or nearly."""
  found = near_duplicates.find(faces.images, faces.images)
  # The first one of equal pictures is the first of which it is one.
  later = [pair for pair in found if pair.second < pair.first]
  return [
    f'{len(later)} of {len(faces)} pictures are nearly the same as one before '
    f'them, as {faces.paths[pair.second]} and {faces.paths[pair.first]}: where '
    'one trains and the other tests, it is no test'
    for pair in later[:1]
  ]


def leaks(own: FaceSet, gallery: FaceSet) -> list[str]:
  """Says so if one of these pictures is in the gallery, too."""
  return [
    f'{own.paths[i]} is in the gallery, too, as {gallery.paths[j]}: one '
    'person under two names'
    for i, j, *_ in near_duplicates.find(own.images, gallery.images)[:1]
  ]


def same_names(names: tuple[str, ...]) -> list[str]:
  """Names that differ in case or form only, and are taken for two people."""
  first = {}
  return [
    f'{name} is taken for another person than {other}'
    for name in names
    if (other := first.setdefault(file_names.fold(name), name)) != name
  ]


def colours(
  own: FaceSet, gallery: FaceSet, networks: Iterable[str]
) -> list[str]:
  """Says so if one set is grey, the other is not, and a network minds.

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
    'may know them by that: rates may come out too low there; better a '
    '--config.gallery=FOLDER of pictures like these'
  ]
