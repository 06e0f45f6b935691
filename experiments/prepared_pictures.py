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
from collections.abc import Iterator

import cli
from absl import flags

from fr_poison import files
from fr_poison.data import datasets

_DELETE = flags.DEFINE_multi_enum(
  'delete', [], datasets.NAMES, 'What is prepared of this data set.'
)
# Ours are named after what they were made from; TFDS has an lfw of its own.
_OURS = re.compile('[0-9a-f]{16}')


def find() -> Iterator[tuple[str, pathlib.Path]]:
  """Yields the data set and the folder of all that is there, in order."""
  root = os.environ.get('TFDS_DATA_DIR') or '~/tensorflow_datasets'
  for name in datasets.NAMES:
    place = pathlib.Path(root).expanduser() / name
    for folder in sorted(place.iterdir()) if place.is_dir() else ():
      is_folder = folder.is_dir() and not folder.is_symlink()
      if is_folder and _OURS.fullmatch(folder.name):
        yield name, folder


def main(argv):
  """Lists everything, and deletes --delete."""
  del argv
  for name, folder in find():
    sizes = (p.lstat().st_size for p in folder.rglob('*') if p.is_file())
    size, state = sum(sizes) / 1e6, 'kept'
    if name in _DELETE.value:
      files.remove(folder)
      state = 'deleted'
    print(f'{state}: {folder}, {size:.1f} MB')


if __name__ == '__main__':
  cli.run(main)
