"""FaceSet: the one thing that carries stored pictures between rooms."""

import collections
import dataclasses
import pathlib
from collections.abc import Sequence

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
    alignment: how faces were put in place: 'dlib-112', 'arcface-112',
      'centre-112' (not at all), or 'none' for pictures taken as they came.

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


def concatenate(face_sets: Sequence[FaceSet]) -> FaceSet:
  """One set of all pictures; people of the same name are one person.

  A network sees an aligned face and an unaligned one of a person as different
  people, so what a mixture would measure is the alignment.

  Args:
    face_sets: at least one.

  Raises:
    InputError: sets of different alignment or size, or a path that is in two.
  """
  first = face_sets[0]
  for other in face_sets[1:]:
    if other.alignment != first.alignment:
      raise InputError(
        f'alignment: {first.alignment!r} and {other.alignment!r} pictures '
        'cannot be mixed'
      )
    if other.images.shape[1:] != first.images.shape[1:]:
      raise InputError(
        f'images: {list(first.images.shape[1:])} and '
        f'{list(other.images.shape[1:])} cannot be mixed'
      )
  names = dict.fromkeys(name for faces in face_sets for name in faces.names)
  index = {name: i for i, name in enumerate(names)}
  labels = [index[f.names[label]] for f in face_sets for label in f.labels]
  return FaceSet(
    np.concatenate([faces.images for faces in face_sets]),
    np.array(labels, np.int32),
    tuple(names),
    tuple(path for faces in face_sets for path in faces.paths),
    first.alignment,
  )


def to_float(images: np.ndarray) -> np.ndarray:
  """Stored pictures, uint8, as `Images`: float32 in [0, 1], same shape."""
  if images.dtype != np.uint8:
    raise InputError(f'images: expected uint8, got {images.dtype}')
  return images.astype(np.float32) / np.float32(255)
