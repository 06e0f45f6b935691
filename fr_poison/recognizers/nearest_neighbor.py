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
from jaxtyping import Float

from fr_poison import checks, distances
from fr_poison.data.splits import Split
from fr_poison.recognizers.ranking import Ranking, check_embeddings
from fr_poison.types import Array, Embeddings, Labels

_BLOCK = 1024  # probes whose distances to all pictures are in memory at once


class NearestNeighbor(NamedTuple):
  """A gallery."""

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
    embeddings: of the gallery.
    labels: whose they are.
    normalize: compare directions only. The paper's code compares raw
      embeddings, most face search engines normalised ones.
    k: how many of the nearest pictures vote, in [1, N].

  Raises:
    InputError: k out of range, or embeddings that are not finite.
  """
  check_embeddings(embeddings)
  checks.whole('k', k, 1, len(labels))
  return NearestNeighbor(
    _prepare(embeddings, normalize), np.asarray(labels), normalize, k
  )


@checks.checked
def rank(
  model: NearestNeighbor,
  probes: Float[Array, 'M D'],
  top_k: checks.Count = 1,
) -> Ranking:
  """Ranks the `top_k` likeliest people of each probe, [M, top_k].

  Args:
    model: of `fit`.
    probes: embeddings of other pictures.
    top_k: at most the number of people.

  Raises:
    InputError: top_k out of range, or probes that are not finite.
  """
  check_embeddings(probes, 'probes')
  gallery = _gallery(model.labels, [])
  checks.whole('top_k', top_k, 1, len(gallery.people))
  # With nobody's pictures replaced.
  nobody = gallery._replace(places=[len(gallery.people)], replacing=[[]])
  blocks = _blocks(model.embeddings, _prepare(probes, model.normalize))
  parts = [_ranking(found, nobody, model.k, top_k) for _, found in blocks]
  return Ranking(*(np.concatenate(x, 1)[0] for x in zip(*parts, strict=True)))


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
  """Ranks as `ranking` says; settings as in `fit`.

  A distance is computed once, for all people and splits together.

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
  galleries = []
  for split in splits:
    gallery = _gallery(labels[split.train], protected)
    checks.whole('k', k, 1, len(split.train))
    checks.whole('top_k', top_k, 1, len(gallery.people))
    # Clean pictures come first, those of `own` behind.
    find = lambda rows, among, at=split.train: np.searchsorted(among, at[rows])
    galleries.append(
      gallery._replace(
        rows=[find(rows, train) for rows in gallery.rows],
        replacing=[len(train) + find(rows, own) for rows in gallery.replacing],
      )
    )
  pictures = _prepare(np.concatenate([clean[train], cloaked]), normalize)
  parts = [[] for _ in splits]
  for part, found in _blocks(pictures, _prepare(clean[test], normalize)):
    for split, gallery, mine in zip(splits, galleries, parts, strict=True):
      asked = np.isin(test[part], split.test)
      near = found if asked.all() else found[:, asked]
      mine.append(_ranking(near, gallery, k, top_k))
  rankings = []
  for split, mine in zip(splits, parts, strict=True):
    order = np.argsort(np.argsort(split.test))  # of its own probes
    found = (np.concatenate(x, 1)[:, order] for x in zip(*mine, strict=True))
    rankings.append(Ranking(*found))
  return rankings


class _Gallery(NamedTuple):
  """Whose which pictures are, and which ones replace a person's in turn."""

  people: np.ndarray  # [C], as they come first
  rows: list[np.ndarray]  # of each of them
  places: list[int]  # of each protected one among them; C: is not there
  replacing: list[np.ndarray]  # rows of pictures in their place


def _gallery(labels, protected):
  people, first, index, counts = np.unique(
    labels, return_index=True, return_inverse=True, return_counts=True
  )
  rows = np.argsort(index, kind='stable')
  rows = np.split(rows, np.cumsum(counts)[:-1])
  order = np.argsort(first)
  people, rows = people[order], [rows[i] for i in order]
  known = {label: place for place, label in enumerate(people.tolist())}
  places = [known.get(label, len(people)) for label in protected]
  nobodys = [*rows, np.zeros(0, int)]
  return _Gallery(people, rows, places, [nobodys[place] for place in places])


def _nearest(found, rows, k):
  """Each person's k smallest distances [M, C, k], infinite beyond their last.

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


def _ranking(found, gallery, k, top_k):
  """The first people [P, M, top_k], one with other pictures after the other.

  Whoever has one of the k nearest pictures is among the first k people by
  their nearest one, so nobody else's votes need be counted.
  """
  near = _nearest(found, gallery.rows, k)
  replaced = _nearest(found, gallery.replacing, k).swapaxes(0, 1)[:, :, None]
  place = np.asarray(gallery.places)[:, None, None]
  depth = min(max(top_k, k), near.shape[1])
  # One more than is asked for: the one who is replaced may be among them.
  order = np.argsort(near[..., 0], 1, kind='stable')[:, : depth + 1]
  near = np.take_along_axis(near, order[..., None], 1)
  near = np.where((order == place)[..., None], np.inf, near)
  near = np.concatenate([near, replaced], 2)
  order = np.broadcast_to(order, near.shape[:2] + order.shape[1:])
  order = np.concatenate(
    [order, np.broadcast_to(place, (*order.shape[:2], 1))], 2
  )
  first = np.lexsort((order, near[..., 0]))[..., :depth]
  order = np.take_along_axis(order, first, 2)
  near = np.take_along_axis(near, first[..., None], 2)
  nearest = near[..., 0]
  if k > 1:
    flat = near.reshape(*near.shape[:2], depth * k)
    whose = np.argsort(flat, -1, kind='stable')[..., :k] // k
    votes = (whose[..., None, :] == np.arange(depth)[:, None]).sum(-1)
    first = np.argsort(-votes, -1, kind='stable')[..., :top_k]
    order, nearest = (np.take_along_axis(x, first, 2) for x in (order, nearest))
  # Rounding can take the distance of equals below zero.
  return Ranking(gallery.people[order], -np.sqrt(np.maximum(nearest, 0)))


def _prepare(embeddings, normalize):
  # Distances of half precision would be too coarse to tell people apart.
  embeddings = np.asarray(embeddings, np.float32)
  return distances.normalize(embeddings) if normalize else embeddings


def _blocks(pictures, probes):
  """Of some probes after the other: which, and squared distances [N, some]."""
  for start in range(0, max(len(probes), 1), _BLOCK):
    part = slice(start, start + _BLOCK)
    found = distances.squared_distances(pictures, probes[part])
    yield part, np.asarray(found)
