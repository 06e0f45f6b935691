"""The nearest of N gallery faces to each of many probes, exactly.

The devices sift: each has a share of every block of the gallery, multiplies it
with the probes in float32 and keeps the best. Those few are measured again in
float64, and where rounding could have cost one its place, more are kept. So
the answer is that of float64, whatever the block sizes and devices.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Float64, Int, Int64

from fr_poison import checks, parallel
from fr_poison.parallel import SPLIT, WHOLE
from fr_poison.types import Array, InputError

METRICS = ('inner_product', 'squared_euclidean')
# Of columns; a power of two, of which the rows of a block are a multiple.
_LARGEST_GROUP = 64
_FEWER = 6  # times less than the first blocks bring
_SPARE = 6  # kept beyond k, since rounding may swap close ones


class Matches(NamedTuple):
  """The k nearest of each probe, best first, of equals the lowest index."""

  indices: Int64[np.ndarray, 'M k']  # rows of the gallery
  # Inner products, or minus squared Euclidean distances.
  scores: Float64[np.ndarray, 'M k']


def top_k(
  probes: Float[Array, 'M D'],
  gallery: Float[np.ndarray, 'N D'],
  k: int,
  *,
  metric: str = 'inner_product',
  recall_target: float | None = None,
  block_size: int = 4096,
  probe_block_size: int = 1024,
) -> Matches:
  """Finds the k gallery faces nearest to each probe.

  Args:
    probes: embeddings.
    gallery: float32, in memory or memory-mapped; read once, block by block.
    k: in [1, N].
    metric: one of METRICS.
    recall_target: in (0, 1): let `jax.lax.approx_max_k` find this share of
      them on average (on TPU; other devices find all). None is exact.
    block_size: gallery rows on a device at a time; does not change results.
    probe_block_size: probes at a time; does not change results.

  Raises:
    InputError: an argument out of range; embeddings misshaped or not finite.
  """
  checks.known('metric', metric, METRICS)
  probes = np.asarray(probes, np.float32)
  if probes.ndim != 2 or probes.shape[1:] != gallery.shape[1:]:
    raise InputError(
      'probes, gallery: expected [M, D] and [N, D], '
      f'got {list(probes.shape)} and {list(gallery.shape)}'
    )
  checks.whole('k', k, 1, len(gallery))
  if not np.isfinite(probes).all():
    raise InputError('probes: NaN or infinite values')
  if recall_target is not None:
    checks.number('recall_target', recall_target, 0, 1, ends='()')
  result = Matches(
    np.empty((len(probes), k), np.int64), np.empty((len(probes), k))
  )
  left, depth = np.arange(len(probes)), k + _SPARE
  while len(left):
    sizes = min(depth, len(gallery) + 1), block_size, probe_block_size
    some = probes[left]
    sifted = _sift_all(some, gallery, metric, recall_target, *sizes)
    found, is_sure = _measure(some, gallery, k, metric, *sifted)
    result.indices[left], result.scores[left] = found
    left = left[~is_sure] if recall_target is None else left[:0]
    depth *= 8
  return result


def recall(found: Matches, exact: Matches) -> float:
  """Computes the share of the exact matches, in [0, 1], that were found."""
  hits = found.indices[:, :, None] == exact.indices[:, None, :]
  return float(hits.any(1).mean())


class _Kept(NamedTuple):
  """What each device kept, in float32."""

  # Falling; -inf beyond the last.
  values: Float[np.ndarray, 'devices M depth']
  indices: Int[np.ndarray, 'devices M depth']
  # Squared length of a centred gallery face.
  longest: Float[np.ndarray, ' devices']


def _sift_all(probes, gallery, metric, recall_target, depth, rows, columns):
  """Streams the gallery once past all probes.

  Returns:
    what was kept, and the centre [D] that was subtracted before the products.
  """
  mesh = parallel.mesh(jax.local_devices())
  put = functools.partial(parallel.put, mesh)
  up = lambda count: -(-count // _LARGEST_GROUP) * _LARGEST_GROUP
  rows = mesh.size * min(up(rows), up(-(-len(gallery) // mesh.size)))
  columns = min(columns, len(probes))
  centre = np.zeros(probes.shape[1], np.float32)
  if metric != METRICS[0]:
    # Products lose digits when all embeddings are far from zero and close
    # together.
    centre = np.mean(gallery[:rows], 0, np.float32)
  parts = [
    put(_filled(probes[i : i + columns] - centre, columns), WHOLE)
    for i in range(0, len(probes), columns)
  ]
  values = np.full((mesh.size, columns, depth), -np.inf, np.float32)
  shortest = np.zeros(mesh.size, np.float32)
  nothing = _Kept(values, np.zeros(values.shape, np.int32), shortest)
  kept = [put(nothing, SPLIT)] * len(parts)
  for first in range(0, len(gallery), rows):
    block = np.asarray(gallery[first : first + rows], np.float32)
    count = len(block)
    block = put(_filled(block, rows), SPLIT)  # while the last one is sifted
    jax.block_until_ready(kept)  # else blocks pile up
    sift = _sift_on(mesh, metric, recall_target, count == rows)
    kept = [
      sift(state, part, block, centre, first, count)
      for state, part in zip(kept, parts, strict=True)
    ]
  values, indices, longest = zip(*map(jax.device_get, kept), strict=True)
  join = lambda x: np.concatenate(x, 1)[:, : len(probes)]
  kept = _Kept(join(values), join(indices), np.max(longest))
  # NaN is not below infinity either.
  if not (np.isfinite(kept.longest) and kept.values.max() < np.inf):
    raise InputError('gallery: NaN or infinite values, or too large ones')
  return kept, centre


def _filled(rows, count):
  """Rows of zeros at the end, so that a program is compiled once."""
  if len(rows) == count:
    return rows
  return np.pad(rows, ((0, count - len(rows)), (0, 0)))


@functools.cache
def _sift_on(mesh, metric, recall_target, is_full):
  """The compiled step of one block over the devices of `mesh`."""

  def sift(kept, probes, block, centre, first, count):
    values, indices, longest = (x[0] for x in kept)
    row = jax.lax.axis_index(parallel.AXIS) * len(block) + jnp.arange(
      len(block)
    )
    if metric != METRICS[0]:
      block = jnp.where((row < count)[:, None], block - centre, 0)
    squares = jnp.sum(block**2, 1)
    scores = jnp.matmul(probes, block.T, precision='highest')
    if metric != METRICS[0]:
      scores = 2 * scores - squares
    if not is_full:  # a pass over all scores, which full blocks are spared
      scores = jnp.where(row < count, scores, -jnp.inf)
    values, indices = _merged(
      values, indices, scores, first + row, recall_target
    )
    longest = jnp.maximum(longest, jnp.max(squares))
    return _Kept(values[None], indices[None], longest[None])

  specs = SPLIT, WHOLE, SPLIT, WHOLE, WHOLE, WHOLE
  return jax.jit(
    jax.shard_map(sift, mesh=mesh, in_specs=specs, out_specs=SPLIT)
  )


def _merged(values, indices, scores, rows, recall_target):
  """The best of what was kept, [M, depth], and of a block's scores, [M, B]."""
  depth = values.shape[1]

  def keep(best, which):
    best = jnp.concatenate([values, best], 1)
    which = jnp.concatenate([indices, rows[which]], 1)
    best, order = jax.lax.top_k(best, depth)
    return best, jnp.take_along_axis(which, order, 1)

  wanted = min(depth, scores.shape[1])
  if recall_target is not None:
    return keep(
      *jax.lax.approx_max_k(scores, wanted, recall_target=recall_target)
    )
  # The best are in the groups with the best maxima: few columns, while top_k
  # on all of them would take longer than the products on a CPU. Maxima and
  # what is left to sort are fewest at this size.
  size = 2 ** round(np.log2(scores.shape[1] / wanted) / 2)
  size = min(size, _LARGEST_GROUP)
  # Column c is in group c % number: a maximum over rows of columns is fast.
  groups = scores.reshape(len(scores), size, -1)
  maxima, number = jnp.max(groups, 1), groups.shape[2]

  def of_groups(count):
    _, good = jax.lax.top_k(maxima, count)
    best = jnp.take_along_axis(groups, good[:, None], 2)
    which = good[:, None] + number * jnp.arange(size)[:, None]
    return keep(*(x.reshape(len(scores), -1) for x in (best, which)))

  # The first blocks bring many that are better than what was kept, the others
  # few.
  most, few = min(wanted, number), min(-(-wanted // _FEWER), number)
  better = jnp.sum(maxima > values[:, -1:], 1)
  return jax.lax.cond(
    jnp.max(better) > few, lambda: of_groups(most), lambda: of_groups(few)
  )


def _measure(probes, gallery, k, metric, kept, centre):
  """The best k of those kept, by float64, and whether nothing can be missing.

  Returns:
    (indices [M, k], scores [M, k]), is_sure [M].
  """
  values, indices = (np.concatenate(x, 1) for x in kept[:2])
  scores = np.empty(values.shape)
  for row, probe in enumerate(probes):  # one at a time to save memory
    faces = np.asarray(gallery[indices[row]], np.float32).astype(np.float64)
    if metric == METRICS[0]:
      scores[row] = (faces * probe).sum(1)
    else:
      scores[row] = -((faces - probe) ** 2).sum(1)
  scores[values == -np.inf] = -np.inf
  order = np.lexsort((indices, -scores))[:, :k]
  indices, scores = (np.take_along_axis(x, order, 1) for x in (indices, scores))
  # Whoever was dropped scored at most this by float32 ...
  floor = kept.values[:, :, -1].max(0)
  # ... and that is off by no more than the rounding of so many products.
  length = np.linalg.norm(probes - centre.astype(np.float64), axis=1)
  rounding = (probes.shape[1] + 8) * 2.0**-24 * np.sqrt(float(kept.longest))
  error = rounding * length
  if metric != METRICS[0]:
    error = 2 * error + rounding * np.sqrt(float(kept.longest))
    floor = floor - length**2
  return (indices, scores), floor + error < scores[:, -1]
