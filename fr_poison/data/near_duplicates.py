"""The same picture in two sets: in what trains a recognizer and what judges it.

Two are nearly the same if their grey 16x16 miniatures, less their means,
correlate to 0.9988 or more. Measured on ORL (1,800 pairs of pictures of one
person; the most alike: 0.9986), LFW and aligned LFW (0.92): no two different
pictures are. A copy is if it went through JPEG at quality 50 (0.9994 at least),
was halved and enlarged again (0.9990) or had noise of 8 levels added (0.9994);
often if it was brightened by 15% (0.988 at least), and not if it was cropped.
The usual 64-bit difference hash is no good for faces in place: 43 of the 1,800
differ in 2 bits or fewer.
"""

import hashlib
from typing import NamedTuple

import numpy as np
from PIL import Image

from fr_poison.data import placement

_SIDE = 16
_MIN_CORRELATION = 0.9988
_BLOCK = 1 << 24  # correlations at a time


class Pair(NamedTuple):
  """A picture, and the first one in the other set that it is, or nearly.

  Attributes:
    first: its index.
    second: that of the other.
    is_exact: whether these two are equal.
    count: how many pictures of the other set it is, or nearly.
  """

  first: int
  second: int
  is_exact: bool
  count: int


def find(first: np.ndarray, second: np.ndarray) -> list[Pair]:
  """Finds each picture of `first` that is one of `second`, or nearly.

  Equal pictures are compared once for all; the others take N x M correlations,
  a block at a time. Both are uint8 [N, H, W, 3]; the pairs are in the order of
  `first`, at most one for each of them.
  """
  ours, places = _distinct(first)
  theirs, others = _distinct(second)
  counts = np.float32([len(rows) for rows in others])
  miniatures, known = _miniatures(first, places), _miniatures(second, others)
  digests, found = list(ours), []
  step = max(_BLOCK // max(len(others), 1), 1)
  for start in range(0, len(digests) if others else 0, step):
    block = digests[start : start + step]
    is_alike = _compare(miniatures[start : start + step], known)
    for row, digest in enumerate(block):
      if digest in theirs:  # A flat picture correlates with none.
        is_alike[row, theirs[digest]] = 1
    partners, totals = is_alike.argmax(1).tolist(), is_alike @ counts
    for row in np.flatnonzero(totals).tolist():
      partner = partners[row]
      is_exact = theirs.get(block[row]) == partner
      pair = others[partner][0], is_exact, int(totals[row])
      found += [Pair(i, *pair) for i in places[start + row]]
  return sorted(found)


def _distinct(images):
  """Digests of all different pictures, with their number; and where each is."""
  places = {}
  for i, image in enumerate(images):
    digest = hashlib.sha256(np.ascontiguousarray(image)).digest()
    places.setdefault(digest, []).append(i)
  return {x: i for i, x in enumerate(places)}, [*places.values()]


def _compare(miniatures, others):
  """Float32 [N, M]: 1 where two are nearly the same, 0 elsewhere."""
  correlations = miniatures @ others.T
  return np.greater_equal(correlations, _MIN_CORRELATION, out=correlations)


def _miniatures(images, places):
  """Of the first picture at each of N places: float32 [N, 256].

  Of mean 0 and length 1; a flat picture is all 0.
  """
  chosen = (images[rows[0]] for rows in places)
  grey = (np.asarray(Image.fromarray(x).convert('L')) for x in chosen)
  small = [placement.resize(x[..., None], _SIDE, _SIDE) for x in grey]
  rows = np.array(small, np.float32).reshape(len(places), _SIDE**2)
  rows -= rows.mean(1, keepdims=True)
  return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)
