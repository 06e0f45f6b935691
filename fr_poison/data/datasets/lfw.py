"""Labeled Faces in the Wild: 5,749 people, 13,233 pictures of 250x250 pixels.

Expected: the official folder or archive (lfw.tgz, lfw-deepfunneled.tgz), whose
README says that a picture is `<Name>/<Name>_0001.jpg`, under `lfw` or not; and,
for verification, the official pairs.txt: `<folds> <pairs>`, then for each fold
that many lines `<Name> <number> <number>` of one person and that many lines
`<Name> <number> <Name> <number>` of two.
"""

import os
import pathlib
import re
from collections.abc import Iterator, Sequence

import numpy as np

from fr_poison.data import folder
from fr_poison.data.datasets.builder import Card, FaceBuilder, Item
from fr_poison.types import InputError
from fr_poison.verification import Pairs

_PICTURE = re.compile(r'(?:[^/]+/)?(?P<name>[^/]+)/(?P=name)_\d{4}\.jpg')


class Lfw(FaceBuilder):
  """TFDS builder of Labeled Faces in the Wild."""

  CARD = Card(
    5749,
    13233,
    'none stated; pictures from the news, for research',
    """@techreport{huang2007labeled,
  title={Labeled Faces in the Wild: A Database for Studying Face Recognition
    in Unconstrained Environments},
  author={Huang, Gary B and Ramesh, Manu and Berg, Tamara and
    Learned-Miller, Erik},
  institution={University of Massachusetts, Amherst},
  number={07-49},
  year={2007}
}""",
  )

  def items(self) -> Iterator[Item]:
    """See the module."""
    for file in folder.files(self.source):
      if match := _PICTURE.fullmatch(file.path):
        yield Item(match['name'], file.path, file.read)
      else:
        stray = folder.refusal(file.path, 'not <Name>/<Name>_0001.jpg')
        yield Item(None, file.path, stray)


def read_pairs(path: str | os.PathLike, pictures: Sequence[str]) -> Pairs:
  """The pairs of the verification protocol, as indices of pictures.

  Args:
    path: of pairs.txt.
    pictures: LFW's pictures, as in `FaceSet.paths`.

  Raises:
    InputError: no such file, another format, or a picture that is not there:
      with fewer pairs it were another protocol.
  """
  try:
    head, *lines = pathlib.Path(path).read_text(encoding='utf-8').splitlines()
    num_folds, num_pairs = map(int, head.split())
    rows = [line.split() for line in lines]
    # First, or a list of any length would be made.
    if min(num_folds, num_pairs) < 1 or 2 * num_folds * num_pairs != len(rows):
      raise ValueError
    sizes = ([3] * num_pairs + [4] * num_pairs) * num_folds
    if [len(row) for row in rows] != sizes:
      raise ValueError
    pairs = [
      (f'{row[0]}_{int(row[1]):04}.jpg', f'{row[-2]}_{int(row[-1]):04}.jpg')
      if len(row) == 4
      else (f'{row[0]}_{int(row[1]):04}.jpg', f'{row[0]}_{int(row[2]):04}.jpg')
      for row in rows
    ]
  except OSError as error:
    raise InputError(f'{path}: {error.strerror}') from error
  except ValueError:
    raise InputError(f"{path}: not in the format of LFW's pairs.txt") from None
  index = {pathlib.PurePosixPath(p).name: i for i, p in enumerate(pictures)}
  missing = {name for pair in pairs for name in pair} - index.keys()
  if missing:
    raise InputError(
      f'{path}: {len(missing)} of its pictures are not there, as {min(missing)}'
    )
  first, second = np.array([[index[name] for name in pair] for pair in pairs]).T
  folds = np.repeat(np.arange(num_folds), 2 * num_pairs)
  return Pairs(first, second, np.array(sizes) == 3, folds)
