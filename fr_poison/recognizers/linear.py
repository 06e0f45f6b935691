"""Multinomial logistic regression on standardised embeddings.

The paper's linear classifier: scikit-learn's StandardScaler followed by
LogisticRegression. It minimises

  sum_i cross_entropy(x_i W + b, y_i) + |W|^2 / (2C)

where x is every column of the embeddings minus its mean, over its standard
deviation. A score is the probability of the person.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fr_poison import checks
from fr_poison.data.splits import Split
from fr_poison.recognizers import logistic, standardization, warm_start
from fr_poison.recognizers.ranking import (
  Ranking,
  check_embeddings,
  check_top_k,
)
from fr_poison.types import Array, Embeddings, InputError, Labels

# How much the solver may hold for the people that it fits side by side.
_CHUNK_BYTES = 2**30


class Linear(NamedTuple):
  """Logits are (embeddings - mean) / scale @ weights + bias."""

  mean: np.ndarray  # [D] float64
  scale: np.ndarray  # [D] float64
  weights: Array  # [D, C]
  bias: Array  # [C]
  labels: Labels  # [C], rising


@checks.checked
def fit(
  embeddings: Embeddings,
  labels: Labels,
  *,
  C: checks.Positive = 1.0,
  max_steps: checks.Count = 1000,
  tolerance: checks.Positive = 1e-4,
) -> Linear:
  """Fits the weights, from zero.

  Args:
    embeddings: [N, D].
    labels: [N], of two people or more.
    C: inverse strength of the penalty on the weights, positive.
    max_steps: of L-BFGS.
    tolerance: done when no derivative of the loss, over N, is larger; as
      scikit-learn's `tol`.

  Raises:
    InputError: a setting out of range, embeddings that are not finite, or
      fewer than two people.
  """
  check_embeddings(embeddings)
  gallery = standardization.make_gallery(
    np.asarray(embeddings), np.asarray(labels)
  )
  params = _minimize(gallery, C, max_steps, tolerance).params
  return Linear(gallery.mean, gallery.scale, *params, gallery.labels)


def predict(model: Linear, probes: Embeddings) -> Labels:
  """The likeliest label [M] of each probe."""
  return rank(model, probes).labels[:, 0]


@checks.checked
def rank(model: Linear, probes: Embeddings, top_k: checks.Count = 1) -> Ranking:
  """The `top_k` likeliest people of each probe and how likely, [M, top_k].

  Args:
    model: of `fit`.
    probes: [M, D].
    top_k: at most the number of people.

  Raises:
    InputError: top_k out of range, or probes that are not finite.
  """
  check_embeddings(probes, 'probes')
  check_top_k(top_k, len(model.labels))
  probes = standardization.standardize(
    np.asarray(probes), model.mean, model.scale
  )
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
  """What `fit` and `rank` would say, one protected person at a time.

  The gallery of split s and person p is everybody's clean training pictures
  with the rows of p cloaked. Each fit starts from that of the clean gallery,
  several people side by side.

  Args:
    clean: [N, D] of all pictures.
    cloaked: [N, D]; only the protected people's training rows are looked at.
    labels: [N].
    protected: [P], the protected people's labels.
    splits: which pictures are for training and for testing.
    top_k: at most the number of people.
    C: as in `fit`.
    max_steps: as in `fit`.
    tolerance: as in `fit`.

  Returns:
    Per split, [P, number of test pictures, top_k].

  Raises:
    InputError: as `fit` and `rank`, or somebody without a training picture.
  """
  clean, cloaked = np.asarray(clean), np.asarray(cloaked)
  labels, protected = np.asarray(labels), np.asarray(protected)
  check_embeddings(clean, 'clean')
  for split in splits:
    people = np.unique(labels[split.train])
    _check_everybody_trains(labels, protected, split, people)
    check_top_k(top_k, len(people))
    own = split.train[np.isin(labels[split.train], protected)]
    check_embeddings(cloaked[own], 'cloaked')
  rankings = []
  for train, test in splits:
    gallery = standardization.make_gallery(clean[train], labels[train])
    base = _minimize(gallery, C, max_steps, tolerance)
    probes = standardization.standardize(
      clean[test], gallery.mean, gallery.scale
    )
    logits = tuple(
      logistic.logits(base.params, x) for x in (gallery.embeddings, probes)
    )
    size = min(_chunk_size(gallery, len(test)), len(protected))
    parts = []
    for start in range(0, len(protected), size):
      # The last chunk repeats its last person: one shape, one program.
      chunk = np.arange(start, start + size).clip(max=len(protected) - 1)
      problems = standardization.cloaked_problems(
        gallery, cloaked[train], protected[chunk], protected, C
      )
      params, steps, ranking = warm_start.solve_from(
        base, logits, problems, probes, max_steps, tolerance, top_k=top_k
      )
      if np.any(steps):
        ranking = logistic.rank(params, problems, probes, top_k=top_k)
      parts.append(ranking)
    scores, index = (
      np.concatenate(x)[: len(protected)] for x in zip(*parts, strict=True)
    )
    rankings.append(Ranking(gallery.labels[index], scores))
  return rankings


def _minimize(gallery, C, max_steps, tolerance):
  problem = standardization.clean_problem(gallery, C)
  return logistic.minimize(problem, len(gallery.labels), max_steps, tolerance)


def _chunk_size(gallery, num_probes):
  """How many people to fit side by side."""
  pictures, columns = gallery.embeddings.shape
  people = len(gallery.labels)
  logits = 3 * (pictures + num_probes) * people
  weights = (6 * logistic.MEMORY + 10) * columns * people
  return max(1, _CHUNK_BYTES // (4 * (logits + weights)))


def _check_everybody_trains(labels, protected, split, people):
  wanted = np.concatenate([labels[split.test], protected])
  missing = np.setdiff1d(wanted, people)
  if len(missing):
    raise InputError(
      f'label {missing[0]}: no training picture, so no classifier can know him'
    )
