"""What the data sets share: a source's pictures, checked, as array_record."""

import collections
import concurrent.futures
import contextlib
import hashlib
import io
import os
from collections.abc import Iterable, Iterator

import tensorflow_datasets as tfds
from absl import logging
from array_record.python import array_record_module

from fr_poison.data import decode, exif, folder
from fr_poison.data.batches import Progress
from fr_poison.data.datasets.trees import Source
from fr_poison.data.placement import Placement
from fr_poison.types import InputError

_NUM_THREADS = os.cpu_count() or 1
_PNG_LEVEL = 1  # of zlib: a third of the time of its usual 6, 8% more bytes


class FaceBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """The TFDS builder of all data sets: array_record, without TensorFlow.

  Prepared pictures have one size and say nothing but their pixels; a JPEG that
  has the size is not compressed again. `info.metadata` has how many pictures
  each person has (`people`), every file that could not be used, with the
  reason (`skipped`), and those whose face was put where the data set says it
  is, with the reason that it was not found (`assumed`).
  """

  VERSION = tfds.core.Version('1.4.0')  # with sums of all files

  def __init__(
    self,
    name: str,
    source: Source,
    placement: Placement,
    progress: Progress,
    **kwargs,
  ):
    """Opens what is prepared already, if it is; prepares nothing.

    The arguments are those of `datasets.prepare`, and others for TFDS: the
    config is a name for what it is prepared from, see `kept`.
    """
    self.name, self.source = name, source
    self.placement, self.progress = placement, progress
    self.contents = ''  # of the source, once it is prepared, as `contents`
    super().__init__(file_format='array_record', **kwargs)

  def _info(self) -> tfds.core.DatasetInfo:
    features = {
      'image': tfds.features.Image(shape=(None, None, 3)),
      'person': tfds.features.Text(),
      'path': tfds.features.Text(),
      'sha256': tfds.features.Text(),  # of the source's file
    }
    return tfds.core.DatasetInfo(
      builder=self,
      description=f'Faces of {self.name}, at one size.',
      features=tfds.features.FeaturesDict(features),
      disable_shuffling=True,
      metadata=tfds.core.MetadataDict(),
    )

  def _split_generators(self, dl_manager):
    return {'train': self._generate_examples()}

  def _generate_examples(self):
    people, skipped, assumed = collections.Counter(), [], []
    total = 0
    items = _shown(self.source, self.progress)
    for (person, file), found in _map_in_order(self._keep, items):
      kept, reason, digest = found
      total += folder.digest(str(person), file.path, digest)
      if reason:
        (assumed if kept else skipped).append([file.path, reason])
      if person is not None:
        people[person] += bool(kept)
      if kept:
        yield (
          file.path,
          {
            'image': kept,
            'person': person,
            'path': file.path,
            'sha256': digest,
          },
        )
    if not people.total():
      why = ': '.join(skipped[0]) if skipped else 'nothing in its layout'
      where = self.source.paths[0]
      raise InputError(f'{where}: no picture of {self.name}; {why}')
    self.info.metadata['people'] = dict(sorted(people.items()))
    self.info.metadata['skipped'] = sorted(skipped)
    self.info.metadata['assumed'] = sorted(assumed)
    self.contents = f'{total % 2**256:064x}'

  def _keep(
    self, item: tuple[str | None, folder.File]
  ) -> tuple[bytes, str, str]:
    """The file to keep, b'' for none; why; SHA-256 of the source's."""
    person, file = item
    image, reason, digest = None, '', ''
    try:
      data = file.read()
      digest = hashlib.sha256(data).hexdigest()
      if person is None:
        return b'', 'of nobody known', digest
      image = decode.decode(data, file.path)
      placed = self.placement.place(image)
    except InputError as error:
      reason = str(error).removeprefix(f'{file.path}: ')
      if image is None or not self.placement.otherwise:
        return b'', reason, digest
      placed = self.placement.otherwise(image)
    if placed is image:
      return exif.pixels_only(data, image), reason, digest
    return decode.encode_png(placed, level=_PNG_LEVEL), reason, digest

  def _download_and_prepare(self, dl_manager, download_config):
    # TFDS's own writer keeps a gigabyte in memory, and then needs TensorFlow.
    template = tfds.core.ShardedFileTemplate(
      dataset_name=self.name,
      data_dir=self.data_path,
      split='train',
      filetype_suffix='array_record',
      template='{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_INDEX}',
    )
    path = template.sharded_filepath(shard_index=0, num_shards=None)
    count, num_bytes, features = 0, 0, self.info.features
    with _record_writer(path) as writer:
      for _, example in self._generate_examples():
        data = features.serialize_example(features.encode_example(example))
        writer.write(data)
        count += 1
        num_bytes += len(data)
    split = tfds.core.SplitInfo(
      name='train',
      shard_lengths=[count],
      num_bytes=num_bytes,
      filename_template=template,
    )
    self.info.set_splits(tfds.core.SplitDict([split]))


def contents(source: Source, progress: Progress) -> str:
  """Reads all pictures of a source: 64 digits of them and whose they are.

  InputError: as of the source's items.
  """
  total = 0
  for person, file in _shown(source, progress):
    try:
      digest = hashlib.sha256(file.read()).hexdigest()
    except InputError:
      digest = ''
    total += folder.digest(str(person), file.path, digest)
  return f'{total % 2**256:064x}'


def _shown(source, progress):
  """The items of a source, in a loop that is shown."""
  items, total = source.items(), source.num_pictures
  if source.paths[0].is_dir():  # Nothing is read by listing them.
    items = list(items)
    total = len(items)
  return progress(items, total)


@contextlib.contextmanager
def quiet_tfds():
  """Keeps TFDS's progress bars, prints and log away."""
  tfds.disable_progress_bar()
  verbosity = logging.get_verbosity()
  logging.set_verbosity(logging.ERROR)
  try:
    with contextlib.redirect_stdout(io.StringIO()):
      yield
  finally:
    logging.set_verbosity(verbosity)


def _map_in_order(function, items: Iterable) -> Iterator[tuple]:
  """(item, function(item)) for each, a few threads' worth ahead."""
  with concurrent.futures.ThreadPoolExecutor(_NUM_THREADS) as pool:
    pending = collections.deque()
    for item in items:
      pending.append((item, pool.submit(function, item)))
      if len(pending) > 4 * _NUM_THREADS:
        item, future = pending.popleft()
        yield item, future.result()
    for item, future in pending:
      yield item, future.result()


@contextlib.contextmanager
def _record_writer(path):
  # Groups of 1, as TFDS has them: read one at a time.
  writer = array_record_module.ArrayRecordWriter(
    os.fspath(path), 'group_size:1'
  )
  try:
    yield writer
  finally:
    try:
      writer.close()  # It says that a disk is full only here.
    except RuntimeError as error:
      raise OSError(str(error).split(';')[0]) from error
