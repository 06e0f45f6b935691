"""Exact search against faiss-cpu's, on the same cores.

Gallery and probes are random directions. Memory is the process's peak after
the first searches, over the gallery itself: what the gallery and they take, and
with Python and all imports. faiss keeps a copy of its own, and comes later.
"""

from collections.abc import Iterator

import numpy as np

from benchmarks import timing
from fr_poison.search import nearest

_NUM_NEAREST = (1, 10, 100)
_APPROXIMATE, _RECALL_TARGET = 10, 0.95
_DRAWN = 8192  # rows at a time


def directions(count: int, num_columns: int, seed: int) -> np.ndarray:
  """Draws random embeddings of length 1, float32 [count, num_columns]."""
  rng = np.random.default_rng(seed)
  result = np.empty((count, num_columns), np.float32)
  for start in range(0, count, _DRAWN):
    part = result[start : start + _DRAWN]
    rng.standard_normal(out=part, dtype=np.float32)
    part /= np.linalg.norm(part, axis=1, keepdims=True)
  return result


def lines(
  num_faces: int, num_columns: int, num_probes: int, repeats: int
) -> Iterator[str]:
  """Times each number of nearest faces, a line of the table each.

  Args:
    num_faces: in the gallery.
    num_columns: of the embeddings.
    num_probes: searched at a time.
    repeats: turns of each.
  """
  before = timing.peak_bytes()
  gallery = directions(num_faces, num_columns, 0)
  probes = directions(num_probes, num_columns, 1)
  exact = nearest.top_k(probes, gallery, _APPROXIMATE)
  peak = timing.peak_bytes()
  import faiss

  index = faiss.IndexFlatIP(num_columns)
  index.add(gallery)
  yield (
    f'{num_faces} faces x {num_columns}, {num_probes} probes; peak memory '
    f'{(peak - before) / gallery.nbytes:.2f} of the gallery, with all imports '
    f'{peak / gallery.nbytes:.2f}\n'
    f'faiss {faiss.__version__}, {faiss.omp_get_max_threads()} threads\n'
    'nearest  ours [s]  faiss [s]  faiss/ours  equal indices'
  )
  for k in _NUM_NEAREST:
    ways = {
      'ours': lambda k=k: nearest.top_k(probes, gallery, k).indices,
      'faiss': lambda k=k: index.search(probes, k)[1],
    }
    t, found = timing.medians(ways, repeats)
    yield (
      f'{k:7} {t["ours"]:9.2f} {t["faiss"]:10.2f} '
      f'{t["faiss"] / t["ours"]:11.2f} '
      f'{np.mean(found["ours"] == found["faiss"]):14.4f}'
    )
  part = lambda: nearest.top_k(
    probes, gallery, _APPROXIMATE, recall_target=_RECALL_TARGET
  )
  t, found = timing.medians({'part': part}, repeats)
  yield (
    f'approximate, {_APPROXIMATE} nearest: {t["part"]:.2f} s, recall '
    f'{nearest.recall(found["part"], exact):.4f} (target {_RECALL_TARGET})'
  )
