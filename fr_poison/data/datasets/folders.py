"""One folder per person: anybody's pictures, and PubFig83.

The person is the first folder below the source, whatever is inside; pictures
that lie loose in the source are one person, called as it is. With
`person_level='every'` each folder that holds pictures is a person: `a/Ann` and
`b/Ann` are two. Archives (.tar, .tgz) are read as they are; where one folder
holds all the others, it is the source.
"""

import os
import pathlib
import posixpath
from collections.abc import Iterator

from fr_poison.data import folder
from fr_poison.data.datasets.builder import Card, FaceBuilder, Item
from fr_poison.data.placement import Placement
from fr_poison.types import InputError


class Folder(FaceBuilder):
  """TFDS builder of any folder with one folder per person."""

  CARD = Card(None, None, 'not known', '')

  def __init__(
    self,
    source_dir: str | os.PathLike,
    placement: Placement,
    person_level: str = 'first',
    **kwargs,
  ):
    """Looks at every file's name and time, but not into it.

    Args:
      source_dir: where the pictures are.
      placement: brings them to one size.
      person_level: one of `folder.PERSON_LEVELS`.
      **kwargs: for TFDS.

    Raises:
      InputError: another level; no such folder or archive.
    """
    if person_level not in folder.PERSON_LEVELS:
      known = ' or '.join(map(repr, folder.PERSON_LEVELS))
      raise InputError(f'person_level: {person_level!r}, expected {known}')
    self._level = person_level
    # What was prepared under another notion of people is not this data set.
    details = f'{placement.details}\0person: {person_level}'
    super().__init__(source_dir, placement._replace(details=details), **kwargs)

  def items(self) -> Iterator[Item]:
    """See the module."""
    root, name = '', self.source.resolve().name
    if self.source.is_file():
      root, name = _folder_around(self.source), name.partition('.')[0]
    for file in folder.files(self.source):
      person = folder.person_of(file.path.removeprefix(root), self._level)
      yield Item(person or root[:-1] or name, file.path, file.read)


def _folder_around(archive: pathlib.Path) -> str:
  """'people/' where people is one folder around all others; else ''."""
  around = {file.path.rpartition('/')[0] for file in folder.files(archive)}
  tops = {path.partition('/')[0] for path in around}
  return f'{tops.pop()}/' if len(tops) == 1 and around - tops else ''


class Pubfig83(FaceBuilder):
  """TFDS builder of PubFig83: at least 100 pictures each, 100x100 pixels.

  Expected: the official folder or archive (pubfig83.v1.tgz),
  `pubfig83/<Person Name>/<number>.jpg`.
  """

  CARD = Card(
    83,
    None,
    'non-commercial use; pictures: of the sites they come from',
    """@inproceedings{pinto2011scaling,
  title={Scaling up biologically-inspired computer vision: A case study in
    unconstrained face recognition on Facebook},
  author={Pinto, Nicolas and Stone, Zak and Zickler, Todd and Cox, David},
  booktitle={CVPR Workshops},
  pages={35--42},
  year={2011}
}""",
  )

  def items(self) -> Iterator[Item]:
    """See the class."""
    for file in folder.files(self.source):
      person = posixpath.basename(posixpath.dirname(file.path))
      read = file.read
      if not person:
        read = folder.refusal(file.path, "not in a person's folder")
      yield Item(person or None, file.path, read)
