"""FaceScrub: 530 actors and actresses, 106,863 pictures as published.

Expected: the face crops, as the official downloads and scripts leave them: in a
folder named after the person, or in `face` inside of it (`Adam_Sandler/face/`,
as the paper's code has it), at any depth; full pictures, in folders named
`image` or `images`, are passed over. The official lists facescrub_actors.txt
and facescrub_actresses.txt are read if they lie beside: tab-separated, with a
header, the person's name first. People that are not on them are left out, and
those on them without a picture are said.
"""

import pathlib
from collections.abc import Iterator

from fr_poison.data import folder
from fr_poison.data.datasets.builder import Card, FaceBuilder, Item
from fr_poison.types import InputError

_LISTS = ('facescrub_actors.txt', 'facescrub_actresses.txt')


class Facescrub(FaceBuilder):
  """TFDS builder of FaceScrub."""

  CARD = Card(
    530,
    106863,
    'lists: CC BY-NC-ND 4.0; pictures: of the sites they come from',
    """@inproceedings{ng2014data,
  title={A data-driven approach to cleaning large face datasets},
  author={Ng, Hong-Wei and Winkler, Stefan},
  booktitle={IEEE International Conference on Image Processing},
  pages={343--347},
  year={2014}
}""",
  )

  def sources(self) -> list[pathlib.Path]:
    """The folder, and the lists that are there."""
    lists = [self.source / name for name in _LISTS]
    return [self.source, *(path for path in lists if path.is_file())]

  def items(self) -> Iterator[Item]:
    """See the module."""
    listed = set().union(*map(read_list, self.sources()[1:]))
    missing = set(listed)
    for file in folder.files(self.source):
      *folders, _ = file.path.split('/')
      if {'image', 'images'} & set(folders):
        continue
      person = next((name for name in folders[::-1] if name != 'face'), '')
      person = person.replace(' ', '_')
      if person and (person in listed or not listed):
        missing.discard(person)
        yield Item(person, file.path, file.read)
      else:
        stray = folder.refusal(file.path, 'of nobody known')
        yield Item(None, file.path, stray)
    for person in sorted(missing):
      yield Item(person, person, folder.refusal(person, 'no pictures'))


def read_list(path: pathlib.Path) -> set[str]:
  """The people's names, as those of their folders.

  Raises:
    InputError: it cannot be read, or is no such list.
  """
  try:
    lines = path.read_text(encoding='utf-8').splitlines()
  except (OSError, ValueError) as error:
    raise InputError(f'{path}: {error}') from error
  if not lines or lines[0].split('\t')[0] != 'name':
    raise InputError(f'{path}: not a list of FaceScrub')
  rows = (line.split('\t') for line in lines[1:] if line.strip())
  return {row[0].replace(' ', '_') for row in rows}
