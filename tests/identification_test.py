import numpy as np
import pytest

from fr_poison import identification
from fr_poison.types import InputError

# Five probes; ranks of their mates: 1, 2, 1, 3, not named.
CANDIDATES = np.array([[7, 8, 9], [8, 7, 9], [8, 7, 7], [9, 7, 8], [7, 9, 9]])
LABELS = np.array([7, 7, 8, 8, 8])


def test_rank_k_curve_counts_mates_among_the_first_k():
  ranks = identification.mate_ranks(CANDIDATES, LABELS)
  np.testing.assert_array_equal(ranks, [1, 2, 1, 3, 4])
  curve = identification.rank_k_curve(ranks, LABELS, 3)
  # 2, 3 and 4 of 5 are within 1, 2 and 3.
  assert [r.value for r in curve] == pytest.approx([0.4, 0.6, 0.8])
  assert all(r.low < r.value < r.high and r.count == 5 for r in curve)


@pytest.mark.parametrize(
  'fpir, max_rank, expected',
  [
    # Impostors at .9, .5, .5, .1. None may pass: above .9, so nobody.
    (0.0, 1, 0.0),
    # One may: above .5, the first probe (.6).
    (0.25, 1, 0.2),
    (0.49, 1, 0.2),  # 1.96 of four is one
    # Two may not pass without the third, which ties: still above .5.
    (0.5, 1, 0.2),
    # Three may: above .1, the first and the third (.2).
    (0.75, 1, 0.4),
    # All may: every mate at rank 1; or up to 3.
    (1.0, 1, 0.4),
    (1.0, 3, 0.8),
    (0.25, 3, 0.6),  # those at .6, .7 and .8
  ],
)
def test_tpir_at_fpir(fpir, max_rank, expected):
  found = identification.tpir_at_fpir(
    np.array([1, 2, 1, 3, 4]),
    np.array([0.6, 0.7, 0.2, 0.8, np.nan]),
    LABELS,
    np.array([0.5, 0.1, 0.9, 0.5]),
    fpir,
    max_rank=max_rank,
  )
  assert found.value == pytest.approx(expected)


def test_a_share_that_floats_cannot_say_counts_in_full():
  # .29 of 100 impostors, at 0 to 99, are 29: the threshold is 70, and 71 is
  # above it.
  ranks, users, impostors = np.ones(1), np.zeros(1), np.arange(100.0)
  run = lambda score: identification.tpir_at_fpir(
    ranks, np.array([score]), users, impostors, 0.29
  )
  assert run(70.5).value == 1 and run(70.0).value == 0


def test_what_has_no_rate_is_refused():
  run = lambda fpir=0.1, mates=(0.5,), impostors=(0.1,): (
    identification.tpir_at_fpir(
      np.ones(len(mates)), np.array(mates), [0] * len(mates), impostors, fpir
    )
  )
  for message, call in (
    ('fpir: 2', lambda: run(fpir=2)),
    ('impostor_scores: there are none', lambda: run(impostors=())),
    ('impostor_scores: NaN', lambda: run(impostors=(np.nan,))),
    ('mate_scores: NaN', lambda: run(mates=(np.inf,))),
    ('interval: no pictures', lambda: run(mates=())),
    ('max_rank: 0', lambda: identification.rank_k_curve([1], [0], 0)),
  ):
    with pytest.raises(InputError, match=f'^{message}'):
      call()
