"""What the data sets share: a source's pictures, checked, as array_record."""

import collections
import concurrent.futures
import contextlib
import hashlib
import io
import itertools
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import tensorflow_datasets as tfds
from absl import logging
from array_record.python import array_record_module

from fr_poison.data import decode, folder
from fr_poison.data.batches import Progress, silent
from fr_poison.data.datasets import pixels_only
from fr_poison.data.placement import Placement
from fr_poison.types import InputError, NotKeptError

_PER_SHARD = 4096
_NUM_THREADS = os.cpu_count() or 1


class Card(NamedTuple):
  """What a data set is said to be.

  Attributes:
    num_people: as published; None where nobody says.
    num_pictures: likewise.
    licence: on what terms its makers gave it.
    citation: BibTeX.
  """

  num_people: int | None
  num_pictures: int | None
  licence: str
  citation: str


class Item(NamedTuple):
  """A picture of a source, not read yet; `person` is None if nobody's."""

  person: str | None
  path: str
  read: Callable[[], bytes]


class FaceBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """Base of the TFDS builders: array_record, without TensorFlow.

  The config is named after the paths, sizes and times of the source's files
  and the placement, so what was prepared from other pictures is never read in
  their place. A subclass has a `CARD` and says what its `items` are.

  Prepared pictures have one size and say nothing but their pixels; a JPEG that
  has the size is not compressed again.
  `info.metadata` has how many pictures each person has (`people`) and every
  file that could not be used, with the reason (`skipped`).
  """

  VERSION = tfds.core.Version('1.0.1')
  CARD: Card
  IS_STREAM = False  # too many items to be listed before they are read
  progress: Progress = staticmethod(silent)  # is given the loop over them

  def __init__(
    self,
    source_dir: str | os.PathLike,
    placement: Placement,
    **kwargs,
  ):
    """Looks at every file's name and time, but not into it.

    Args:
      source_dir: where the data set is.
      placement: brings its pictures to one size.
      **kwargs: for TFDS.
    """
    self.source, self.placement = pathlib.Path(source_dir), placement
    contents = [placement.alignment, placement.details]
    contents += [folder.fingerprint(path) for path in self.sources()]
    config = tfds.core.BuilderConfig(
      name=hashlib.sha256('\0'.join(contents).encode()).hexdigest()[:16],
      description='Named after its files and their alignment.',
    )
    super().__init__(config=config, file_format='array_record', **kwargs)

  def sources(self) -> list[pathlib.Path]:
    """The folders and files that it is read from."""
    return [self.source]

  def items(self) -> Iterable[Item]:
    """The pictures."""
    raise NotImplementedError

  def _info(self) -> tfds.core.DatasetInfo:
    features = {
      'image': tfds.features.Image(shape=(None, None, 3)),
      'person': tfds.features.Text(),
      'path': tfds.features.Text(),
    }
    return tfds.core.DatasetInfo(
      builder=self,
      description=type(self).__module__,
      citation=self.CARD.citation,
      license=self.CARD.licence,
      features=tfds.features.FeaturesDict(features),
      disable_shuffling=True,
      metadata=tfds.core.MetadataDict(),
    )

  def _split_generators(self, dl_manager):
    return {'train': self._generate_examples()}

  def _generate_examples(self):
    people, skipped = collections.Counter(), []
    items, total = self.items(), self.CARD.num_pictures
    if not self.IS_STREAM:
      items = list(items)
      total = len(items)
    items = self.progress(items, total)
    for item, image in _map_in_order(self._store, items):
      if item.person is not None:
        people[item.person] += isinstance(image, bytes)
      if isinstance(image, bytes):
        example = {'image': image, 'person': item.person, 'path': item.path}
        yield item.path, example
      else:
        skipped.append([item.path, image])
    if not people.total():
      why = ': '.join(skipped[0]) if skipped else 'nothing in its layout'
      raise InputError(f'{self.source}: no picture of {self.name}; {why}')
    self.info.metadata['people'] = dict(sorted(people.items()))
    self.info.metadata['skipped'] = sorted(skipped)

  def _store(self, item: Item) -> bytes | str:
    """The file to keep, or why there is none."""
    try:
      data = item.read()
      image = decode.decode(data, item.path)
      placed = self.placement.place(image)
    except InputError as error:
      return str(error).removeprefix(f'{item.path}: ')
    is_same = placed is image
    return pixels_only.of(data, image) if is_same else decode.encode_png(placed)

  def _download_and_prepare(self, dl_manager, download_config):
    # TFDS's own writer keeps a gigabyte in memory, and then needs TensorFlow.
    template = tfds.core.ShardedFileTemplate(
      dataset_name=self.name,
      data_dir=self.data_path,
      split='train',
      filetype_suffix='array_record',
      template='{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_INDEX}',
    )
    lengths, num_bytes = [], 0
    examples = self._generate_examples()
    for first in examples:
      path = template.sharded_filepath(
        shard_index=len(lengths), num_shards=None
      )
      shard = itertools.islice(examples, _PER_SHARD - 1)
      lengths.append(0)
      with _record_writer(path) as writer:
        for _, example in itertools.chain([first], shard):
          features = self.info.features
          data = features.serialize_example(features.encode_example(example))
          writer.write(data)
          lengths[-1] += 1
          num_bytes += len(data)
    split = tfds.core.SplitInfo(
      name='train',
      shard_lengths=lengths,
      num_bytes=num_bytes,
      filename_template=template,
    )
    self.info.set_splits(tfds.core.SplitDict([split]))


def build(
  make: Callable[..., tfds.core.DatasetBuilder],
) -> tfds.core.DatasetBuilder:
  """The builder, prepared in TFDS's folder if it was not yet.

  That is ~/tensorflow_datasets or the environment's TFDS_DATA_DIR. It is
  written aside and renamed, so half of it is never taken for the whole.

  Args:
    make: takes `data_dir`.

  Raises:
    NotKeptError: it cannot be written: no home, or a full disk.
  """
  data_dir = os.environ.get('TFDS_DATA_DIR')  # TFDS looks at import time only.
  builder = make(data_dir=data_dir)
  try:
    builder.download_and_prepare()
  except OSError as error:
    if not os.path.exists(builder.data_path):
      raise NotKeptError(
        f'{builder.data_path}: {error.strerror or error}; prepared pictures '
        'are kept there: set TFDS_DATA_DIR to a folder that can be written'
      ) from error
    builder = make(data_dir=data_dir)  # Another process was first.
  return builder


@contextlib.contextmanager
def quiet_tfds():
  """Without TFDS's progress bars, prints and log."""
  tfds.disable_progress_bar()
  verbosity = logging.get_verbosity()
  logging.set_verbosity(logging.ERROR)
  try:
    with contextlib.redirect_stdout(io.StringIO()):
      yield
  finally:
    logging.set_verbosity(verbosity)


@contextlib.contextmanager
def damage_told(builder: tfds.core.DatasetBuilder):
  """Turns what reading damaged files raises into an InputError."""
  try:
    yield
  except (LookupError, RuntimeError) as error:  # array_record checks hashes.
    path = builder.data_path
    raise InputError(f'{path}: damaged, delete it and run again') from error


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
      writer.close()  # It tells of a full disk only here.
    except RuntimeError as error:
      raise OSError(str(error).split(';')[0]) from error
