"""Multinomial logistic regression on standardised embeddings.

The paper's linear classifier: scikit-learn's StandardScaler followed by
LogisticRegression. It minimises::

  sum_i cross_entropy(x_i W + b, y_i) + |W|^2 / (2C)

where x is every column of the embeddings minus its mean, over its standard
deviation. A score is the probability of the person.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Float32, Float64, Int

from fr_poison import checks
from fr_poison.data.splits import Split
from fr_poison.recognizers import logistic
from fr_poison.recognizers.ranking import Ranking, check_embeddings
from fr_poison.types import Array, Embeddings, Flags, InputError, Labels

# How much the solver may hold for the people that it fits side by side.
_CHUNK_BYTES = 2**30


class Linear(NamedTuple):
  """Logits are (embeddings - mean) / scale @ weights + bias."""

  mean: Float64[np.ndarray, ' D']
  scale: Float64[np.ndarray, ' D']
  weights: Float[Array, 'D C']
  bias: Float[Array, ' C']
  labels: Int[Array, ' C']  # rising


@checks.checked
def fit(
  embeddings: Embeddings,
  labels: Labels,
  is_in: Flags | None = None,
  *,
  C: checks.Positive = 1.0,
  max_steps: checks.Count = 1000,
  tolerance: checks.Positive = 1e-4,
) -> Linear:
  """Fits the weights, from zero.

  Args:
    embeddings: of the gallery.
    labels: whose they are, of two people or more.
    is_in: which of them there are, whatever ones by one program; None: all.
    C: inverse strength of the penalty on the weights, positive.
    max_steps: of L-BFGS.
    tolerance: done when no derivative of the loss, over N, is larger; as
      scikit-learn's `tol`.

  Raises:
    InputError: a setting out of range, embeddings that are not finite, or
      fewer than two people.
  """
  check_embeddings(embeddings)
  is_in = np.ones(len(labels), bool) if is_in is None else np.asarray(is_in)
  gallery = _standardized(np.asarray(embeddings), np.asarray(labels), is_in)
  share = float(is_in.mean())  # the solver divides by the number of all
  params = _solve_clean(gallery, C, max_steps, share * tolerance, is_in).params
  return Linear(gallery.mean, gallery.scale, *params, gallery.labels)


@checks.checked
def rank(
  model: Linear, probes: Float[Array, 'M D'], top_k: checks.Count = 1
) -> Ranking:
  """Ranks the `top_k` likeliest people of each probe, [M, top_k].

  Scores are probabilities.

  Args:
    model: of `fit`.
    probes: embeddings of other pictures.
    top_k: at most the number of people.

  Raises:
    InputError: top_k out of range, or probes that are not finite.
  """
  check_embeddings(probes, 'probes')
  checks.whole('top_k', top_k, 1, len(model.labels))
  probes = _standardize(np.asarray(probes), model)
  scores, index = logistic.best(
    (model.weights, model.bias), probes, top_k=top_k
  )
  return Ranking(model.labels[np.asarray(index)], np.asarray(scores))


@checks.checked
def rank_protected(
  clean: Embeddings,
  cloaked: Embeddings,
  labels: Labels,
  protected: Sequence[int],
  splits: Sequence[Split],
  *,
  top_k: checks.Count = 1,
  C: checks.Positive = 1.0,
  max_steps: checks.Count = 1000,
  tolerance: checks.Positive = 1e-4,
) -> list[Ranking]:
  """Ranks as `ranking` says; settings as in `fit`.

  Each fit starts from that of the clean gallery, several people side by side.

  Raises:
    InputError: as `fit` and `rank`, or somebody without a training picture.
  """
  clean, cloaked = np.asarray(clean), np.asarray(cloaked)
  labels, protected = np.asarray(labels), np.asarray(protected)
  check_embeddings(clean, 'clean')
  for split in splits:
    people = np.unique(labels[split.train])
    missing = np.setdiff1d([*labels[split.test], *protected], people)
    if len(missing):
      raise InputError(
        f'label {missing[0]}: no training picture, so no classifier can know '
        'them'
      )
    checks.whole('top_k', top_k, 1, len(people))
    own = split.train[np.isin(labels[split.train], protected)]
    check_embeddings(cloaked[own], 'cloaked')
  rankings = []
  for train, test in splits:
    gallery = _standardized(clean[train], labels[train])
    solution = _solve_clean(gallery, C, max_steps, tolerance)
    probes = _standardize(clean[test], gallery)
    base = logistic.base(solution, gallery.embeddings, probes)
    size = min(_chunk_size(gallery, len(test)), len(protected))
    parts = []
    for start in range(0, len(protected), size):
      # The last chunk repeats its last person: one shape, one program.
      chunk = np.arange(start, start + size).clip(max=len(protected) - 1)
      problems = _cloaked_problems(
        gallery, cloaked[train], protected[chunk], protected, C
      )
      limits = max_steps, tolerance
      parts.append(_rank_near(base, problems, probes, limits, top_k))
    scores, index = (
      np.concatenate(x)[: len(protected)] for x in zip(*parts, strict=True)
    )
    rankings.append(Ranking(gallery.labels[index], scores))
  return rankings


def _rank_near(base, problems, probes, limits, top_k):
  """By the own columns alone where that is enough, else by all of them."""
  columns, are_sure, ranking = logistic.solve_column(
    base, problems, probes, *limits, top_k=top_k
  )
  if not np.all(are_sure):
    params, steps = logistic.solve_near(base, columns, problems, *limits)
    if np.any(steps):
      ranking = logistic.rank(params, problems, probes, top_k=top_k)
  return ranking


class _Gallery(NamedTuple):
  """Clean training pictures, standardised."""

  embeddings: Float32[Array, 'N D']  # where the solver runs
  sums: Float64[np.ndarray, '2 D']  # of their columns and of the squares
  targets: Int[np.ndarray, ' N']  # places in labels
  labels: Int[np.ndarray, ' C']  # rising
  mean: Float64[np.ndarray, ' D']
  scale: Float64[np.ndarray, ' D']  # 1 for constant columns


def _standardized(embeddings, labels, is_in=slice(None)):
  people = np.unique(labels[is_in])
  if len(people) < 2:
    raise InputError(f'labels: {len(people)} person, at least 2 needed')
  # Those of others, who are not in, count nothing.
  targets = np.searchsorted(people, labels).clip(max=len(people) - 1)
  exact = embeddings.astype(np.float64)[is_in]
  mean, variance = exact.mean(0), exact.var(0)
  # Rounding makes a constant column's variance a little larger than 0.
  error = len(exact) * np.finfo(np.float64).eps
  constant = variance <= error * variance + (error * mean) ** 2
  scale = np.where(constant, 1, np.sqrt(variance))
  gallery = _Gallery(None, None, targets.astype(np.int32), people, mean, scale)
  standard = _standardize(embeddings, gallery)
  return gallery._replace(
    embeddings=jnp.asarray(standard), sums=_sums(standard)
  )


def _standardize(embeddings, by):
  """Float32, by way of float64 to keep the digits of the differences."""
  exact = embeddings.astype(np.float64)
  return ((exact - by.mean) / by.scale).astype(np.float32)


def _sums(embeddings):
  exact = embeddings.astype(np.float64)
  return np.stack([exact.sum(0), (exact**2).sum(0)])


def _solve_clean(gallery, C, max_steps, tolerance, is_in=None):
  columns = gallery.embeddings.shape[1]
  problem = logistic.Problem(
    shared=gallery.embeddings,
    targets=gallery.targets,
    weights=np.float32(
      np.ones_like(gallery.targets) if is_in is None else is_in
    ),
    rows=np.zeros(0, np.int32),
    own=np.zeros((0, columns), np.float32),
    own_target=np.int32(0),
    own_weights=np.zeros(0, np.float32),
    mean=np.zeros(columns, np.float32),
    scale=np.ones(columns, np.float32),
    penalty=_penalty(C, gallery),
  )
  return logistic.solve(problem, len(gallery.labels), max_steps, tolerance)


def _cloaked_problems(gallery, cloaked, people, padded_for, C):
  """The gallery with one of `people` cloaked, after the other.

  All of them have the shapes that those of the people `padded_for` need.
  """
  targets, clean = gallery.targets, np.asarray(gallery.embeddings)
  places = np.searchsorted(gallery.labels, people)
  most = np.isin(gallery.labels[targets], padded_for)
  most = np.bincount(targets[most]).max()
  own = np.zeros((len(people), most, clean.shape[1]), np.float32)
  own_weights = np.zeros(own.shape[:2], np.float32)
  replaced = np.zeros(own.shape[:2], np.int32)
  means, scales = np.empty((2, len(people), clean.shape[1]))
  for i, place in enumerate(places):
    rows = np.flatnonzero(targets == place)
    mine = _standardize(cloaked[rows], gallery)
    own[i, : len(rows)], own_weights[i, : len(rows)] = mine, 1
    replaced[i, : len(rows)] = rows
    sums = gallery.sums + _sums(mine) - _sums(clean[rows])
    means[i], square = sums / len(targets)
    variance = square - means[i] ** 2
    # What float32 cannot tell from a constant column is one.
    scales[i] = np.sqrt(np.where(variance < 1e-12, 1, variance))
  return logistic.Problem(
    shared=gallery.embeddings,
    targets=targets,
    weights=(targets != places[:, None]).astype(np.float32),
    rows=replaced,
    own=own,
    own_target=places.astype(np.int32),
    own_weights=own_weights,
    mean=means.astype(np.float32),
    scale=scales.astype(np.float32),
    penalty=_penalty(C, gallery),
  )


def _penalty(C, gallery):
  # For two people scikit-learn has one column of weights w, and |w|^2; here
  # they are w/2 and -w/2, with half that square.
  return np.float32((2 if len(gallery.labels) == 2 else 1) / C)


def _chunk_size(gallery, num_probes):
  """How many people to fit side by side."""
  pictures, columns = gallery.embeddings.shape
  people = len(gallery.labels)
  logits = 3 * (pictures + num_probes) * people
  weights = (6 * logistic.MEMORY + 10) * columns * people
  return max(1, _CHUNK_BYTES // (4 * (logits + weights)))
