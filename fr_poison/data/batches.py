"""Batches of one fixed shape: the tail is padded, and cut off again."""

from collections.abc import Callable, Iterable

import jax
import numpy as np

from fr_poison.data.faces import to_float

Progress = Callable[..., Iterable]  # as `silent`


def pictures_a_call(
  wanted: int, on_cpu: int, device: jax.Device | None = None
) -> int:
  """Says how many pictures a device's program is given at a time.

  `device`: None for JAX's own choice.

  XLA:CPU compiles another program for another shape, which adds in another
  order. There the number is always `on_cpu` (one alone would waste a matrix
  product), so that not a bit of a result depends on what was wanted.
  """
  platform = jax.default_backend() if device is None else device.platform
  return on_cpu if platform == 'cpu' else wanted


def silent(items: Iterable, total: int | None, each: int = 1) -> Iterable:
  """Gives the items, and shows nobody how far a loop over them is.

  `total` is the units in all of them, if that is known; `each` those an item.
  """
  del total, each
  return items


def map_batches(
  fn: Callable[[np.ndarray], np.ndarray],
  images: np.ndarray,
  batch_size: int,
  progress: Progress = silent,
) -> np.ndarray:
  """Maps uint8 pictures [N, H, W, 3] to [N, ...], a fixed number at a time.

  Args:
    fn: float32 pictures in [0, 1], [batch_size, H, W, 3] -> [batch_size, ...];
      one picture's result must not depend on the others'.
    images: any number of pictures; the last batch is filled up with copies,
      whose results are dropped, so that `fn` is compiled once.
    batch_size: pictures a call.
    progress: is given the loop over them; see `silent`.
  """
  results = []
  starts = range(0, len(images), batch_size)
  for start in progress(starts, len(images), batch_size):
    batch = images[start : start + batch_size]
    index = np.minimum(np.arange(batch_size), len(batch) - 1)
    results.append(np.asarray(fn(to_float(batch[index])))[: len(batch)])
  return np.concatenate(results)
