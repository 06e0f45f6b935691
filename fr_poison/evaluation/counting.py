"""Counting: whose probes a trained recognizer gets wrong, and how often."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from fr_poison.data.splits import Rows, Split
from fr_poison.recognizers.ranking import NOBODY, Ranking
from fr_poison.types import Array, InputError, Labels


class Errors(NamedTuple):
  """Shares of wrong answers, per distinct probe or person."""

  protected: Float[Array, '*seeds P']  # in [0, 1]
  protected_people: Int[Array, ' P']  # whose
  others: Float[Array, '*seeds Q']  # in [0, 1]
  others_people: Int[Array, ' Q']


def count_errors(
  rankings: Sequence[Ranking],
  labels: Labels,
  protected: Sequence[int],
  splits: Sequence[Split],
  counted: Sequence[Bool[np.ndarray, 'P _']] | None = None,
) -> Errors:
  """Counts how often the true label is not among those that a ranking names.

  A probe that several splits test counts once, with its share of errors.

  Args:
    rankings: per split, [P, number of probes, top_k].
    labels: whose the pictures are.
    protected: the protected people's labels.
    splits: which pictures were gallery and probes.
    counted: per split, of each of P protected people and each probe; None: all
      of them.
  """
  labels, protected = np.asarray(labels), np.asarray(protected)
  # Row 0 is the protected person's, row 1 everybody else's.
  wrong, times = np.zeros((2, 2, len(labels)))
  for i, ((_, test), ranking) in enumerate(zip(splits, rankings, strict=True)):
    others = (labels[test] != protected[:, None]).astype(int)  # [P, T]
    where = others, np.broadcast_to(test, others.shape)
    weight = np.ones(others.shape) if counted is None else counted[i]
    missed = (ranking.labels != labels[test][:, None]).all(-1)
    np.add.at(wrong, where, missed * weight)
    np.add.at(times, where, weight)
  return Errors(
    *_shares(wrong[0], times[0], labels), *_shares(wrong[1], times[1], labels)
  )


def over_seeds(found: Iterable[Errors]) -> Errors:
  """Stacks what several trainings got wrong.

  Args:
    found: of the same probes.
  """
  found = list(found)
  return found[0]._replace(
    protected=np.stack([errors.protected for errors in found]),
    others=np.stack([errors.others for errors in found]),
  )


def among_strangers(ranking: Ranking, distances: Float[Array, ' M']) -> Ranking:
  """Replaces the first of a ranking by a stranger who is nearer.

  Args:
    ranking: [P, M, 1], scores minus Euclidean distances.
    distances: to the nearest stranger.

  Raises:
    InputError: a ranking of more than one.
  """
  if ranking.labels.shape[-1] != 1:
    raise InputError('top_k: strangers are measured with 1 alone')
  scores = -np.asarray(distances)[:, None]
  return Ranking(
    np.where(scores > ranking.scores, NOBODY, ranking.labels),
    np.maximum(scores, ranking.scores),
  )


def enrolment(
  labels: Labels, kept_rows: Sequence[tuple[Split, int, Rows]]
) -> Errors:
  """Counts how often a detector left a person no picture at all.

  Args:
    labels: whose the pictures are.
    kept_rows: of every split and protected person: split, label, and the rows
      of the gallery that were kept.

  Returns:
    Shares of splits, per protected person and per other person.
  """
  people = np.unique(labels)
  lost, tried = np.zeros((2, 2, len(people)))
  for split, person, kept in kept_rows:
    scraped = np.unique(labels[split.train])
    where = (scraped != person).astype(int), np.searchsorted(people, scraped)
    lost[where] += ~np.isin(scraped, labels[kept])
    tried[where] += 1
  return Errors(
    *_shares(lost[0], tried[0], people), *_shares(lost[1], tried[1], people)
  )


def _shares(counts, times, owners):
  """Of those that were counted, and whose they are."""
  found = np.flatnonzero(times)
  return counts[found] / times[found], owners[found]
