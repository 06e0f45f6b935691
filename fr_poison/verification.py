"""Verification: do two pictures show one person?

Genuine pairs do, impostors do not. Scores are the higher the more alike two
pictures are; a pair is accepted when its score is above a threshold.
`fr_poison.roc` has the curve and its area.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int

from fr_poison import checks, roc
from fr_poison.distances import normalize
from fr_poison.types import Embeddings, Flags, InputError, Labels

_BLOCK = 8192  # pairs whose embeddings are held at a time


class Pairs(NamedTuple):
  """Pairs of pictures by their indices."""

  first: Int[np.ndarray, ' P']
  second: Int[np.ndarray, ' P']
  is_genuine: Bool[np.ndarray, ' P']
  folds: Int[np.ndarray, ' P']  # 0, 1, ...; nobody is in two of them


def draw(
  labels: Labels, num_pairs: int = 6000, *, num_folds: int = 10, seed: int = 0
) -> Pairs:
  """Draws as many genuine as impostor pairs, in folds of different people.

  Every pair of a fold is as likely as any other of its kind; none is drawn
  twice. A fold without enough of one kind has fewer of both.

  Args:
    labels: whose picture it is.
    num_pairs: of both kinds in all folds, where there are so many.
    num_folds: that people are dealt to.
    seed: of the draws.

  Raises:
    InputError: a number below 1, or a fold without any pair of one kind.
  """
  half = checks.whole('num_pairs', num_pairs, 2) // 2
  checks.whole('num_folds', num_folds)
  labels, rng = np.asarray(labels), np.random.default_rng(seed)
  people = rng.permutation(np.unique(labels))
  drawn = []
  for fold in range(num_folds):
    own = np.flatnonzero(np.isin(labels, people[fold::num_folds]))
    own = own[np.argsort(labels[own], kind='stable')]
    count = half // num_folds + (fold < half % num_folds)
    ranges = _later_ones(labels[own])
    count = min(count, *(np.sum(stops - starts) for starts, stops in ranges))
    if not count:
      raise InputError(
        f'labels: fold {fold + 1} of {num_folds} has no pair of each kind; '
        'it needs 2 people, and 2 pictures of one of them'
      )
    for is_genuine, limits in zip((True, False), ranges, strict=True):
      first, second = own[_draw(*limits, count, rng)]
      same = np.full(count, is_genuine)
      drawn.append((first, second, same, np.full(count, fold)))
  return Pairs(*map(np.concatenate, zip(*drawn, strict=True)))


def _later_ones(labels):
  """Starts and stops of each picture's later ones: its person's, others'."""
  rows = np.arange(len(labels))
  ends = np.searchsorted(labels, labels, side='right')
  return (rows + 1, ends), (ends, np.full(len(rows), len(rows)))


def _draw(starts, stops, count, rng):
  """`count` of the pairs (i, j) with starts[i] <= j < stops[i], [2, count]."""
  ends = np.cumsum(stops - starts)
  drawn = np.sort(rng.choice(ends[-1], count, replace=False))
  first = np.searchsorted(ends, drawn, side='right')
  return np.stack([first, stops[first] - ends[first] + drawn])


def score(embeddings: Embeddings, pairs: Pairs) -> Float64[np.ndarray, ' P']:
  """Scores pairs by their cosine; one with zeros scores 0."""
  own = lambda rows: normalize(np.asarray(embeddings[rows], np.float64))
  starts = range(0, len(pairs.first), _BLOCK)
  blocks = [slice(start, start + _BLOCK) for start in starts]
  return np.concatenate(
    [np.sum(own(pairs.first[b]) * own(pairs.second[b]), 1) for b in blocks]
  )


def eer(scores: roc.Scores, is_genuine: Flags) -> float:
  """Finds the rate where false accepts and false rejects are as frequent.

  Between two points of the ROC curve: on the straight line between them.

  Args:
    scores: finite.
    is_genuine: both of them are there.

  Raises:
    InputError: they are not that.
  """
  points = roc.curve(scores, is_genuine)
  excess = points.fpr - (1 - points.tpr)  # rises from -1 to 1
  after = np.searchsorted(excess, 0)
  ends = [after - 1, after]
  return float(np.interp(0, excess[ends], points.fpr[ends]))


def accuracies(
  scores: roc.Scores, is_genuine: Flags, folds: Labels
) -> Float64[np.ndarray, ' F']:
  """Gives each fold's accuracy, with the threshold best on all the others.

  As LFW's technical report has it (Huang et al., 2007), which reports their
  mean.

  Args:
    scores: finite.
    is_genuine: same person or not.
    folds: LFW's are ten; both kinds of pairs outside each.

  Raises:
    InputError: they are not that, or there is only one fold.
  """
  scores, is_genuine = roc.checked(scores, is_genuine)
  folds = np.asarray(folds)
  numbers = np.unique(folds)
  if len(numbers) < 2:
    raise InputError(f'folds: {len(numbers)}, at least 2 needed')
  shares = []
  for fold in numbers:
    own = folds == fold
    cut = _best_threshold(scores[~own], is_genuine[~own])
    shares.append(np.mean((scores[own] > cut) == is_genuine[own]))
  return np.array(shares)


def _best_threshold(scores, is_genuine):
  """Half-way between two scores; the highest of several that are best."""
  levels, impostors, genuine = roc.counts(scores, is_genuine)
  rejected = np.append(0, np.cumsum(impostors - genuine))
  best = len(levels) - np.argmax(rejected[::-1])
  limits = np.concatenate([[-np.inf], levels, [np.inf]])
  return (limits[best] + limits[best + 1]) / 2
