"""MegaFace challenge 1: a million distractors, and FaceScrub's probes.

Expected, as the official archives and development kit unpack (or, in
parentheses, insightface's test pack):

  devkit/templatelists/megaface_features_list.json_<count>_<set>
  devkit/templatelists/facescrub_features_list.json
  FlickrFinal2/<3 digits>/<user>@<group>/<photo>_<n>.jpg  (megaface_images)
  FaceScrub/<Name>/<Name>_<face>.<extension>  (facescrub_images)

A list has the pictures' paths under "path". A distractor's person is the user
who put the photo up, of whom it need not be.
"""

import json
import os
import pathlib
from collections.abc import Iterator

from fr_poison.data import folder
from fr_poison.data.datasets.builder import Card, FaceBuilder, Item
from fr_poison.data.placement import Placement
from fr_poison.types import InputError

# What is read: the list, and where its pictures may be.
_PARTS = {
  'gallery': (
    'megaface_features_list.json_{}_{}',
    ('FlickrFinal2', 'megaface_images'),
  ),
  'probes': (
    'facescrub_features_list.json',
    ('FaceScrub', 'facescrub_images'),
  ),
}

_LICENCE = 'withdrawn; pictures: Creative Commons licences of their authors'
_CITATION = """@inproceedings{kemelmacher2016megaface,
  title={The MegaFace benchmark: 1 million faces for recognition at scale},
  author={Kemelmacher-Shlizerman, Ira and Seitz, Steven M and Miller, Daniel
    and Brossard, Evan},
  booktitle={CVPR},
  pages={4873--4882},
  year={2016}
}"""


class Megaface(FaceBuilder):
  """TFDS builder of MegaFace's distractors, or of its probes."""

  def __init__(
    self,
    source_dir: str | os.PathLike,
    placement: Placement,
    part: str = 'gallery',
    num_distractors: int = 1_000_000,
    set_index: int = 1,
    **kwargs,
  ):
    """Finds the list.

    Args:
      source_dir: what the module describes.
      placement: brings the pictures to one size.
      part: 'gallery' (the distractors) or 'probes' (of 80 people).
      num_distractors: of the list: 10, 100, ... 1,000,000.
      set_index: of the list, 1 to 10.
      **kwargs: for TFDS.

    Raises:
      InputError: no such part, or not in that layout.
    """
    if part not in _PARTS:
      raise InputError(f'part: {part!r} is neither of {", ".join(_PARTS)}')
    root, (name, roots) = pathlib.Path(source_dir), _PARTS[part]
    self._list = root / 'devkit' / 'templatelists'
    self._list /= name.format(num_distractors, set_index)
    self._root = next((root / r for r in roots if (root / r).is_dir()), None)
    if self._root is None:
      raise InputError(f'{root}: no folder {" or ".join(roots)}')
    counts = (None, num_distractors) if part == 'gallery' else (80, 3530)
    self.CARD = Card(*counts, _LICENCE, _CITATION)
    super().__init__(source_dir, placement, **kwargs)

  def sources(self) -> list[pathlib.Path]:
    """The pictures and the list."""
    return [self._root, self._list]

  def items(self) -> Iterator[Item]:
    """See the module."""
    for path in read_list(self._list):
      person = path.rpartition('/')[0]
      yield Item(person, path, folder.reading(self._root / path, path))


def read_list(path: str | os.PathLike) -> list[str]:
  """The pictures that a list has, by their paths below their folder.

  Raises:
    InputError: no such file, not such a list, or a path that leads elsewhere.
  """
  try:
    found = json.loads(pathlib.Path(path).read_text(encoding='utf-8'))['path']
    if not all(isinstance(name, str) for name in found):
      raise TypeError
  except (OSError, LookupError, RecursionError, TypeError, ValueError) as error:
    raise InputError(f'{path}: not a list of MegaFace') from error
  for name in found:
    *folders, _ = name.split('/')
    is_inside = folders and '..' not in folders and not name.startswith('/')
    if not is_inside or not name.isprintable():
      raise InputError(f'{path}: {name!a} is not <person>/<picture>')
  return found
