"""k-NN on embeddings: the recognizer of a search engine for faces.

The order of people is that of their nearest pictures; with k > 1 those with
more of the k nearest pictures come first. Equals stay in the order in which
the people come first in the gallery. A score is minus the Euclidean distance
of the person's nearest picture, whatever k is, so with k > 1 scores need not
fall along a ranking.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fr_poison import checks, distances
from fr_poison.data.splits import Split
from fr_poison.recognizers.ranking import (
  Ranking,
  check_embeddings,
  check_top_k,
)
from fr_poison.types import Embeddings, InputError, Labels

_BLOCK = 1024  # probes whose distances to all pictures are in memory at once


class NearestNeighbor(NamedTuple):
  """A gallery: its embeddings [N, D] and labels [N]."""

  embeddings: Embeddings
  labels: Labels
  normalize: bool = False
  k: int = 1


@checks.checked
def fit(
  embeddings: Embeddings,
  labels: Labels,
  *,
  normalize: bool = False,
  k: checks.Count = 1,
) -> NearestNeighbor:
  """Remembers the gallery (the paper's KNeighborsClassifier(1)).

  Args:
    embeddings: [N, D].
    labels: [N].
    normalize: compare directions only. The paper's code compares raw
      embeddings, most face search engines normalised ones.
    k: how many of the nearest pictures vote, in [1, N].

  Raises:
    InputError: k out of range, or embeddings that are not finite.
  """
  check_embeddings(embeddings)
  _check_k(k, len(labels))
  return NearestNeighbor(
    _prepare(embeddings, normalize), np.asarray(labels), normalize, k
  )


def predict(model: NearestNeighbor, probes: Embeddings) -> Labels:
  """Names the first person [M] of `rank`."""
  return rank(model, probes).labels[:, 0]


@checks.checked
def rank(
  model: NearestNeighbor, probes: Embeddings, top_k: checks.Count = 1
) -> Ranking:
  """Ranks the `top_k` likeliest people of each probe, [M, top_k].

  Args:
    model: of `fit`.
    probes: [M, D].
    top_k: at most the number of people.

  Raises:
    InputError: top_k out of range, or probes that are not finite.
  """
  check_embeddings(probes, 'probes')
  people, rows = _by_person(model.labels)
  check_top_k(top_k, len(people))
  parts = []
  for _, found in _blocks(model.embeddings, _prepare(probes, model.normalize)):
    near = _nearest(found, rows, model.k)
    first = _vote(*_first(near, max(top_k, model.k)))
    parts.append(_ranking(people, *first, top_k))
  return Ranking(*map(np.concatenate, zip(*parts, strict=True)))


@checks.checked
def rank_protected(
  clean: Embeddings,
  cloaked: Embeddings,
  labels: Labels,
  protected: Sequence[int],
  splits: Sequence[Split],
  *,
  top_k: checks.Count = 1,
  normalize: bool = False,
  k: checks.Count = 1,
) -> list[Ranking]:
  """Ranks as `fit` and `rank` would, one protected person at a time.

  The gallery of split s and person p is everybody's clean training pictures
  with the rows of p cloaked. A distance is computed once, for all people and
  splits together.

  Args:
    clean: [N, D] of all pictures.
    cloaked: [N, D]; only the protected people's training rows are looked at.
    labels: [N].
    protected: [P], the protected people's labels.
    splits: which pictures are for training and for testing.
    top_k: at most the number of people that a split trains on.
    normalize: as in `fit`.
    k: as in `fit`.

  Returns:
    Per split, [P, number of test pictures, top_k].

  Raises:
    InputError: top_k or k out of range, or embeddings that are not finite.
  """
  clean, labels = np.asarray(clean), np.asarray(labels)
  check_embeddings(clean, 'clean')
  train = np.unique(np.concatenate([s.train for s in splits]))
  test = np.unique(np.concatenate([s.test for s in splits]))
  own = train[np.isin(labels[train], protected)]
  cloaked = np.asarray(cloaked)[own]
  check_embeddings(cloaked, 'cloaked')
  galleries = [_by_person(labels[s.train]) for s in splits]
  for (people, _), split in zip(galleries, splits, strict=True):
    _check_k(k, len(split.train))
    check_top_k(top_k, len(people))
  places = [
    np.array([_place(people, label) for label in protected])
    for people, _ in galleries
  ]
  pictures = _prepare(np.concatenate([clean[train], cloaked]), normalize)
  parts = [[] for _ in splits]
  for part, found in _blocks(pictures, _prepare(clean[test], normalize)):
    for i, (people, rows) in enumerate(galleries):
      mask = np.isin(test[part], splits[i].test)
      mine = found if mask.all() else found[:, mask]
      rows = [splits[i].train[own_rows] for own_rows in rows]
      near = _nearest(mine, [np.searchsorted(train, x) for x in rows], k)
      swaps = [len(train) + np.searchsorted(own, x) for x in (*rows, [])]
      swapped = _nearest(mine, [swaps[place] for place in places[i]], k)
      first = _swap_in_turn(near, swapped, places[i], max(top_k, k))
      parts[i].append(_ranking(people, *_vote(*first), top_k))
  rankings = []
  for split, found in zip(splits, parts, strict=True):
    order = np.argsort(np.argsort(split.test))  # of its own probes
    join = lambda x, order=order: np.concatenate(x, 1)[:, order]
    rankings.append(Ranking(*map(join, zip(*found, strict=True))))
  return rankings


def _by_person(labels):
  """The people of a gallery as they come first in it, and whose its rows are.

  Returns:
    Labels [C], and C arrays of rows.
  """
  people, first, index, counts = np.unique(
    labels, return_index=True, return_inverse=True, return_counts=True
  )
  rows = np.argsort(index, kind='stable')
  rows = np.split(rows, np.cumsum(counts)[:-1])
  order = np.argsort(first)
  return people[order], [rows[i] for i in order]


def _place(people, label):
  """Where somebody is among the people [C]; C for nobody of them."""
  found = np.flatnonzero(people == label)
  return found[0] if len(found) else len(people)


def _nearest(found, rows, k):
  """Everybody's k smallest distances [M, C, k], infinite beyond their last.

  Args:
    found: squared distances, [all pictures, M].
    rows: of each of C people, which of `found`; nobody's may be none.
    k: as in `fit`.
  """
  near = np.full((len(rows), k, found.shape[1]), np.inf, np.float32)
  for result, own in zip(near, rows, strict=True):
    if len(own):
      mine = found[own]
      result[: len(own)] = mine.min(0) if k == 1 else np.sort(mine, 0)[:k]
  return near.transpose(2, 0, 1)


def _first(near, depth):
  """Places of the people with the nearest pictures, and their distances."""
  order = np.argsort(near[..., 0], 1, kind='stable')[:, :depth]
  return order, np.take_along_axis(near, order[..., None], 1)


def _swap_in_turn(near, swapped, places, depth):
  """The first people [P, M, depth], one with other pictures after the other.

  Args:
    near: of all C people, [M, C, k].
    swapped: of P people, who take their places, [M, P, k].
    places: [P]; C for somebody who is not there.
    depth: of C people at most.
  """
  depth = min(depth, near.shape[1])
  # One more than is asked for: the one who is swapped may be among them.
  order, others = _first(near, depth + 1)
  place = places[:, None, None]
  others = np.where((order == place)[..., None], np.inf, others)
  near = np.concatenate([others, np.swapaxes(swapped, 0, 1)[:, :, None]], 2)
  order = np.broadcast_to(order, others.shape[:3])
  place = np.broadcast_to(place, (*order.shape[:2], 1))
  order = np.concatenate([order, place], 2)
  which = np.lexsort((order, near[..., 0]))[..., :depth]
  return (
    np.take_along_axis(order, which, 2),
    np.take_along_axis(near, which[..., None], 2),
  )


def _vote(order, near):
  """Puts people with more of the k nearest pictures first.

  Whoever has one of these is among the first k by their nearest picture, so
  nobody else's need be counted.

  Args:
    order: places of people, [..., k or more].
    near: their k nearest pictures' distances, [..., k or more, k].
  """
  k = near.shape[-1]
  flat = near.reshape(*near.shape[:-2], near.shape[-2] * k)
  whose = np.argsort(flat, -1, kind='stable')[..., :k] // k
  votes = (whose[..., None, :] == np.arange(order.shape[-1])[:, None]).sum(-1)
  first = np.argsort(-votes, -1, kind='stable')
  return (np.take_along_axis(x, first, -1) for x in (order, near[..., 0]))


def _ranking(people, order, near, top_k):
  # Rounding can take the distance of equals below zero.
  scores = -np.sqrt(np.maximum(near[..., :top_k], 0))
  return Ranking(people[order[..., :top_k]], scores)


def _prepare(embeddings, normalize):
  # Distances of half precision would be too coarse to tell people apart.
  embeddings = np.asarray(embeddings, np.float32)
  return distances.normalize(embeddings) if normalize else embeddings


def _check_k(k, num_pictures):
  if not 1 <= k <= num_pictures:
    raise InputError(
      f'k: {k}, expected from 1 to {num_pictures}, the number of pictures in '
      'the gallery'
    )


def _blocks(pictures, probes):
  """Of some probes after the other: which, and squared distances [N, some]."""
  for start in range(0, max(len(probes), 1), _BLOCK):
    part = slice(start, start + _BLOCK)
    found = distances.squared_distances(pictures, probes[part])
    yield part, np.asarray(found)
