"""A prepared data set: what was found, its pictures at once or in batches."""

import collections
import contextlib
from collections.abc import Iterable, Iterator, Sequence

import grain
import numpy as np
import tensorflow_datasets as tfds

from fr_poison import checks
from fr_poison.data import decode, file_names
from fr_poison.data.datasets import builder
from fr_poison.data.faces import FaceSet
from fr_poison.types import InputError

_NUM_SHOWN = 10  # of what may be many, in a report
# Threads decode; they are a few batches ahead at most.
_READING = grain.ReadOptions(num_threads=16, prefetch_buffer_size=256)


class Prepared:
  """Pictures on disk, all of one size.

  Attributes:
    name: of the data set.
    source: what it is said to be.
    alignment: how its pictures were brought to one size.
    people: everyone's number of usable pictures, by name; it may be 0.
    names: those who have one.
    skipped: (path, reason) of the files that could not be used, sorted.
    assumed: (path, reason) of the pictures whose face was not found, and was
      taken to be where it is in all pictures of this data set; sorted.
  """

  def __init__(self, built: builder.FaceBuilder):
    """Opens what `built` has prepared; InputError if it is damaged."""
    self.name, self.source = built.name, built.source
    self.alignment = built.placement.alignment
    self._progress, self._path = built.progress, built.data_path
    # Left as bytes for our own decoder: TFDS's wants OpenCV.
    decoders = {'image': tfds.decode.SkipDecoding()}
    with self._naming_damage(), builder.quiet_tfds():
      metadata = built.info.metadata
      self.people: dict[str, int] = dict(sorted(metadata['people'].items()))
      self.skipped = tuple(map(tuple, metadata['skipped']))
      self.assumed = tuple(map(tuple, metadata['assumed']))
      self._records = built.as_data_source('train', decoders=decoders)
      if len(self._records) != sum(self.people.values()):
        raise InputError('another number of pictures')
    self.names = tuple(name for name, count in self.people.items() if count)
    self._labels = {name: label for label, name in enumerate(self.names)}

  def __len__(self) -> int:
    """The number of pictures."""
    return len(self._records)

  def problems(self) -> list[str]:
    """Lists what `strict` refuses, a line each.

    People whose names differ in case or Unicode form only are kept apart, and
    on another file system would be one.
    """
    alike = {}
    for name in self.people:
      alike.setdefault(file_names.fold(name), []).append(name)
    return [
      f'all but the same name: {", ".join(map(ascii, names))}'
      for names in alike.values()
      if len(names) > 1
    ] + [
      f'{what} {path}: {reason}'
      for what, rows in (('skipped', self.skipped), ('assumed', self.assumed))
      for path, reason in rows
    ]

  def report(self) -> list[str]:
    """Lists what was expected and found, and the first problems, in lines."""
    of = lambda published: '' if published is None else f' of {published}'
    lines = [
      f'{self.name} ({self.alignment}): '
      f'{len(self)} pictures{of(self.source.num_pictures)}, '
      f'{len(self.names)} people{of(self.source.num_people)}, '
      f'{len(self.skipped)} files skipped'
    ]
    if self.assumed:
      lines[0] += f', {len(self.assumed)} faces not found and assumed'
    for count in range(3):
      names = [name for name, n in self.people.items() if n == count]
      if names:
        some = ', '.join(_some(names))
        lines.append(f'{len(names)} people with {count} pictures: {some}')
    return lines + _some(self.problems())

  def faces(
    self, people: Iterable[str] | None = None, min_pictures: int = 1
  ) -> FaceSet:
    """Reads the pictures into memory, by person, and there sorted by path.

    Args:
      people: only these, in this order; None for all, sorted.
      min_pictures: people with fewer are left out; a split needs 2.

    Raises:
      InputError: nobody has as many, or the prepared files are damaged.
    """
    counts = self.people
    wanted = dict.fromkeys(counts if people is None else people)
    names = tuple(n for n in wanted if counts.get(n, 0) >= min_pictures)
    if not names:
      raise InputError(f'{self.name}: nobody has {min_pictures} pictures')
    labels = {name: label for label, name in enumerate(names)}
    rows = sorted(
      (labels[person], path, i)
      for i, (person, path, _) in enumerate(self.index())
      if person in labels
    )
    return FaceSet(
      self.images([i for *_, i in rows]),
      np.array([label for label, *_ in rows], np.int32),
      names,
      tuple(path for _, path, _ in rows),
      self.alignment,
    )

  def index(self) -> list[tuple[str, str, str]]:
    """Lists whose each picture is, its path, and its file's SHA-256.

    Raises InputError as `faces`.
    """
    found = [self._record(i)[:3] for i in range(len(self))]
    with self._naming_damage():
      counts = collections.Counter(person for person, *_ in found)
      if counts != collections.Counter(self.people):
        raise InputError('pictures of other people')
    return found

  def images(self, rows: Sequence[int]) -> np.ndarray:
    """Reads pictures into memory, uint8 [N, H, W, 3]; InputError: as `faces`.

    `rows` are some of `index`, at least one, in the order wanted.
    """
    pictures, images = self.pictures(rows).to_iter_dataset(_READING), None
    for i, (image, *_) in enumerate(self._progress(pictures, len(rows))):
      if images is None:
        images = np.empty([len(rows), *image.shape], np.uint8)
      images[i] = image
    return images

  def pictures(self, rows: Iterable[int] | None = None) -> grain.MapDataset:
    """Gives (image, label, path) of all pictures, or of `rows`, to Grain.

    It shuffles them, deals them to processes, repeats and batches them.
    """
    rows = range(len(self)) if rows is None else rows
    return grain.MapDataset.source(rows).map(self._picture)

  @checks.checked
  def stream(self, batch_size: checks.Count) -> Iterator[np.ndarray]:
    """Reads the pictures as they are stored, uint8 [batch_size, H, W, 3] each.

    Memory does not grow with the data set; the last batch has the rest.
    InputError, while reading: the prepared files are damaged.
    """
    batches = self.pictures().to_iter_dataset(_READING).batch(batch_size)
    return (images for images, *_ in batches)

  def _record(self, i: int) -> tuple[str, str, str, bytes]:
    with self._naming_damage():
      record = self._records[i]
    text = lambda field: record[field].decode()
    return text('person'), text('path'), text('sha256'), record['image']

  def _picture(self, i: int) -> tuple[np.ndarray, int, str]:
    person, path, _, data = self._record(i)
    return decode.decode(data, path), self._labels[person], path

  @contextlib.contextmanager
  def _naming_damage(self):
    try:
      yield
    except Exception as error:  # array_record checks hashes; else it was forged
      raise InputError(
        f'{self._path}: damaged, delete it and run again'
      ) from error


def _some(texts: list[str]) -> list[str]:
  """The first of them, and how many more there are."""
  more = len(texts) - _NUM_SHOWN
  return texts[:_NUM_SHOWN] + ([f'{more} more'] if more > 0 else [])
