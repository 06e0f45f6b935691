"""FaceSet: the one thing that carries stored pictures between rooms."""

import collections
import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int32

from fr_poison.types import InputError, UInt8Images


@dataclasses.dataclass(frozen=True, eq=False)
class FaceSet:
  """Pictures of people, one face each, all of one size.

  Attributes:
    images: the pictures.
    labels: each an index into `names`.
    names: the people.
    paths: where each picture came from: relative, '/'-separated, unique.
    alignment: how faces were put in place: 'dlib-112', 'arcface-112',
      'centre-112' (not at all), or 'none' for pictures taken as they came.

  Raises:
    InputError: wrong shape, dtype or length, a label without a name, a path
      that is absolute or given twice.
  """

  images: UInt8Images
  labels: Int32[np.ndarray, ' N']
  names: tuple[str, ...]
  paths: tuple[str, ...]
  alignment: str = 'none'

  def __post_init__(self):  # noqa: D105
    count = len(self.images)
    for field, dtype, shape in (
      ('images', np.uint8, ['N', 'H', 'W', 3]),
      ('labels', np.int32, [count]),
    ):
      array = getattr(self, field)
      fits = len(array.shape) == len(shape) and array.shape[-1] == shape[-1]
      if not fits or array.dtype != dtype:
        raise InputError(
          f'{field}: expected {np.dtype(dtype)} [{", ".join(map(str, shape))}]'
          f', got {array.dtype} {list(array.shape)}'
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

  def subset(self, indices: np.ndarray | slice) -> 'FaceSet':
    """Takes the pictures at `indices` ([M] int) in that order; names stay.

    Or those for which a mask ([N] bool) holds. Those of a slice are not copied.
    """
    if not isinstance(indices, slice):
      indices = np.asarray(indices)
      if indices.dtype == bool:
        indices = np.arange(len(self))[indices]
      indices = indices.astype(np.intp)
    return dataclasses.replace(
      self,
      images=self.images[indices],
      labels=self.labels[indices],
      paths=tuple(self.paths[i] for i in np.arange(len(self))[indices]),
    )


def concatenate(face_sets: Sequence[FaceSet]) -> FaceSet:
  """Joins sets, at least one; people of the same name are one person.

  A network sees an aligned face and an unaligned one of a person as different
  people, so what a mixture would measure is the alignment.

  Raises:
    InputError: sets of different alignment or size, or a path that is in two.
  """
  for field, of in (
    ('alignment', lambda faces: repr(faces.alignment)),
    ('images', lambda faces: str(list(faces.images.shape[1:]))),
  ):
    kinds = list(dict.fromkeys(map(of, face_sets)))
    if len(kinds) > 1:
      pictures = ' pictures' if field == 'alignment' else ''
      raise InputError(
        f'{field}: {kinds[0]} and {kinds[1]}{pictures} cannot be mixed'
      )
  names = dict.fromkeys(name for faces in face_sets for name in faces.names)
  index = {name: i for i, name in enumerate(names)}
  labels = [index[f.names[label]] for f in face_sets for label in f.labels]
  return FaceSet(
    np.concatenate([faces.images for faces in face_sets]),
    np.array(labels, np.int32),
    tuple(names),
    tuple(path for faces in face_sets for path in faces.paths),
    face_sets[0].alignment,
  )


def to_float(images: np.ndarray) -> np.ndarray:
  """Turns stored pictures, uint8, to `Images`: float32 in [0, 1]."""
  if images.dtype != np.uint8:
    raise InputError(f'images: expected uint8, got {images.dtype}')
  return images.astype(np.float32) / np.float32(255)
