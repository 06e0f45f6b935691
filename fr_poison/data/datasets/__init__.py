"""Named face data sets.

Each has a function here that says in which layout it is expected; none but ORL
is installed with a package, and nothing is downloaded.
"""

import importlib
import os
import pathlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from fr_poison import checks
from fr_poison.data import folder
from fr_poison.data.batches import Progress, silent
from fr_poison.data.faces import FaceSet
from fr_poison.data.placement import Placement, centred
from fr_poison.types import InputError

if TYPE_CHECKING:  # It imports TFDS and Grain.
  from fr_poison.data.datasets.prepared import Prepared

_PAGES = {
  'casia_webface': 'insightface',
  'facescrub': 'trees',
  'folder': 'trees',
  'lfw': 'trees',
  'megaface': 'megaface',
  'ms1m': 'insightface',
  'pubfig83': 'trees',
}
NAMES = ('orl', *_PAGES)


class Source(NamedTuple):
  """A data set where it lies, not read yet.

  Attributes:
    paths: the folders and files that it is read from.
    items: gives its pictures with the person, or None where they are nobody's,
      in a list or, where they are too many, a stream.
    num_people: as published; None where nobody says.
    num_pictures: likewise.
    details: what else its people depend on.
  """

  paths: list[pathlib.Path]
  items: Callable[[], Iterable[tuple[str | None, folder.File]]]
  num_people: int | None = None
  num_pictures: int | None = None
  details: str = ''


def load(name: str, **kwargs) -> FaceSet:
  """Reads the data set `name`, one of `NAMES`, into memory.

  The other arguments are those of `prepare`, or of `orl.load`; raises as they
  do.
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
    source_dir: where it is, in the layout that its function describes.
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
  checks.known('dataset', name, NAMES)
  if source_dir is None:
    raise InputError(f'{name}: where is it? Give its folder')
  source = getattr(_module(_PAGES[name]), name)(
    pathlib.Path(source_dir), **options
  )
  placement = placement or centred(size)
  result = _module('prepared').prepare(name, source, placement, progress)
  if strict and (problems := result.problems()):
    raise InputError(
      f'{source_dir}: {len(problems)} problems, as: {problems[0]}'
    )
  return result


def _module(name):
  return importlib.import_module(f'{__name__}.{name}')
