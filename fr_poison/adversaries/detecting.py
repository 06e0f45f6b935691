"""The trainer who drops every scraped picture that a detector flags.

He scores what he scraped, drops what is above the threshold, and trains on the
rest. Whoever loses all of his pictures is *not enrolled*: the recognizer has no
name for him, so he cannot be recognised, but was not made to look like anybody
else either. That is not what a cloak promises, and is reported by itself:
error rates are those of enrolled people alone.
"""

from collections.abc import Sequence
from types import ModuleType
from typing import NamedTuple

import numpy as np

from fr_poison import checks
from fr_poison.data.splits import Split
from fr_poison.types import Array, Embeddings, InputError, Labels


class Filtered(NamedTuple):
  """What is left of a scrape."""

  kept: np.ndarray  # rows, in the order in which they were given
  not_enrolled: Labels  # people of whom no picture is left, rising


class Scored(NamedTuple):
  """All pictures as the trainer sees them, clean and cloaked."""

  clean: Embeddings  # [N, D]
  cloaked: Embeddings  # [N, D], the protected people's cloaked
  clean_scores: Array  # [N] of a detector
  cloaked_scores: Array  # [N], the protected people's of their cloaks
  labels: Labels  # [N]


class Errors(NamedTuple):
  """Shares of wrong predictions, per distinct test picture, of the enrolled.

  A test counts where the person was enrolled; a picture of somebody who never
  was is not among these. All of it may be empty.
  """

  protected: Array  # [P'] in [0, 1], of the protected people's clean pictures
  protected_people: Labels  # [P'], whose picture
  others: Array  # [Q'] in [0, 1], of everybody else's
  others_people: Labels  # [Q']
  not_enrolled: Array  # [P], share of the splits that left nothing, protected
  not_enrolled_people: Labels  # [P], the protected
  others_not_enrolled: Array  # [Q], of everybody else, by false alarms
  others_not_enrolled_people: Labels  # [Q]


def filter_scrape(
  scores: Array, threshold: float, labels: Labels, train: Array
) -> Filtered:
  """Keeps the pictures that are not above the threshold.

  Args:
    scores: [N] of a detector; higher is likelier cloaked.
    threshold: a score that equals it is kept; infinity keeps everything.
    labels: [N].
    train: rows of the pictures that were scraped.

  Raises:
    InputError: scores of the scraped pictures or threshold are NaN, or another
      number of labels.
  """
  scores, labels = np.asarray(scores), np.asarray(labels)
  train = np.asarray(train, np.intp)
  if labels.shape != scores.shape:
    raise InputError(f'labels: {len(labels)} given for {len(scores)} scores')
  if np.isnan(threshold):
    raise InputError('threshold: nan given, a number expected')
  if np.isnan(scores[train]).any():
    row = train[np.argmax(np.isnan(scores[train]))]
    raise InputError(f'scores: NaN in row {row}')
  kept = train[scores[train] <= threshold]
  return Filtered(kept, np.setdiff1d(labels[train], labels[kept]))


@checks.checked
def evaluate(
  recognizer: ModuleType,
  pictures: Scored,
  threshold: float,
  protected: Sequence[int],
  splits: Sequence[Split],
  *,
  top_k: checks.Count = 1,
  **settings,
) -> Errors:
  """Filters and trains once per protected person and split.

  One person at a time is protected, as in `oblivious`; clean pictures of
  others are lost where the detector is wrong.

  Args:
    recognizer: of `fr_poison.recognizers`, one with `fit` and `rank`.
    pictures: all of them, with their scores.
    threshold: see `filter_scrape`.
    protected: [P], the protected people's labels.
    splits: which pictures are for training and for testing.
    top_k: how many people are named, or all where fewer are enrolled.
    **settings: the recognizer's.

  Raises:
    InputError: as `filter_scrape` and the recognizer's.
  """
  labels = np.asarray(pictures.labels)
  people = np.unique(labels)
  # Row 0 is the protected person's, row 1 everybody else's.
  wrong, times = np.zeros((2, 2, len(labels)))
  lost, tried = np.zeros((2, 2, len(people)))
  for person in protected:
    embeddings, scores = _as_scraped(pictures, labels == person)
    for split in splits:
      kept, gone = filter_scrape(scores, threshold, labels, split.train)
      test = split.test[np.isin(labels[split.test], labels[kept])]
      where = (labels[test] != person).astype(int), test
      gallery = embeddings[kept], labels[kept]
      probes = np.asarray(pictures.clean)[test], labels[test]
      wrong[where] += _missed(recognizer, gallery, probes, top_k, settings)
      times[where] += 1
      scraped = np.unique(labels[split.train])
      where = (scraped != person).astype(int), np.searchsorted(people, scraped)
      lost[where] += np.isin(scraped, gone)
      tried[where] += 1
  return Errors(
    *_shares(wrong[0], times[0], labels),
    *_shares(wrong[1], times[1], labels),
    *_shares(lost[0], tried[0], people),
    *_shares(lost[1], tried[1], people),
  )


def _as_scraped(pictures, mine):
  """Embeddings and scores of all pictures, one person's of the cloaks."""
  return (
    np.where(mine[:, None], pictures.cloaked, pictures.clean),
    np.where(mine, pictures.cloaked_scores, pictures.clean_scores),
  )


def _missed(recognizer, gallery, probes, top_k, settings):
  """[T] bool: none of the people that were named is the right one."""
  embeddings, truth = probes
  num_people = len(np.unique(gallery[1]))
  # Probes are of enrolled people: of a single one, and he is named.
  if num_people < 2 or not len(truth):
    return np.zeros(len(truth), bool)
  model = recognizer.fit(*gallery, **settings)
  ranking = recognizer.rank(model, embeddings, min(top_k, num_people))
  return (ranking.labels != truth[:, None]).all(1)


def _shares(counts, times, owners):
  """Of those that were counted, and whose they are."""
  found = np.flatnonzero(times)
  return counts[found] / times[found], owners[found]
