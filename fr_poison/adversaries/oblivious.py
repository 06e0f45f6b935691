"""The trainer who just waits: a standard recognizer on a later network.

He scrapes everybody's pictures, cloaked ones among them, embeds them with the
network he has by then, and fits a recognizer without any countermeasure. With
the very network that the cloaks were made on he is the *baseline*, with any
other he is *oblivious* (section 5.3 of the paper).
"""

from collections.abc import Sequence
from types import ModuleType
from typing import NamedTuple

import numpy as np

from fr_poison.data.splits import Split
from fr_poison.recognizers.ranking import Ranking
from fr_poison.types import Array, Embeddings, Labels


def name(network: str, surrogate: Sequence[str]) -> str:
  """'baseline' if the cloaks were made on `network`, else 'oblivious'.

  Without a cloak (no surrogate) every trainer is the baseline.
  """
  return 'baseline' if not surrogate or network in surrogate else 'oblivious'


class Errors(NamedTuple):
  """Shares of wrong predictions, per distinct test picture."""

  protected: Array  # [P] in [0, 1], of the protected people's clean pictures
  protected_people: Labels  # [P], whose picture
  others: Array  # [Q] in [0, 1], of everybody else's
  others_people: Labels  # [Q]


def evaluate(
  recognizer: ModuleType,
  clean: Embeddings,
  cloaked: Embeddings,
  labels: Labels,
  protected: Sequence[int],
  splits: Sequence[Split],
  **settings,
) -> Errors:
  """Trains once per protected person and split, tests on clean pictures.

  One person at a time is protected: all of his training pictures are cloaked,
  everybody else's are clean, as in the paper.

  Args:
    recognizer: a module of `fr_poison.recognizers`.
    clean: [N, D] embeddings of all pictures.
    cloaked: [N, D], the same with the protected people's pictures cloaked.
    labels: [N].
    protected: [P], the protected people's labels.
    splits: which pictures are for training and for testing.
    **settings: the recognizer's.
  """
  rankings = recognizer.rank_protected(
    clean, cloaked, labels, protected, splits, **settings
  )
  return errors(rankings, labels, protected, splits)


def errors(
  rankings: Sequence[Ranking],
  labels: Labels,
  protected: Sequence[int],
  splits: Sequence[Split],
) -> Errors:
  """How often the true label is not among those that a ranking names.

  Args:
    rankings: per split, [P, number of test pictures, top_k].
    labels: [N].
    protected: [P], the protected people's labels.
    splits: which pictures were for training and for testing.
  """
  labels, protected = np.asarray(labels), np.asarray(protected)
  wrong, times = np.zeros((2, len(labels))), np.zeros((2, len(labels)))
  for (_, test), ranking in zip(splits, rankings, strict=True):
    others = (labels[test] != protected[:, None]).astype(int)  # [P, tests]
    where = others, np.broadcast_to(test, others.shape)
    missed = (ranking.labels != labels[test][:, None]).all(-1)
    np.add.at(wrong, where, missed)
    np.add.at(times, where, 1)
  (own, rest), (own_times, rest_times) = wrong, times
  p, q = np.flatnonzero(own_times), np.flatnonzero(rest_times)
  return Errors(
    own[p] / own_times[p], labels[p], rest[q] / rest_times[q], labels[q]
  )
