"""1-NN on embeddings: the recognizer of a search engine for faces."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fr_poison.data.splits import Split
from fr_poison.types import Array, Embeddings, Labels


class NearestNeighbor(NamedTuple):
  """A gallery: its embeddings [N, D] and labels [N]."""

  embeddings: Embeddings
  labels: Labels
  normalize: bool = False


def fit(
  embeddings: Embeddings, labels: Labels, *, normalize: bool = False
) -> NearestNeighbor:
  """Remembers the gallery (the paper's KNeighborsClassifier(1)).

  Args:
    embeddings: [N, D].
    labels: [N].
    normalize: compare directions only. The paper's code compares raw
      embeddings, most face search engines normalised ones.
  """
  return NearestNeighbor(
    _prepare(embeddings, normalize), jnp.asarray(labels), normalize
  )


def predict(model: NearestNeighbor, probes: Embeddings) -> Labels:
  """The label [M] of the nearest gallery picture; the first one at a tie."""
  probes = _prepare(probes, model.normalize)
  distances = squared_distances(probes, model.embeddings)
  return model.labels[jnp.argmin(distances, 1)]


def _prepare(embeddings, normalize):
  embeddings = jnp.asarray(embeddings)
  if not normalize:
    return embeddings
  length = jnp.linalg.norm(embeddings, axis=-1, keepdims=True)
  return embeddings / jnp.maximum(length, 1e-10)


@jax.jit
def squared_distances(a: Embeddings, b: Embeddings) -> Array:
  """Squared Euclidean distances [M, N] of [M, D] and [N, D].

  Both are moved by the mean of `b` first: |a|^2 - 2 ab + |b|^2 loses digits
  when all embeddings are far from zero and close together.
  """
  centre = jnp.mean(b, 0)
  a, b = a - centre, b - centre
  products = jnp.matmul(a, b.T, precision='highest')
  return jnp.sum(a**2, 1)[:, None] - 2 * products + jnp.sum(b**2, 1)


def predict_protected(
  clean: Embeddings,
  cloaked: Embeddings,
  labels: Labels,
  protected: Sequence[int],
  splits: Sequence[Split],
  *,
  normalize: bool = False,
) -> list[np.ndarray]:
  """What `fit` and `predict` would say, one protected person at a time.

  The gallery of split s and person p is everybody's clean training pictures
  with the rows of p cloaked. Distances are computed once, for all people and
  splits together; only columns are swapped.

  Args:
    clean: [N, D] of all pictures.
    cloaked: [N, D]; only the protected people's rows are looked at.
    labels: [N].
    protected: [P], the protected people's labels.
    splits: which pictures are for training and for testing.
    normalize: as in `fit`.

  Returns:
    Per split, [P, number of test pictures], predicted labels.
  """
  rows = np.flatnonzero(np.isin(labels, protected))
  clean = _prepare(clean, normalize)
  cloaked = _prepare(cloaked[rows], normalize)
  to_clean = np.asarray(squared_distances(clean, clean))
  to_cloaked = to_clean.copy()
  to_cloaked[:, rows] = np.asarray(squared_distances(clean, cloaked))
  predictions = []
  for train, test in splits:
    a, b = to_clean[np.ix_(test, train)], to_cloaked[np.ix_(test, train)]
    nearest = [
      np.where(labels[train] == person, b, a).argmin(1) for person in protected
    ]
    predictions.append(labels[train][np.stack(nearest)])
  return predictions
