"""A picture's rows, some at a time: what is made of them needs little memory.

A telephone's picture has 64 million pixels. As float32 that is 768 MB, and a
computation has several such arrays at a time if it takes all rows at once.
"""

from collections.abc import Callable, Iterator

import numpy as np

from fr_poison.types import Array

_PIXELS = 1 << 17  # of a band; a caller's numbers of them are a few megabytes


def bands(height: int, width: int, multiple: int = 1) -> Iterator[slice]:
  """Yields the rows of every band, whose number is a `multiple` but the last's.

  A picture of another size has other bands: what is computed of a row must not
  depend on the rows beside it.
  """
  step = multiple * max(_PIXELS // (max(width, 1) * multiple), 1)
  for start in range(0, height, step):
    yield slice(start, min(start + step, height))


class Rows:
  """A picture that is computed where rows of it are asked for, as `x[2:4]`.

  Attributes:
    shape: [H, W, C].
  """

  def __init__(
    self, shape: tuple[int, int, int], rows: Callable[[slice], Array]
  ):
    """Computes nothing yet; `rows` gives those of a slice, [h, W, C]."""
    self.shape, self._rows = tuple(shape), rows

  def __getitem__(self, rows: slice) -> Array:
    """Computes one row or more, a band at a time; all of them with [:]."""
    start, stop, _ = rows.indices(self.shape[0])
    found = [
      self._rows(slice(start + band.start, start + band.stop))
      for band in bands(stop - start, self.shape[1])
    ]
    return found[0] if len(found) == 1 else np.concatenate(found)
