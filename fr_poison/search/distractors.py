"""Faces that nobody photographed: a model of other people's embeddings.

A normal distribution with Ledoit and Wolf's covariance, fitted to pictures of
people who take no part. It stands in for a million strangers, and is only as
good as `check` says.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32

from fr_poison import distances
from fr_poison.search import nearest
from fr_poison.types import Array, Embeddings, InputError, Labels

BLOCK = 8192  # faces drawn at a time


class Model(NamedTuple):
  """Embeddings of one picture each of people drawn at random.

  Their covariance is factor' factor + spread^2 times the identity.
  """

  mean: Float32[np.ndarray, ' D']
  factor: Float32[np.ndarray, 'R D']  # R is min(N, D) of N pictures
  spread: float
  shrinkage: float  # in [0, 1]: 1 is a ball, the data say nothing of its shape


class Check(NamedTuple):
  """Distances to the nearest of as many strangers, real and of the model."""

  real: float  # mean
  model: float
  # Kolmogorov's largest difference of the two distributions, in [0, 1].
  difference: float
  num_people: int  # strangers at a time


def fit(embeddings: Embeddings) -> Model:
  """Fits the model to embeddings.

  The covariance is shrunk towards a multiple of the identity, by the share of
  Ledoit and Wolf (2004, A well-conditioned estimator for large-dimensional
  covariance matrices, section 3.3), since N may be far below D.

  Raises:
    InputError: fewer than 2 pictures, or all of them the same.
  """
  x = np.asarray(embeddings, np.float64)
  if len(x) < 2:
    raise InputError(f'distractors: {len(x)} pictures, at least 2 needed')
  mean = x.mean(0)
  x = x - mean
  covariance = x.T @ x / len(x)
  size = len(mean)
  scale = np.trace(covariance) / size
  spread = np.sum(covariance**2) / size - scale**2
  if not scale > 0:
    raise InputError('distractors: all embeddings are the same')
  # sum |x x' - S|^2 = sum |x|^4 - n |S|^2
  noise = np.sum(np.sum(x**2, 1) ** 2) / len(x) - np.sum(covariance**2)
  noise /= size * len(x)
  shrinkage = min(noise / spread, 1.0) if spread > 0 else 1.0
  _, lengths, directions = np.linalg.svd(x, full_matrices=False)
  lengths *= np.sqrt((1 - shrinkage) / len(x))
  factor = (lengths[:, None] * directions).astype(np.float32)
  spread = float(np.sqrt(shrinkage * scale))
  return Model(mean.astype(np.float32), factor, spread, float(shrinkage))


def draw(
  model: Model, count: int, seed: int, block: int = 0
) -> Float32[np.ndarray, '{count} D']:
  """Draws faces; a block's do not depend on other blocks."""
  rng = np.random.default_rng([seed, block])
  noise = lambda size: rng.standard_normal((count, size), np.float32)
  result = noise(len(model.factor)) @ model.factor
  result += np.float32(model.spread) * noise(len(model.mean))
  result += model.mean
  return result


def nearest_distances(
  probes: Float[Array, 'M D'],
  counts: Sequence[int],
  strangers: Callable[[int], Embeddings],
  normalize: bool = False,
) -> Float[np.ndarray, '{len(counts)} M']:
  """Finds distances to the nearest of the first n strangers, for every n.

  Args:
    probes: embeddings.
    counts: numbers of strangers, each at least 1.
    strangers: block's number -> [BLOCK, D] or more, of which the first BLOCK
      are taken; the last one may be shorter. One at a time is in memory.
    normalize: compare directions only.

  Returns:
    Euclidean, a row a number of strangers.
  """
  prepare = distances.normalize if normalize else np.asarray
  probes, best, found = prepare(probes), np.inf, {}
  bounds = sorted({0, *counts, *range(BLOCK, max(counts), BLOCK)})
  for start, stop in itertools.pairwise(bounds):
    number, first = divmod(start, BLOCK)
    if not first:
      block = prepare(strangers(number))
    part = block[first : first + stop - start]
    near = nearest.top_k(probes, part, 1, metric='squared_euclidean')
    best = np.minimum(best, -near.scores[:, 0])
    found[stop] = best
  return np.sqrt([found[count] for count in counts])


def check(
  embeddings: Embeddings,
  labels: Labels,
  probes: Float[Array, 'M D'],
  *,
  normalize: bool = False,
  seed: int = 0,
) -> Check:
  """Compares the model with real strangers that it was not fitted to.

  Half of the people fit it; the other half, one picture of each at a time, are
  the real strangers; and the other way round.

  Args:
    embeddings: of people who take no part.
    labels: whose they are.
    probes: of yet other people.
    normalize: compare directions only.
    seed: of the halves and draws.

  Raises:
    InputError: fewer than 4 people.
  """
  from scipy import stats  # takes a second to import

  people = np.random.default_rng(seed).permutation(np.unique(labels))
  if len(people) < 4:
    raise InputError(f'distractors: {len(people)} people, at least 4 needed')
  size, real, drawn = len(people) // 2, [], []
  halves = people[:size], people[size : 2 * size]
  near = lambda faces: nearest_distances(
    probes, [size], lambda _: faces, normalize
  )
  for known, others in (halves, halves[::-1]):
    model = fit(embeddings[np.isin(labels, known)])
    rows = [np.flatnonzero(labels == person) for person in others]
    for i in range(min(map(len, rows))):
      real.append(near(embeddings[[own[i] for own in rows]]))
      drawn.append(near(draw(model, size, seed, i)))
  real, drawn = np.ravel(real), np.ravel(drawn)
  difference = float(stats.ks_2samp(real, drawn).statistic)
  return Check(float(real.mean()), float(drawn.mean()), difference, size)
