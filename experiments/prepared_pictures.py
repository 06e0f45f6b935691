r"""Lists the pictures that were prepared from data sets, or deletes them.

  python experiments/prepared_pictures.py --delete=folder --delete=outdated

Every data set that a program reads is checked once and kept at one size, so
that the next run is fast: in TFDS's folder, ~/tensorflow_datasets or the
environment's TFDS_DATA_DIR. Those of `folder` are anybody's own faces. What no
run will read is outdated: it was made from files that have changed or are gone,
or by another version, or by a run that was killed. The sources of a data set,
and what others keep there, are left alone.
"""

import cli
from absl import flags

from fr_poison import files
from fr_poison.data import datasets
from fr_poison.text import show

_OUTDATED = 'outdated'
_DELETE = flags.DEFINE_multi_enum(
  'delete',
  [],
  [*datasets.NAMES, _OUTDATED],
  'What is prepared of this data set, or what no run will read.',
)


def main(argv):
  """Lists everything, and deletes --delete."""
  del argv
  from fr_poison.data.datasets import kept  # imports TFDS

  for name in datasets.NAMES:
    for folder in kept.find(name):
      sizes = (p.lstat().st_size for p in folder.rglob('*') if p.is_file())
      size, state = sum(sizes) / 1e6, 'kept'
      sources, is_current = kept.sources(folder)
      about = f', of {", ".join(sources)}' if sources else ''
      if not is_current:
        about += f', {_OUTDATED}'
      is_named = name in _DELETE.value
      if is_named or (not is_current and _OUTDATED in _DELETE.value):
        files.remove(folder)
        state = 'deleted'
      show(f'{state}: {folder}, {size:.1f} MB{about}')


if __name__ == '__main__':
  cli.run(main)
