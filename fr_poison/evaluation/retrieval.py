"""Retrieval: how many of a person's pictures a search by one of theirs finds.

As in the evaluation of Protego: a search engine for faces shows the k nearest
pictures, where k is the number that it has of the person, and recall is the
share of these that are the person's. A closed-set recognizer needs one picture
that is near; this asks after all of them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from fr_poison import distances
from fr_poison.evaluation.views import View
from fr_poison.types import Array, Labels


class Recalls(NamedTuple):
  """Recall of each distinct probe that was a query."""

  shares: Float[Array, ' Q']  # in [0, 1]
  people: Int[Array, ' Q']  # whose


def recalls(
  views: Sequence[View],
  labels: Labels,
  protected: Sequence[int],
  strangers: Float[Array, 'M D'] | None = None,
  *,
  normalize: bool = False,
) -> Recalls:
  """Searches with each protected person's probes, in that person's turn.

  Where two pictures are equally near, the person's comes first. A probe of
  several splits counts once, with its mean.

  Args:
    views: embeddings of galleries and probes.
    labels: whose the pictures are.
    protected: the protected people's labels.
    strangers: embeddings in every gallery; None: nobody's.
    normalize: compare directions only.
  """
  found, times = np.zeros((2, len(labels)))
  for view in views:
    asked = view.probes if view.cloaked_probes is None else view.cloaked_probes
    for split in view.splits:
      train, test = (rows[np.isin(labels[rows], protected)] for rows in split)
      parts = [view.gallery[split.train], view.own[train]]
      parts += [] if strangers is None else [strangers]
      everybody, own, others = _distances(parts, asked[test], normalize)
      for person in protected:
        columns = np.flatnonzero(labels[test] == person)
        mine = own[labels[train] == person]
        rest = everybody[labels[split.train] != person]
        near = np.concatenate([mine, rest, others])[:, columns]
        first = np.argsort(near, 0, 'stable')[: len(mine)]
        found[test[columns]] += (first < len(mine)).mean(0)
        times[test[columns]] += 1
  rows = np.flatnonzero(times)
  return Recalls(found[rows] / times[rows], labels[rows])


def _distances(parts, asked, normalize):
  """Of each part's pictures to those asked, squared; the third may be none."""
  prepare = lambda x: np.asarray(x, np.float32)
  if normalize:
    prepare = lambda x: distances.normalize(np.asarray(x, np.float32))
  pictures = np.concatenate([*map(prepare, parts)])
  near = np.asarray(distances.squared_distances(pictures, prepare(asked)))
  ends = np.cumsum([*map(len, parts[:2])])
  return np.split(near, ends)
