"""Named face data sets.

Each has a page here that says in which layout it is expected; none but ORL is
installed with a package, and nothing is downloaded.
"""

import importlib
import os
from typing import TYPE_CHECKING

from fr_poison.data.batches import Progress, silent
from fr_poison.data.faces import FaceSet
from fr_poison.data.placement import Placement, centred
from fr_poison.types import InputError

if TYPE_CHECKING:  # It imports TFDS and Grain.
  from fr_poison.data.datasets.prepared import Prepared

_BUILDERS = {
  'casia_webface': ('insightface', 'CasiaWebface'),
  'facescrub': ('facescrub', 'Facescrub'),
  'folder': ('folders', 'Folder'),
  'lfw': ('lfw', 'Lfw'),
  'megaface': ('megaface', 'Megaface'),
  'ms1m': ('insightface', 'Ms1m'),
  'pubfig83': ('folders', 'Pubfig83'),
}
NAMES = ('orl', *_BUILDERS)


def load(name: str, **kwargs) -> FaceSet:
  """The data set `name` in memory.

  Args:
    name: one of `NAMES`.
    **kwargs: for `prepare`, or for `orl.load`.

  Raises:
    InputError: as they do.
  """
  if name == 'orl':
    return _module('orl').load(**kwargs)
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
    source_dir: where it is, in the layout that its page describes.
    size: side of the prepared pictures, in pixels.
    placement: how they come to their size; None: `centred(size)`.
    strict: refuses a data set with unusable files, or with names that differ
      in case or Unicode form only; else they are in the result.
    progress: is given the loop over pictures where they are prepared, and that
      over those that `Prepared.faces` reads; see `data.batches.silent`.
    **options: of the data set, as megaface's `part`.

  Raises:
    InputError: no such data set or source, or not in its layout; nothing usable
      in it; the disk is full; `strict`.
  """
  if name not in _BUILDERS:
    raise InputError(f'dataset: {name!r} is unknown, known: {", ".join(NAMES)}')
  if source_dir is None:
    raise InputError(f'{name}: where is it? Give its folder')
  builder, prepared = _module('builder'), _module('prepared')
  page, class_name = _BUILDERS[name]
  make = getattr(_module(page), class_name)
  placement = placement or centred(size)
  with builder.quiet_tfds():

    def build(**tfds):
      result = make(source_dir, placement, **options, **tfds)
      result.progress = progress
      return result

    result = prepared.Prepared(builder.build(build))
  if strict and (problems := result.problems()):
    raise InputError(
      f'{source_dir}: {len(problems)} problems, as: {problems[0]}'
    )
  return result


def _module(name):
  return importlib.import_module(f'{__name__}.{name}')
