"""How well faces are found in a gallery: rank-k, and TPIR at FPIR.

A probe's *mate* is the same person in the gallery. Every probe has one in a
closed set; in an open set some have none, and should be taken for nobody: only
candidates above a threshold count (ISO/IEC 19795-1; NIST FRVT 1:N).
"""

import numpy as np

from fr_poison import checks, metrics
from fr_poison.types import Array, InputError, Labels


def mate_ranks(candidates: Labels, labels: Labels) -> np.ndarray:
  """The rank [M] of each probe's mate, from 1; K + 1 where it is not named.

  Args:
    candidates: [M, K] of a ranking, best first, people or pictures.
    labels: [M], who the probes are.
  """
  hits = np.asarray(candidates) == np.asarray(labels)[:, None]
  return np.where(hits.any(1), hits.argmax(1), hits.shape[1]) + 1


def rank_k_curve(
  ranks: Array, users: Labels, max_rank: int
) -> list[metrics.Rate]:
  """The share of probes whose mate is among the first k, k = 1 to `max_rank`.

  The cumulative match characteristic (CMC).

  Args:
    ranks: [M] of `mate_ranks`.
    users: [M], whose picture it is.
    max_rank: at most the number of candidates that were asked for.

  Raises:
    InputError: no probes, or max_rank below 1.
  """
  checks.whole('max_rank', max_rank)
  ranks = np.asarray(ranks)
  return [metrics.rate(ranks <= k, users) for k in range(1, max_rank + 1)]


def tpir_at_fpir(
  ranks: Array,
  mate_scores: Array,
  users: Labels,
  impostor_scores: Array,
  fpir: float,
  *,
  max_rank: int = 1,
) -> metrics.Rate:
  """The share of mates that are found where few strangers are taken for anyone.

  A candidate counts above the lowest threshold that lets no more than the
  share `fpir` of the impostors' best candidates through.

  Args:
    ranks: [M] of `mate_ranks`.
    mate_scores: [M], the mates' scores; not looked at beyond max_rank.
    users: [M], whose picture it is.
    impostor_scores: [Q], best scores of probes without a mate.
    fpir: false positive identification rate, in [0, 1].
    max_rank: among how many candidates a mate counts.

  Raises:
    InputError: fpir out of range, no probes of either kind, scores not finite.
  """
  checks.number('fpir', fpir, 0, 1)
  ranks, mate_scores = np.asarray(ranks), np.asarray(mate_scores)
  impostors = np.sort(np.asarray(impostor_scores, np.float64))[::-1]
  in_time = ranks <= max_rank
  if not len(impostors):
    raise InputError('impostor_scores: there are none')
  for name, scores in (
    ('mate_scores', mate_scores[in_time]),
    ('impostor_scores', impostors),
  ):
    if not np.isfinite(scores).all():
      raise InputError(f'{name}: NaN or infinite values')
  # .29 * 100 is 28.999999999999996.
  passing = int(fpir * len(impostors) + 1e-9)
  threshold = np.append(impostors, -np.inf)[passing]
  return metrics.rate(in_time & (mate_scores > threshold), users)
