"""Data sets that are trees of pictures, and whose each picture is.

All are given by a folder, or by an archive of it (.tar, .tgz), which is read as
it is.
"""

import os
import pathlib
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fr_poison import checks, files
from fr_poison.data import folder as folder_lib
from fr_poison.types import InputError
from fr_poison.verification import Pairs

_FACESCRUB_LISTS = ('facescrub_actors.txt', 'facescrub_actresses.txt')
# Medians of the deep-funnelled pictures, by dlib's landmarks; each has a face.
_LFW_EYES = ((0.418, 0.458), (0.584, 0.454))
_MAX_PAIRS = 1 << 22  # bytes; LFW's 6,000 pairs have 155,000
_LFW_PICTURE = re.compile(r'(?:[^/]+/)?(?P<name>[^/]+)/(?P=name)_\d{4}\.jpg')


class Source(NamedTuple):
  """A data set where it lies, not read yet.

  Attributes:
    paths: the folders and files that it is read from.
    items: gives its pictures with the person, or None where they are nobody's,
      one after the other: an archive's come with their bytes.
    num_people: as published; None where nobody says.
    num_pictures: likewise.
    details: what else its people depend on.
    is_central: each picture is of whoever is in its middle; else, of several
      faces, any may be meant.
    eyes: [2, 2], where that subject's eyes are in every picture, the one on the
      left and the other: (x, y) as shares of its width and height; None: nobody
      says.
  """

  paths: list[pathlib.Path]
  items: Callable[[], Iterable[tuple[str | None, folder_lib.File]]]
  num_people: int | None = None
  num_pictures: int | None = None
  details: str = ''
  is_central: bool = True
  eyes: np.ndarray | None = None


def _items(
  source: pathlib.Path,
  person_of: Callable[[str], str | None],
  stray: str = '',
) -> Iterator[tuple[str | None, folder_lib.File]]:
  """The pictures; where `person_of` their paths is None, `stray` is why."""
  for file in folder_lib.files(source):
    person = person_of(file.path)
    if person is None:
      file = folder_lib.refused(file.path, stray)
    yield person, file


def folder(source: pathlib.Path, person_level: str = 'first') -> Source:
  """Takes any folder with one folder per person.

  The person is the first folder below the source, whatever is inside; pictures
  that lie loose in the source are one person, called as it is. Where one folder
  of an archive holds all the others, it is the source. With the `person_level`
  'every' each folder that holds pictures is a person: `a/Ann` and `b/Ann` are
  two.
  """
  checks.known('person_level', person_level, folder_lib.PERSON_LEVELS)

  def items():
    root, loose = '', source.resolve().name
    if source.is_file():
      root = _folder_around(source)
      loose = root[:-1] or loose.partition('.')[0]
    person_of = lambda path: folder_lib.person_of(path, person_level)
    return _items(
      source, lambda path: person_of(path.removeprefix(root)) or loose
    )

  details = f'\0person: {person_level}'
  return Source([source], items, details=details, is_central=False)


def _folder_around(archive: pathlib.Path) -> str:
  """'people/' where people is one folder around all others; else ''."""
  around = {posixpath.dirname(x.path) for x in folder_lib.files(archive)}
  tops = {path.partition('/')[0] for path in around}
  return f'{tops.pop()}/' if len(tops) == 1 and around - tops else ''


def pubfig83(source: pathlib.Path) -> Source:
  """Takes PubFig83: at least 100 pictures each, of 100x100 pixels.

  Expected: the official folder or archive (pubfig83.v1.tgz),
  `pubfig83/<Person Name>/<number>.jpg`. For non-commercial use; pictures are of
  the sites they come from. Pinto, Stone, Zickler and Cox, "Scaling up
  biologically-inspired computer vision: A case study in unconstrained face
  recognition on Facebook", CVPR Workshops 2011.
  """
  person_of = lambda path: posixpath.basename(posixpath.dirname(path)) or None
  items = lambda: _items(source, person_of, "not in a person's folder")
  return Source([source], items, num_people=83)


