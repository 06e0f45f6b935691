"""k-NN on embeddings: the recognizer of a search engine for faces.

The order of people is that of their nearest pictures; with k > 1 those with
more of the k nearest pictures come first. Equals stay in the order in which
the people come first in the gallery. A score is minus the Euclidean distance
of the person's nearest picture, whatever k is, so with k > 1 scores need not
fall along a ranking.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fr_poison import checks
from fr_poison.data.splits import Split
from fr_poison.recognizers import nearest_people
from fr_poison.recognizers.ranking import (
  Ranking,
  check_embeddings,
  check_top_k,
)
from fr_poison.types import Array, Embeddings, InputError, Labels

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
  """The first label [M] of `rank`."""
  return rank(model, probes).labels[:, 0]


@checks.checked
def rank(
  model: NearestNeighbor, probes: Embeddings, top_k: checks.Count = 1
) -> Ranking:
  """The `top_k` likeliest people of each probe, [M, top_k].

  Args:
    model: of `fit`.
    probes: [M, D].
    top_k: at most the number of people.

  Raises:
    InputError: top_k out of range, or probes that are not finite.
  """
  check_embeddings(probes, 'probes')
  people = nearest_people.group(model.labels)
  check_top_k(top_k, len(people.labels))
  depth = max(top_k, model.k)
  ranking = nearest_people.empty((len(probes), top_k), people)
  probes = _prepare(probes, model.normalize)
  for part, distances in _blocks(model.embeddings, probes):
    near = nearest_people.per_person(distances, people.rows, model.k)
    order = nearest_people.best(near, depth)
    nearest_people.write(ranking, part, people, *order)
  return ranking


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
  """What `fit` and `rank` would say, one protected person at a time.

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
  galleries = [_gallery(labels, s.train, protected, train, own) for s in splits]
  for gallery, split in zip(galleries, splits, strict=True):
    _check_k(k, len(split.train))
    check_top_k(top_k, len(gallery.people.labels))
  rankings = [
    nearest_people.empty((len(protected), len(s.test), top_k), g.people)
    for s, g in zip(splits, galleries, strict=True)
  ]
  pictures = _prepare(np.concatenate([clean[train], cloaked]), normalize)
  for part, distances in _blocks(pictures, _prepare(clean[test], normalize)):
    for i, (people, swaps) in enumerate(galleries):
      where = np.flatnonzero(np.isin(splits[i].test, test[part]))
      columns = np.searchsorted(test[part], splits[i].test[where])
      near, swapped = (
        nearest_people.per_person(distances, x.rows, k, columns)
        for x in (people, swaps)
      )
      order = nearest_people.best_with_swaps(
        near, swapped, swaps.places, max(top_k, k)
      )
      nearest_people.write(rankings[i], np.s_[:, where], people, *order)
  return rankings


@jax.jit
def squared_distances(a: Embeddings, b: Embeddings) -> Array:
  """Squared Euclidean distances [M, N] of [M, D] and [N, D].

  Both are moved by the mean of `a` first: |a|^2 - 2 ab + |b|^2 loses digits
  when all embeddings are far from zero and close together.
  """
  centre = jnp.mean(a, 0)
  a, b = a - centre, b - centre
  products = jnp.matmul(a, b.T, precision='highest')
  return jnp.sum(a**2, 1)[:, None] - 2 * products + jnp.sum(b**2, 1)


def _prepare(embeddings, normalize):
  # Distances of half precision would be too coarse to tell people apart.
  embeddings = jnp.asarray(embeddings, jnp.float32)
  if not normalize:
    return embeddings
  length = jnp.linalg.norm(embeddings, axis=-1, keepdims=True)
  return embeddings / jnp.maximum(length, 1e-10)


def _check_k(k, num_pictures):
  if not 1 <= k <= num_pictures:
    raise InputError(
      f'k: {k}, expected from 1 to {num_pictures}, the number of pictures in '
      'the gallery'
    )


class _Gallery(NamedTuple):
  """A split's people, and the protected ones again with their cloaks."""

  people: nearest_people.People
  swaps: nearest_people.Swaps


def _gallery(labels, rows, protected, train, own):
  """Where the pictures `rows` are among those of `train`, then of `own`."""
  people = nearest_people.group(labels[rows])
  places, cloaked_rows = [], []
  for label in protected:
    found = np.flatnonzero(people.labels == label)
    places.append(found[0] if len(found) else len(people.labels))
    mine = np.searchsorted(own, rows[labels[rows] == label])
    cloaked_rows.append(len(train) + mine)
  clean_rows = [np.searchsorted(train, rows[r]) for r in people.rows]
  return _Gallery(
    people._replace(rows=clean_rows),
    nearest_people.Swaps(np.asarray(places, int), cloaked_rows),
  )


def _blocks(pictures, probes):
  """Of some probes after the other: which, and distances [N, some]."""
  for start in range(0, len(probes), _BLOCK):
    part = slice(start, start + _BLOCK)
    yield part, np.asarray(squared_distances(pictures, probes[part]))
