"""The people of a data set that a config asks for."""

import numpy as np

from fr_poison.data import datasets
from fr_poison.data.faces import FaceSet
from fr_poison.types import InputError


def load(
  dataset: str, num_people: int, data_dir: str | None, field: str
) -> FaceSet:
  """The pictures of the first `num_people` people.

  Args:
    dataset: one of `datasets.NAMES`.
    num_people: as many.
    data_dir: the data set's own folders, or None for the installed copy.
    field: of the config that the number comes from.

  Raises:
    InputError: there are fewer; the data set cannot be read.
  """
  source = {'source_dir': data_dir} if data_dir else {}
  faces = datasets.load(dataset, **source)
  if num_people > len(faces.names):
    raise InputError(
      f'config.{field}: {num_people} people, but {dataset} has '
      f'{len(faces.names)}'
    )
  return faces.subset(np.flatnonzero(faces.labels < num_people))


def split(faces: FaceSet, label: int) -> tuple[FaceSet, FaceSet]:
  """Those with a label below `label`, and the others."""
  below = faces.labels < label
  return (
    faces.subset(np.flatnonzero(below)),
    faces.subset(np.flatnonzero(~below)),
  )
