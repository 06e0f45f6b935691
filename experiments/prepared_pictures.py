r"""Lists the pictures that were prepared from data sets, or deletes them.

  python experiments/prepared_pictures.py --delete=folder

Every data set that a program reads is checked once and kept at one size, so
that the next run is fast: in TFDS's folder, ~/tensorflow_datasets or the
environment's TFDS_DATA_DIR. Those of `folder` are anybody's own faces. The
sources of a data set, and what others keep there, are left alone.
"""

import os
import pathlib
import re
import shutil
from typing import NamedTuple

import cli
from absl import flags

from fr_poison.data import datasets

_DELETE = flags.DEFINE_multi_enum(
  'delete', [], datasets.NAMES, 'What is prepared of this data set.'
)
# Ours are named after what they were made from; TFDS has an lfw of its own.
_OURS = re.compile('[0-9a-f]{16}')


class Kept(NamedTuple):
  """What was prepared of a data set from one source, in one way."""

  dataset: str
  folder: pathlib.Path
  num_bytes: int


def find() -> list[Kept]:
  """All that is there, in order."""
  root = os.environ.get('TFDS_DATA_DIR') or '~/tensorflow_datasets'
  found = []
  for name in datasets.NAMES:
    place = os.path.join(os.path.expanduser(root), name)
    if not os.path.isdir(place):
      continue
    for entry in sorted(os.scandir(place), key=lambda e: e.name):
      is_folder = entry.is_dir(follow_symlinks=False)
      if is_folder and _OURS.fullmatch(entry.name):
        folder = pathlib.Path(entry.path)
        sizes = (p.lstat().st_size for p in folder.rglob('*') if p.is_file())
        found.append(Kept(name, folder, sum(sizes)))
  return found


def main(argv):
  """Lists everything, and deletes --delete."""
  del argv
  for kept in find():
    state = 'kept'
    if kept.dataset in _DELETE.value:
      shutil.rmtree(kept.folder)
      state = 'deleted'
    print(f'{state}: {kept.folder}, {kept.num_bytes / 1e6:.1f} MB')


if __name__ == '__main__':
  cli.run(main)
