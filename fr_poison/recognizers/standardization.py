"""Galleries for `linear`: columns standardised, one person cloaked in turn.

All people's galleries share the clean one, standardised once. What a person's
cloaks change of its means and deviations goes into the solver's weights.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from fr_poison.recognizers import logistic
from fr_poison.types import Array, Embeddings, InputError, Labels


class Gallery(NamedTuple):
  """Clean training pictures, standardised."""

  embeddings: Array  # [N, D], float32, where the solver runs
  sums: np.ndarray  # [2, D], float64, of their columns and of the squares
  targets: np.ndarray  # [N], places in labels
  labels: np.ndarray  # [C], rising
  mean: np.ndarray  # [D], float64
  scale: np.ndarray  # [D], float64


def make_gallery(embeddings: Embeddings, labels: Labels) -> Gallery:
  """Standardises embeddings [N, D]; constant columns keep their scale.

  Raises:
    InputError: fewer than two people.
  """
  people, targets = np.unique(labels, return_inverse=True)
  if len(people) < 2:
    raise InputError(f'labels: {len(people)} person, at least 2 needed')
  exact = embeddings.astype(np.float64)
  mean, variance = exact.mean(0), exact.var(0)
  # Rounding makes a constant column's variance a little larger than 0.
  error = len(exact) * np.finfo(np.float64).eps
  constant = variance <= error * variance + (error * mean) ** 2
  scale = np.where(constant, 1, np.sqrt(variance))
  standard = standardize(embeddings, mean, scale)
  return Gallery(
    jnp.asarray(standard),
    _sums(standard),
    targets.astype(np.int32),
    people,
    mean,
    scale,
  )


def standardize(
  embeddings: Embeddings, mean: Array, scale: Array
) -> np.ndarray:
  """Float32, by way of float64 to keep the digits of the differences."""
  return ((embeddings.astype(np.float64) - mean) / scale).astype(np.float32)


def _penalty(C, num_people):
  # For two people scikit-learn has one column of weights w, and |w|^2; here
  # they are w/2 and -w/2, with half that square.
  return np.float32((2 if num_people == 2 else 1) / C)


def clean_problem(gallery: Gallery, C: float) -> logistic.Problem:
  """The gallery with nobody cloaked; C as in `linear.fit`."""
  columns = gallery.embeddings.shape[1]
  return logistic.Problem(
    shared=gallery.embeddings,
    targets=gallery.targets,
    weights=np.ones(len(gallery.targets), np.float32),
    own=np.zeros((0, columns), np.float32),
    own_target=np.int32(0),
    own_weights=np.zeros(0, np.float32),
    mean=np.zeros(columns, np.float32),
    scale=np.ones(columns, np.float32),
    penalty=_penalty(C, len(gallery.labels)),
  )


def cloaked_problems(
  gallery: Gallery,
  cloaked: Embeddings,
  people: Labels,
  padded_for: Labels,
  C: float,
) -> logistic.Problem:
  """The gallery with one of `people` cloaked, after the other.

  Args:
    gallery: of N pictures.
    cloaked: [N, D]; only the rows of `people` are looked at.
    people: [P].
    padded_for: the people whose problems shall all have the same shapes.
    C: as in `linear.fit`.

  Returns:
    A stack of P, but for what they share.
  """
  targets = gallery.targets
  places = np.searchsorted(gallery.labels, people)
  counts = np.bincount(targets)
  most = counts[np.searchsorted(gallery.labels, padded_for)].max()
  shape = len(people), most
  own = np.zeros((*shape, cloaked.shape[1]), np.float32)
  own_weights = np.zeros(shape, np.float32)
  means, scales, embeddings = [], [], np.asarray(gallery.embeddings)
  for i, place in enumerate(places):
    rows = np.flatnonzero(targets == place)
    mine = standardize(cloaked[rows], gallery.mean, gallery.scale)
    own[i, : len(rows)], own_weights[i, : len(rows)] = mine, 1
    changed = _sums(mine) - _sums(embeddings[rows])
    mean, square = (gallery.sums + changed) / len(targets)
    variance = square - mean**2
    means.append(mean)
    # What float32 cannot tell from a constant column is one.
    scales.append(np.sqrt(np.where(variance < 1e-12, 1, variance)))
  return logistic.Problem(
    shared=gallery.embeddings,
    targets=targets,
    weights=(targets != places[:, None]).astype(np.float32),
    own=own,
    own_target=places.astype(np.int32),
    own_weights=own_weights,
    mean=np.asarray(means, np.float32),
    scale=np.asarray(scales, np.float32),
    penalty=_penalty(C, len(gallery.labels)),
  )


def _sums(embeddings):
  """Of the columns and of their squares, [2, D]."""
  exact = embeddings.astype(np.float64)
  return np.stack([exact.sum(0), (exact**2).sum(0)])
