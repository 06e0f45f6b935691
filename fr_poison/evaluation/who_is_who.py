"""Who is who among loose pictures, where no folder says so: by their faces."""

from typing import NamedTuple

import numpy as np

from fr_poison.data import identities
from fr_poison.data.faces import FaceSet
from fr_poison.data.placement import Rejected
from fr_poison.evaluation import oddities
from fr_poison.evaluation.given import Given

LOOSE = ('by_face', 'one_person')  # whose pictures are that lie in no folder
_NUM_SHOWN = 10  # pictures of a person
_ROOT = 'originals/'
NOT_TESTED = (
  'Who is who among the loose pictures: a network grouped them. It takes two '
  'people who look alike to it for one, and leaves out whom it knows nowhere '
  'else, so recognizers may seem to do better than they would.'
)


class Grouped(NamedTuple):
  """Pictures by person, and who these are.

  Attributes:
    given: the pictures, without those that are like no other one.
    people: a sentence for each person who was found; none where the folders
      say who is who, or the loose pictures seem to show one person.
  """

  given: Given
  people: list[str]


def by_face(given: Given, batch_size: int) -> Grouped:
  """Makes a person of each group of loose pictures whose faces are alike.

  The groups are those of `identities.groups_of`. A person is called like their
  first picture. Where fewer than two groups have two pictures or more, all
  stay one person's, of whom a view from the side may be set apart.

  Args:
    given: as it was read.
    batch_size: pictures embedded at a time.
  """
  paths = [path.removeprefix(_ROOT) for path in given.faces.paths]
  loose = np.array([i for i, x in enumerate(paths) if '/' not in x], np.intp)
  embeddings = None
  if len(loose):
    embeddings = oddities.embed_for_judge(given.faces.subset(loose), batch_size)
  if embeddings is None:
    return Grouped(given, [])
  groups = [loose[group] for group in identities.groups_of(embeddings)]
  people = [group for group in groups if len(group) > 1]
  if len(people) < 2:
    return Grouped(given, [])
  names = [given.faces.names[label] for label in given.faces.labels]
  alone = {int(group[0]) for group in groups if len(group) == 1}
  texts = []
  for group in people:
    name = f'like {paths[group[0]]}'
    for i in group:
      names[i] = _ROOT + name
    shown = oddities.some([paths[i] for i in group], _NUM_SHOWN)
    texts.append(f'{name} ({len(group)}): {shown}')
  reason = 'like no other loose picture; 2 of a person are needed'
  left_out = [Rejected(paths[i], reason) for i in sorted(alone)]
  kept = [i for i in range(len(paths)) if i not in alone]
  return Grouped(
    Given(
      _named(given.faces.subset(np.array(kept)), [names[i] for i in kept]),
      given.cloaked[kept],
      [given.notes[i] for i in kept],
      given.left_out + left_out,
    ),
    texts,
  )


def remark(people: list[str]) -> str:
  """Writes that people were grouped by face, by what, and how to correct it."""
  return (
    f'folders do not say who is who, so faces do: {len(people)} people, whose '
    f'pictures {identities.NETWORK} puts {identities.GROUPED} or less apart; '
    'where that is wrong, give the originals a folder for each person (the '
    'cloaks may stay where they are), or --config.loose=one_person'
  )


def _named(faces, names) -> FaceSet:
  known = list(dict.fromkeys(names))
  labels = np.array([known.index(name) for name in names], np.int32)
  return FaceSet(
    faces.images, labels, tuple(known), faces.paths, faces.alignment
  )
