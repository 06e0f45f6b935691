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

import collections
import hashlib
from typing import NamedTuple

import numpy as np
from PIL import Image

from fr_poison.data import placement

_SIDE = 16
_MIN_CORRELATION = 0.9988
_BLOCK = 1 << 24  # correlations at a time


class Pair(NamedTuple):
  """Two pictures that are one, or nearly: their indices, and whether equal."""

  first: int
  second: int
  is_exact: bool


def find(first: np.ndarray, second: np.ndarray) -> list[Pair]:
  """Finds each picture of `first` that is one of `second`, or nearly.

  Takes N x M correlations, a block at a time, of uint8 [N, H, W, 3] and
  uint8 [M, H, W, 3]. The pairs are sorted.
  """
  places = collections.defaultdict(list)
  for j, image in enumerate(second):
    places[_digest(image)].append(j)
  exact = {(i, j) for i, x in enumerate(first) for j in places[_digest(x)]}
  found = set(exact)
  miniatures, others = _miniatures(first), _miniatures(second)
  step = max(_BLOCK // max(len(second), 1), 1)
  for start in range(0, len(first), step):
    correlations = miniatures[start : start + step] @ others.T
    rows, columns = np.nonzero(correlations >= _MIN_CORRELATION)
    found.update(zip((rows + start).tolist(), columns.tolist(), strict=True))
  return [Pair(*pair, pair in exact) for pair in sorted(found)]


def _digest(image):
  return hashlib.sha256(np.ascontiguousarray(image)).digest()


def _miniatures(images):
  """Float32 [N, 256], of mean 0 and length 1; a flat picture is all 0."""
  grey = (np.asarray(Image.fromarray(x).convert('L')) for x in images)
  small = [placement.resize(x[..., None], _SIDE, _SIDE) for x in grey]
  rows = np.array(small, np.float32).reshape(len(images), _SIDE**2)
  rows -= rows.mean(1, keepdims=True)
  return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)
