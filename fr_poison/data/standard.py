"""A standard: people and pictures that many tools are measured on, for good.

A list under `standards/` names every picture with the first 16 digits of its
SHA-256; no picture ships. What a tool is measured at on one list is never put
beside what it is at on another one: a change is a new name.

`fr_poison-lfw-1`, of the deep-funnelled LFW (lfw-deepfunneled.tgz): of the 62
people with 20 and more pictures 40 are tested and 22 are there for choosing
recipes and thresholds, with 10 pictures each. The 361 with 5 to 19 are public,
with 5 each; of everybody else there is a picture in every gallery. People and
pictures come in the order of the `keys.of` of their name after the standard's.
"""

import csv
import hashlib
import pathlib
import posixpath
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fr_poison import checks, files
from fr_poison.data.faces import FaceSet
from fr_poison.types import InputError

if TYPE_CHECKING:  # It imports TFDS and Grain.
  from fr_poison.data.datasets.prepared import Prepared

_FOLDER = pathlib.Path(__file__).with_name('standards')
DATASETS = {'fr_poison-lfw-1': 'lfw'}
NAMES = tuple(DATASETS)
PROTECTED = ('test', 'tuning')  # who may cloak
ROLES = (*PROTECTED, 'public', 'stranger')


class Standard(NamedTuple):
  """Who has which role, and by which pictures.

  Attributes:
    name: of the list, with its version.
    dataset: of which the pictures are.
    digest: SHA-256 of the list.
    pictures: role, name of the file, and start of its SHA-256, in order.
  """

  name: str
  dataset: str
  digest: str
  pictures: list[tuple[str, str, str]]

  def faces(self, prepared: 'Prepared') -> dict[str, FaceSet]:
    """Reads the pictures, by role; people stay in the order of the list.

    Raises:
      InputError: a picture is missing, could not be used, or is another one.
    """
    index = {
      posixpath.basename(path): (row, path, digest)
      for row, (_, path, digest) in enumerate(prepared.index())
    }
    missing = [name for _, name, _ in self.pictures if name not in index]
    other = [
      name
      for _, name, digest in self.pictures
      if name in index and index[name][2][: len(digest)] != digest
    ]
    for names, what in ((missing, 'missing'), (other, 'not those of the list')):
      if names:
        raise InputError(
          f'{self.name}: {len(names)} of {len(self.pictures)} pictures are '
          f'{what}, as {names[0]}'
        )
    return {role: self._of(role, prepared, index) for role in ROLES}

  def _of(self, role, prepared, index):
    names = [name for own, name, _ in self.pictures if own == role]
    people = list(dict.fromkeys(map(_person, names)))
    labels = {person: label for label, person in enumerate(people)}
    return FaceSet(
      prepared.images([index[name][0] for name in names]),
      np.array([labels[_person(name)] for name in names], np.int32),
      tuple(people),
      tuple(index[name][1] for name in names),
      prepared.alignment,
    )


def load(name: str) -> Standard:
  """Reads the list of this name.

  Raises:
    InputError: there is none.
  """
  checks.known('standard', name, NAMES)
  text = files.read_text(_FOLDER / f'{name}.csv')
  rows = [tuple(row) for row in csv.reader(text.splitlines())][1:]
  digest = hashlib.sha256(text.encode()).hexdigest()
  return Standard(name, DATASETS[name], digest, rows)


def _person(picture):
  """Whose it is: Ann_Lee_0001.jpg is of Ann_Lee."""
  return picture.rpartition('_')[0]
