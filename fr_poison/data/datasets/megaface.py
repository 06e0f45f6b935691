"""MegaFace challenge 1: a million distractors, and FaceScrub's probes."""

import json
import os
import pathlib

from fr_poison import checks, files
from fr_poison.data import folder
from fr_poison.data.datasets.trees import Source
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


def megaface(
  source: pathlib.Path,
  part: str = 'gallery',
  num_distractors: int = 1_000_000,
  set_index: int = 1,
) -> Source:
  """Takes MegaFace's distractors, or its probes.

  Expected, as the official archives and development kit unpack (or, in
  parentheses, insightface's test pack):

    devkit/templatelists/megaface_features_list.json_<count>_<set>
    devkit/templatelists/facescrub_features_list.json
    FlickrFinal2/<3 digits>/<user>@<group>/<photo>_<n>.jpg  (megaface_images)
    FaceScrub/<Name>/<Name>_<face>.<extension>  (facescrub_images)

  The person of a distractor is the user who uploaded the photo, which may show
  somebody else. Withdrawn; pictures have Creative Commons licences of their
  authors.
  Kemelmacher-Shlizerman, Seitz, Miller and Brossard, "The MegaFace benchmark: 1
  million faces for recognition at scale", CVPR 2016.

  Args:
    source: the folder of all that.
    part: 'gallery' (the distractors) or 'probes' (of 80 people).
    num_distractors: of the list: 10, 100, ... 1,000,000.
    set_index: of the list, 1 to 10.

  Raises:
    InputError: no such part, or not in that layout.
  """
  checks.known('part', part, _PARTS)
  name, roots = _PARTS[part]
  listed = source / 'devkit' / 'templatelists'
  listed /= name.format(num_distractors, set_index)
  root = next((source / r for r in roots if (source / r).is_dir()), None)
  if root is None:
    raise InputError(f'{source}: no folder {" or ".join(roots)}')
  published = (80, 3530) if part == 'probes' else (None, num_distractors)
  file = lambda path: folder.File(path, folder.reading(root / path, path))
  items = lambda: [
    (path.rpartition('/')[0], file(path)) for path in read_list(listed)
  ]
  return Source([root, listed], items, *published)


def read_list(path: str | os.PathLike) -> list[str]:
  """Reads the paths of a list's pictures, which it has under "path".

  InputError: no such file, not such a list, or a path that leads elsewhere.
  """
  text = files.read_text(path)
  try:
    found = json.loads(text)['path']
    if not all(isinstance(name, str) for name in found):
      raise TypeError
  except (LookupError, RecursionError, TypeError, ValueError) as error:
    raise InputError(f'{path}: not a list of MegaFace') from error
  for name in found:
    *folders, _ = name.split('/')
    is_inside = folders and '..' not in folders and not name.startswith('/')
    if not is_inside or not name.isprintable():
      raise InputError(f'{path}: {name!a} is not <person>/<picture>')
  return found
