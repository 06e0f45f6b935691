"""Whom a targeted cloak should look like to a network (on the host)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from fr_poison import checks
from fr_poison.distances import normalize
from fr_poison.types import Array, Embeddings, InputError, Labels


def _means(embeddings, labels):
  """Of each person, in the labels' order: [P, D]."""
  return np.stack([embeddings[labels == l].mean(0) for l in np.unique(labels)])


def _nearest(own, centroids):
  """How far each centroid is from the nearest of the user's pictures: [P]."""
  return np.linalg.norm(own[:, None] - centroids[None], axis=-1).min(0)


def farthest(
  embeddings: Float[Array, 'B D'], others: Embeddings, other_labels: Labels
) -> Float[np.ndarray, ' D']:
  """Finds the centroid of the person least like the user (Fawkes, 4.1).

  The others should be people outside of what the cloak is tested on, as the
  authors': a target's own pictures come to be taken for the user's.

  Args:
    embeddings: of the user's pictures.
    others: of other people's pictures.
    other_labels: whose these are.

  Returns:
    Of the others' centroids, means of unit vectors made unit vectors again,
    the one whose smallest distance to any of the user's pictures is largest.
  """
  centroids = normalize(_means(normalize(np.asarray(others)), other_labels))
  return centroids[
    _nearest(normalize(np.asarray(embeddings)), centroids).argmax()
  ]


@checks.checked
def choose_person(
  embeddings: Sequence[Float[Array, 'B _']],
  others: Sequence[Float[Array, 'N _']],
  other_labels: Labels,
  *,
  seed: Sequence[checks.CountOrZero],
  num_farthest: checks.Count = 20,
) -> int:
  """Draws the label of a person far from the user (Fawkes 0.3, utils.py).

  A person's distance is the smallest one from any of the user's pictures to
  the person's mean embedding, over all networks' embeddings put together; one
  of the `num_farthest` farthest is drawn, but never one of the nearer half.

  Args:
    embeddings: per network, of the user's pictures.
    others: per network, of other people's pictures.
    other_labels: whose these are.
    seed: of the draw, several numbers: one of them the user's own, or all
      users draw the same rank.
    num_farthest: people to draw from; 1 takes the farthest. At most half of
      the others: of 20 there are, the 20 farthest are anybody.

  Raises:
    InputError: nobody else given, or a number that is out of range.
  """
  labels = np.unique(other_labels)
  if not labels.size:
    raise InputError('others: no people to choose a target from')
  own, joint = (np.concatenate(x, -1) for x in (embeddings, others))
  distances = _nearest(own, _means(joint, other_labels))
  number = min(num_farthest, max(len(labels) // 2, 1))
  farthest_first = np.argsort(-distances, kind='stable')[:number]
  return int(labels[np.random.default_rng(seed).choice(farthest_first)])


def shifted(
  embeddings: Float[Array, 'B D'], target_embeddings: Float[Array, 'M D']
) -> Float[np.ndarray, 'B D']:
  """Moves the own embeddings between centroids: Fawkes 0.3's targets.

  t_i = f(x_i) + 2 (mean f(target) - mean f(x)). The means are over all of the
  user's pictures, so compute it from them all, in whatever batches the attack
  then runs.

  Args:
    embeddings: of the user's pictures, as the network gives them.
    target_embeddings: of the target person's.
  """
  own = np.asarray(embeddings)
  return own + 2 * (np.asarray(target_embeddings).mean(0) - own.mean(0))
