"""The trainer who drops every scraped picture that a detector flags.

They score what they scraped, drop what is above the threshold, and train on
the rest. Whoever loses all pictures is *not enrolled*: the recognizer has no
name for that person, who cannot be recognized, but was not made to look like
anybody else either. That is not what a cloak promises, and `evaluation`
reports it by itself: error rates are those of enrolled people alone.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Real

from fr_poison.types import Array, InputError, Labels


class Filtered(NamedTuple):
  """What is left of a scrape."""

  kept: Int[np.ndarray, ' K']  # rows, in the order in which they were given
  not_enrolled: Int[Array, ' P']  # people of whom no picture is left, rising


def filter_scrape(
  scores: Real[Array, ' N'],
  threshold: float,
  labels: Labels,
  train: Int[Array, ' T'],
) -> Filtered:
  """Keeps the pictures that are not above the threshold.

  Args:
    scores: of a detector; higher is likelier cloaked.
    threshold: a score that equals it is kept; infinity keeps everything.
    labels: whose the pictures are.
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
