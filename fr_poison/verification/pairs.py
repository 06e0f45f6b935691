"""Pairs of pictures: genuine ones show one person, impostors two."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fr_poison import checks
from fr_poison.distances import normalize
from fr_poison.types import Embeddings, InputError, Labels

_BLOCK = 8192  # pairs whose embeddings are held at a time


class Pairs(NamedTuple):
  """Pairs of pictures by their indices, all [P]."""

  first: np.ndarray
  second: np.ndarray
  is_genuine: np.ndarray
  folds: np.ndarray  # 0, 1, ...; nobody is in two of them


def draw(
  labels: Labels, num_pairs: int = 6000, *, num_folds: int = 10, seed: int = 0
) -> Pairs:
  """Draws as many genuine as impostor pairs, in folds of different people.

  Every pair of a fold is as likely as any other of its kind; none is drawn
  twice. A fold without enough of one kind has fewer of both.

  Args:
    labels: [N], whose picture it is.
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
    kinds = _fold_pairs(labels[own], count, rng)
    if not len(kinds[0][0]):
      raise InputError(
        f'labels: fold {fold + 1} of {num_folds} has no pair of each kind; '
        'it needs 2 people, and 2 pictures of one of them'
      )
    for is_genuine, rows in zip((True, False), kinds, strict=True):
      first, second = own[rows]
      same = np.full(len(first), is_genuine)
      drawn.append((first, second, same, np.full(len(first), fold)))
  return Pairs(*map(np.concatenate, zip(*drawn, strict=True)))


def _fold_pairs(labels, count, rng):
  """Genuine and impostor pairs, each [2, count or fewer], of sorted labels."""
  rows = np.arange(len(labels))
  ends = np.searchsorted(labels, labels, side='right')
  # A picture's later ones: first those of the same person.
  ranges = (rows + 1, ends), (ends, np.full(len(rows), len(rows)))
  count = min(count, *(np.sum(stops - starts) for starts, stops in ranges))
  return [_draw(*limits, count, rng) for limits in ranges]


def _draw(starts, stops, count, rng):
  """`count` of the pairs (i, j) with starts[i] <= j < stops[i], [2, count]."""
  ends = np.cumsum(stops - starts)
  drawn = np.sort(rng.choice(ends[-1], count, replace=False))
  first = np.searchsorted(ends, drawn, side='right')
  return np.stack([first, stops[first] - ends[first] + drawn])


def cosine(a: Embeddings, b: Embeddings) -> np.ndarray:
  """[P], in [-1, 1]; 0 where an embedding is zero."""
  return np.sum(normalize(a) * normalize(b), 1)


def minus_distance(a: Embeddings, b: Embeddings) -> np.ndarray:
  """[P], minus the Euclidean distance of the embeddings as they are."""
  return -np.linalg.norm(a - b, axis=1)


def score(
  embeddings: Embeddings,
  pairs: Pairs,
  likeness: Callable[[Embeddings, Embeddings], np.ndarray] = cosine,
) -> np.ndarray:
  """Scores [P] of pairs, a few thousand at a time.

  Args:
    embeddings: [N, D].
    pairs: of them.
    likeness: `cosine` or `minus_distance`.
  """
  own = lambda rows: np.asarray(embeddings[rows], np.float64)
  blocks = [
    slice(start, start + _BLOCK) for start in range(0, len(pairs.first), _BLOCK)
  ]
  return np.concatenate(
    [likeness(own(pairs.first[b]), own(pairs.second[b])) for b in blocks]
  )