def facescrub(source: pathlib.Path) -> Source:
  """Takes FaceScrub: 530 actors and actresses, 106,863 pictures as published.

  Expected: the face crops, as the official downloads and scripts leave them: in
  a folder named after the person, or in `face` inside of it
  (`Adam_Sandler/face/`, as the paper's code has it), at any depth. Full
  pictures, in folders named `image` or `images`, are passed over. The official
  lists facescrub_actors.txt and facescrub_actresses.txt are read if they lie
  beside. People that are not on them are left out, and those on them without a
  picture are reported. Lists: CC BY-NC-ND 4.0; pictures are of the sites they
  come from. Ng and Winkler, "A data-driven approach to cleaning large face
  datasets", ICIP 2014.
  """
  lists = [source / name for name in _FACESCRUB_LISTS]
  lists = [path for path in lists if path.is_file()]

  def items():
    listed = set().union(*map(read_list, lists))

    def person_of(path):
      folders = [name for name in path.split('/')[:-1] if name != 'face']
      person = folders[-1].replace(' ', '_') if folders else None
      return person if not listed or person in listed else None

    missing = set(listed)
    for person, file in _items(source, person_of, 'of nobody known'):
      if not {'image', 'images'} & set(file.path.split('/')[:-1]):
        missing.discard(person)
        yield person, file
    for name in sorted(missing):
      yield name, folder_lib.refused(name, 'no pictures')

  return Source([source, *lists], items, 530, 106_863)


def read_list(path: pathlib.Path) -> set[str]:
  """Reads the people's names, as those of their folders.

  The list is tab-separated, with a header, the person's name first.
  InputError: it cannot be read, or is no such list.
  """
  lines = files.read_text(path).splitlines()
  if not lines or lines[0].split('\t')[0] != 'name':
    raise InputError(f'{path}: not a list of FaceScrub')
  names = (line.split('\t')[0] for line in lines[1:] if line.strip())
  return {name.replace(' ', '_') for name in names}


def lfw(source: pathlib.Path) -> Source:
  """Takes Labeled Faces in the Wild: 13,233 pictures of 250x250 pixels.

  Expected: the official folder or archive (lfw.tgz, lfw-deepfunneled.tgz),
  whose README says that a picture is `<Name>/<Name>_0001.jpg`, under `lfw` or
  not. No licence is stated; pictures are from the news, for research. Huang,
  Ramesh, Berg and Learned-Miller, "Labeled Faces in the Wild: A Database for
  Studying Face Recognition in Unconstrained Environments", University of
  Massachusetts, Amherst, 07-49, 2007.
  """

  def person_of(path):
    match = _LFW_PICTURE.fullmatch(path)
    return match and match['name']

  items = lambda: _items(source, person_of, 'not <Name>/<Name>_0001.jpg')
  return Source([source], items, 5749, 13_233, eyes=np.array(_LFW_EYES))


def read_pairs(path: str | os.PathLike, pictures: Sequence[str]) -> Pairs:
  """Reads the pairs of LFW's verification protocol, as indices of pictures.

  Args:
    path: of the official pairs.txt: `<folds> <pairs>`, then for each fold that
      many lines `<Name> <number> <number>` of one person and that many lines
      `<Name> <number> <Name> <number>` of two. Or of one of view 1's lists,
      pairsDevTrain.txt and pairsDevTest.txt: `<pairs>`, and one fold.
    pictures: LFW's pictures, as in `FaceSet.paths`.

  Raises:
    InputError: no such file, another format, a picture that is there twice, or
      that is not: with fewer pairs it were another protocol.
  """
  with files.opened(path, max_bytes=_MAX_PAIRS) as file:
    data = file.read()
  try:
    text = data.decode()
    head, *lines = text.splitlines()
    num_pairs, *folds = map(int, reversed(head.split()))
    (num_folds,) = folds or [1]
    rows = [line.split() for line in lines]
    # First, or a list of any length would be made.
    if min(num_folds, num_pairs) < 1 or 2 * num_folds * num_pairs != len(rows):
      raise ValueError
    is_genuine = np.tile(np.repeat([True, False], num_pairs), num_folds)
    if [len(row) for row in rows] != np.where(is_genuine, 3, 4).tolist():
      raise ValueError
    # Of one person the name is not said again.
    rows = [
      row if len(row) == 4 else [*row[:2], row[0], row[2]] for row in rows
    ]
    picture = lambda name, number: f'{name}_{int(number):04}.jpg'
    pairs = [(picture(*row[:2]), picture(*row[2:])) for row in rows]
  except ValueError:
    raise InputError(f"{path}: not in the format of LFW's pairs.txt") from None
  index = {}
  for i, picture in enumerate(pictures):
    if (first := index.setdefault(posixpath.basename(picture), i)) < i:
      raise InputError(f'{picture}: there twice, and is {pictures[first]}')
  missing = {name for pair in pairs for name in pair} - index.keys()
  if missing:
    raise InputError(
      f'{path}: {len(missing)} of its pictures are not there, as {min(missing)}'
    )
  first, second = np.array([[index[name] for name in pair] for pair in pairs]).T
  folds = np.repeat(np.arange(num_folds), 2 * num_pairs)
  return Pairs(first, second, is_genuine, folds)
