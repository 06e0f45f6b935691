"""FaceSet: the one thing that carries stored pictures between rooms."""

import collections
import dataclasses
import pathlib

import numpy as np

from fr_poison.types import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class FaceSet:
  """Pictures of people, one face each, all of one size.

  Attributes:
    images: uint8 [N, H, W, 3], RGB.
    labels: int32 [N], each an index into `names`.
    names: the people.
    paths: [N], where each picture came from: relative, '/'-separated, unique.
    alignment: how faces were put in place, 'dlib-112' or 'none'.

  Raises:
    InputError: wrong shape, dtype or length, a label without a name, a path
      that is absolute or given twice.
  """

  images: np.ndarray
  labels: np.ndarray
  names: tuple[str, ...]
  paths: tuple[str, ...]
  alignment: str = 'none'

  def __post_init__(self):  # noqa: D105
    shape, count = self.images.shape, len(self.images)
    if len(shape) != 4 or shape[-1] != 3 or self.images.dtype != np.uint8:
      raise InputError(
        'images: expected uint8 [N, H, W, 3], '
        f'got {self.images.dtype} {list(shape)}'
      )
    if self.labels.shape != (count,) or self.labels.dtype != np.int32:
      raise InputError(
        f'labels: expected int32 [{count}], '
        f'got {self.labels.dtype} {list(self.labels.shape)}'
      )
    if not np.isin(self.labels, np.arange(len(self.names))).all():
      raise InputError(f'labels: expected 0..{len(self.names) - 1}')
    if len(self.paths) != count:
      raise InputError(f'paths: expected {count}, got {len(self.paths)}')
    for field in ('names', 'paths'):
      for value, times in collections.Counter(getattr(self, field)).items():
        if times > 1:
          raise InputError(f'{field}: {value!r} is there {times} times')
    for path in self.paths:
      if pathlib.PurePath(path).is_absolute():
        raise InputError(f'paths: {path!r} is not relative')

  def __len__(self) -> int:
    """The number of pictures."""
    return len(self.images)

  def subset(self, indices: np.ndarray) -> 'FaceSet':
    """The pictures at `indices` ([M] int), in that order; all names stay."""
    indices = np.asarray(indices, dtype=np.intp)
    return dataclasses.replace(
      self,
      images=self.images[indices],
      labels=self.labels[indices],
      paths=tuple(self.paths[i] for i in indices),
    )


def to_float(images: np.ndarray) -> np.ndarray:
  """Stored pictures, uint8, as `Images`: float32 in [0, 1], same shape."""
  if images.dtype != np.uint8:
    raise InputError(f'images: expected uint8, got {images.dtype}')
  return images.astype(np.float32) / np.float32(255)
