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
    try:
      found = json.loads(self._list.read_text(encoding='utf-8'))['path']
    except (OSError, ValueError, LookupError, TypeError) as error:
      raise InputError(f'{self._list}: not a list of MegaFace') from error
    for path in map(str, found):
      *folders, _ = path.split('/')
      if '..' in folders or path.startswith('/') or not folders:
        raise InputError(f'{self._list}: {path!r} is not <person>/<picture>')
      read = folder.reading(self._root / path, path)
      yield Item('/'.join(folders), path, read)
