"""A picture's rows, some at a time: what is made of them needs little memory.

A telephone's picture has 64 million pixels. As float32 that is 768 MB, and a
computation has several such arrays at a time if it takes all rows at once.
"""

from collections.abc import Iterator

_PIXELS = 1 << 18  # of a band; a caller's numbers of them are a few megabytes


def bands(height: int, width: int, multiple: int = 1) -> Iterator[slice]:
  """Yields the rows of every band, whose number is a `multiple` but the last's.

  A picture of another size has other bands: what is computed of a row must not
  depend on the rows beside it.
  """
  step = multiple * max(_PIXELS // (max(width, 1) * multiple), 1)
  for start in range(0, height, step):
    yield slice(start, min(start + step, height))
