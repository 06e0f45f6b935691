"""From distances between pictures to the order of people.

Equals keep the order in which the people come first in the gallery.
"""

from typing import NamedTuple

import numpy as np

from fr_poison.recognizers.ranking import Ranking
from fr_poison.types import Array, Labels


class People(NamedTuple):
  """A gallery's people in the order in which they come first in it."""

  labels: np.ndarray  # [C]
  rows: list[np.ndarray]  # C of [n], of a matrix of distances


def group(labels: Labels) -> People:
  """The people of a gallery, by its rows' labels [N]."""
  found, first, index, counts = np.unique(
    labels, return_index=True, return_inverse=True, return_counts=True
  )
  rows = np.argsort(index, kind='stable')
  rows = np.split(rows, np.cumsum(counts)[:-1])
  order = np.argsort(first)
  return People(found[order], [rows[i] for i in order])


class Swaps(NamedTuple):
  """People of a gallery who take their places with other pictures."""

  places: np.ndarray  # [P], in the gallery's order of people; C for nobody's
  rows: list[np.ndarray]  # P of [n], of a matrix of distances


def per_person(
  distances: Array,
  rows: list[np.ndarray],
  k: int,
  columns: np.ndarray | slice = slice(None),
) -> np.ndarray:
  """Everybody's k smallest distances, rising, infinite beyond his last.

  Args:
    distances: [N, M].
    rows: C of [n], whose rows of `distances` are whose.
    k: how many.
    columns: the M' probes that are meant.

  Returns:
    [M', C, k].
  """
  num_probes = distances[:1, columns].shape[1]
  near = np.full((len(rows), k, num_probes), np.inf, np.float32)
  for result, own in zip(near, rows, strict=True):
    if len(own):
      # In this order: all columns of few rows stay in the processor's cache.
      found = distances[own][:, columns]
      result[: len(own)] = found.min(0) if k == 1 else np.sort(found, 0)[:k]
  return near.transpose(2, 0, 1)


def best(near: Array, depth: int) -> tuple[np.ndarray, np.ndarray]:
  """The first `depth` people [M, depth] by `per_person`, with theirs.

  Args:
    near: [M, C, k].
    depth: at least k; fewer if there are fewer people.

  Returns:
    Places of people [M, depth], and their nearest pictures' distances.
  """
  return _vote(*_first(near, depth))


def best_with_swaps(
  near: Array, swapped: Array, places: Array, depth: int
) -> tuple[np.ndarray, np.ndarray]:
  """The same [P, M, depth] with one person after the other swapped.

  Args:
    near: [M, C, k].
    swapped: [M, P, k].
    places: [P], who is swapped; C for somebody who is not there.
    depth: at least k; fewer if there are fewer people.
  """
  # One more than is asked for: the one who is swapped may be among them.
  depth = min(depth, near.shape[1])
  index, near = _first(near, depth + 1)
  place = np.asarray(places)[:, None, None]
  near = np.where((index == place)[..., None], np.inf, near)
  near = np.concatenate([near, np.swapaxes(swapped, 0, 1)[:, :, None]], 2)
  index = np.broadcast_to(index, (len(place), *index.shape))
  place = np.broadcast_to(place, (*index.shape[:2], 1))
  index = np.concatenate([index, place], 2)
  order = np.lexsort((index, near[..., 0]))[..., :depth]
  return _vote(
    np.take_along_axis(index, order, 2),
    np.take_along_axis(near, order[..., None], 2),
  )


def _first(near, depth):
  index = np.argsort(near[..., 0], 1, kind='stable')[:, :depth]
  return index, np.take_along_axis(near, index[..., None], 1)


def _vote(index, near):
  """Puts people with more of the k nearest pictures first.

  Whoever has one of these is among the first k by his nearest picture, so
  nobody else's need be counted.
  """
  k = near.shape[-1]
  if k == 1:
    return index, near[..., 0]
  flat = near.reshape(*near.shape[:-2], near.shape[-2] * k)
  whose = np.argsort(flat, -1, kind='stable')[..., :k] // k
  votes = (whose[..., None, :] == np.arange(near.shape[-2])[:, None]).sum(-1)
  order = np.argsort(-votes, -1, kind='stable')
  take = lambda x: np.take_along_axis(x, order, -1)
  return take(index), take(near[..., 0])


def empty(shape: tuple[int, ...], people: People) -> Ranking:
  """A ranking to be written, [..., top_k] as `shape` says."""
  return Ranking(
    np.empty(shape, people.labels.dtype), np.empty(shape, np.float32)
  )


def write(
  ranking: Ranking, where, people: People, index: Array, near: Array
) -> None:
  """Fills in the pictures `where`, from squared distances."""
  top_k = ranking.labels.shape[-1]
  ranking.labels[where] = people.labels[index[..., :top_k]]
  # Rounding can take the distance of equals below zero.
  ranking.scores[where] = -np.sqrt(np.maximum(near[..., :top_k], 0))
