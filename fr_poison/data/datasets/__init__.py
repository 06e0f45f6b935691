"""Named face data sets.

Each has a function here that says in which layout it is expected; none but ORL
is installed with a package, and nothing is downloaded.
"""

import os
import pathlib
from typing import TYPE_CHECKING

from fr_poison import checks
from fr_poison.data.batches import Progress, silent
from fr_poison.data.datasets import insightface, megaface, orl, trees
from fr_poison.data.faces import FaceSet
from fr_poison.data.placement import Placement, centred
from fr_poison.types import InputError

if TYPE_CHECKING:
  from fr_poison.data.datasets.prepared import Prepared

_SOURCES = {
  'casia_webface': insightface.casia_webface,
  'facescrub': trees.facescrub,
  'folder': trees.folder,
  'lfw': trees.lfw,
  'megaface': megaface.megaface,
  'ms1m': insightface.ms1m,
  'pubfig83': trees.pubfig83,
}
NAMES = ('orl', *_SOURCES)


def load(name: str, **kwargs) -> FaceSet:
  """Reads the data set `name`, one of `NAMES`, into memory.

  The other arguments are those of `prepare`, or of `orl.load`; raises as they
  do.
  """
  checks.known('dataset', name, NAMES)
  if name == 'orl':
    return orl.load(**kwargs)
  return prepare(name, **kwargs).faces()


def prepare(
  name: str,
  source_dir: str | os.PathLike | None = None,
  *,
  size: int = 112,
  placement: Placement | None = None,
  strict: bool = False,
  progress: Progress = silent,
  **options,
) -> 'Prepared':
  """Checks every picture of a data set and keeps it at one size on disk.

  The first call does so in TFDS's folder (~/tensorflow_datasets, or the
  environment's TFDS_DATA_DIR), the next ones read that until a file changes.

  Args:
    name: one of `NAMES` but 'orl'.
    source_dir: where it is, in the layout that its function describes.
    size: side of the prepared pictures, in pixels.
    placement: how they come to their size; None: `centred(size)`. Where the
      subject is in the middle of each picture, it is `placement.of_subject`.
    strict: refuses a data set with unusable files, with faces that were not
      found, or with names that differ in case or Unicode form only; else they
      are in the result.
    progress: is given the loop over pictures where they are prepared, and that
      over those that `Prepared.faces` reads; see `data.batches.silent`.
    **options: of the data set, as megaface's `part`.

  Raises:
    InputError: no such data set or source, or not in its layout; nothing usable
      in it; the disk is full; `strict`.
  """
  checks.known('dataset', name, _SOURCES)
  if source_dir is None:
    raise InputError(f'{name}: where is it? Give its folder')
  # They import TFDS and Grain.
  from fr_poison.data.datasets import kept, prepared

  source = _SOURCES[name](pathlib.Path(source_dir), **options)
  placement = placement or centred(size)
  if source.is_central and placement.of_subject:
    placement = placement.of_subject(source.eyes)
  built = kept.build(name, source, placement, progress)
  result = prepared.Prepared(built)
  if strict and (problems := result.problems()):
    raise InputError(
      f'{source_dir}: {len(problems)} problems, as: {problems[0]}'
    )
  return result
