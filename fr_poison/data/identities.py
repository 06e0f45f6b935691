"""Whether names fit faces: several people under one name, one under two.

Both are judged by distances of embeddings of dlib_resnet, of which its author
says that two pictures with less than 0.6 between them show one person (dlib's
face_recognition.py, 99.4% of LFW's pairs). A mean over pictures says more than
one pair, so two bounds that err on the side of silence stand around it. They
were chosen on faces on dlib's template, of 40 people of ORL and 308 of LFW with
4 to 8 pictures each:

- Two groups, by average linkage, are 0.65 or more apart in nobody of ORL; of
  LFW 6 people have a picture that is set apart, and nobody has two. (At 0.6 it
  is 15.) Where 4 pictures each of two people lie together, it goes unnoticed in
  1 of 25 cases in ORL, in 1 of 70 in LFW.
- The pictures of two people are less than 0.5 apart in the mean for none of
  ORL's 780 pairs of people (the least: 0.56) and hardly any of LFW's 32,000
  (0.48). Two halves of one person's pictures are for all of ORL (the median:
  0.31) and 9 in 10 of LFW (0.43).

Where nobody says who is who, two people in one group are worse than a picture
that is left out, and two of many people meet more often than two of two. So
groups are made at 0.55. Of 200 folders with the loose pictures of ten people
each, all of ORL come out right (ten pictures of a person; at 0.65 one in ten).
Of LFW (60 people, six pictures each) one picture in 800 is in somebody else's
group, and 3% are left out. 2 or 3 people in 100 are taken for two. About 70
folders in 100 are right but for what is left out (at 0.65, 46).
"""

from typing import NamedTuple

import numpy as np
from scipy.cluster import hierarchy
from scipy.spatial import distance

NETWORK = 'dlib_resnet'
_APART = 0.65  # of the means of two groups, and more: two people
GROUPED = 0.55  # the same where nobody says who is who
_SAME = 0.5  # of the means of two names' pictures, and less: one person
_MOST = 1000  # pictures of one name: all their pairs are compared


class Split(NamedTuple):
  """Pictures of one name that seem to show several people.

  Attributes:
    label: the name's.
    groups: indices of its pictures, the largest group first.
  """

  label: int
  groups: list[np.ndarray]


def splits(embeddings: np.ndarray, labels: np.ndarray) -> list[Split]:
  """Finds the names whose pictures fall into distant groups.

  Args:
    embeddings: [N, 128], of `NETWORK`, of faces on dlib's template.
    labels: int [N].
  """
  found = []
  for label in np.unique(labels):
    rows = np.flatnonzero(labels == label)
    rows = rows[:: -(-len(rows) // _MOST)]
    if len(rows) < 2:
      continue
    groups = groups_of(embeddings[rows], _APART)
    if len(groups) > 1:
      found.append(Split(int(label), [rows[group] for group in groups]))
  return found


def groups_of(
  embeddings: np.ndarray, apart: float = GROUPED
) -> list[np.ndarray]:
  """Groups pictures by who seems to be in them, by average linkage.

  Args:
    embeddings: [N, 128], of `NETWORK`, of faces on dlib's template.
    apart: the distance between the means of two groups that stay two.

  Returns:
    Indices of the pictures of each group, the largest first, of the same size
    that of the first picture first.
  """
  if len(embeddings) < 2:
    return [np.arange(len(embeddings))]
  group = hierarchy.fclusterdata(
    embeddings, apart, criterion='distance', method='average'
  )
  groups = [np.flatnonzero(group == i) for i in np.unique(group)]
  return sorted(groups, key=lambda rows: (-len(rows), rows[0]))


def same(embeddings: np.ndarray, labels: np.ndarray) -> list[tuple[int, int]]:
  """Finds the pairs of labels under which there seems to be one person.

  Of the same embeddings and labels as in `splits`.
  """
  counts, found = np.bincount(labels), []
  for label in np.unique(labels):
    rows = labels == label
    sums = distance.cdist(embeddings[rows], embeddings).sum(0)
    means = np.bincount(labels, sums) / np.maximum(counts, 1) / counts[label]
    near = np.flatnonzero((means < _SAME) & (counts > 0))
    found += [(int(label), int(other)) for other in near if other > label]
  return found
