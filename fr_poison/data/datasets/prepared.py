"""A prepared data set: what was found, its pictures at once or in batches."""

import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

import grain
import numpy as np
import tensorflow_datasets as tfds

from fr_poison import checks
from fr_poison.data import decode
from fr_poison.data.datasets import builder
from fr_poison.data.faces import FaceSet
from fr_poison.types import InputError

_NUM_SHOWN = 10  # of what may be many, in a report
# Threads decode; they are a few batches ahead at most.
_READING = grain.ReadOptions(num_threads=16, prefetch_buffer_size=256)


class Batch(NamedTuple):
  """Pictures in a row: uint8 [B, H, W, 3]; int32 [B] into `names`; [B]."""

  images: np.ndarray
  labels: np.ndarray
  paths: tuple[str, ...]


class Prepared:
  """Pictures on disk, all of one size.

  Attributes:
    name: of the data set.
    card: what it is said to be.
    alignment: how its pictures were brought to one size.
    people: everyone's number of usable pictures, by name; it may be 0.
    names: those who have one.
    skipped: (path, reason) of the files that could not be used, sorted.
  """

  def __init__(self, built: builder.FaceBuilder):
    """Opens what `built` has prepared; InputError if it is damaged."""
    self.name, self.card = built.name, built.CARD
    self.alignment = built.placement.alignment
    self._built = built
    # Left as bytes for our own decoder: TFDS's wants OpenCV.
    decoders = {'image': tfds.decode.SkipDecoding()}
    with builder.damage_told(self._built):
      metadata = built.info.metadata
      self.people: dict[str, int] = dict(sorted(metadata['people'].items()))
      self.skipped = tuple(map(tuple, metadata['skipped']))
      self._records = built.as_data_source('train', decoders=decoders)
    self.names = tuple(name for name, count in self.people.items() if count)
    self._labels = {name: label for label, name in enumerate(self.names)}

  def __len__(self) -> int:
    """The number of pictures."""
    return len(self._records)

  def same_names(self) -> list[tuple[str, ...]]:
    """People whose names differ in case or Unicode form only.

    They are kept apart, and on another file system would be one.
    """
    alike = {}
    for name in self.people:
      plain = unicodedata.normalize('NFC', name).casefold()
      alike.setdefault(plain, []).append(name)
    return [tuple(names) for names in alike.values() if len(names) > 1]

  def problems(self) -> list[str]:
    """What `strict` refuses, one line each."""
    return [
      f'all but the same name: {", ".join(map(ascii, names))}'
      for names in self.same_names()
    ] + [f'skipped {path}: {reason}' for path, reason in self.skipped]

  def report(self) -> list[str]:
    """Lines: expected and found, who has few pictures, the first problems."""
    lines = [
      f'{self.name} ({self.alignment}): '
      f'{len(self)} pictures{_expected(self.card.num_pictures)}, '
      f'{len(self.names)} people{_expected(self.card.num_people)}, '
      f'{len(self.skipped)} files skipped'
    ]
    for count in range(3):
      names = [name for name, n in self.people.items() if n == count]
      if names:
        some = ', '.join(_some(names))
        lines.append(f'{len(names)} people with {count} pictures: {some}')
    return lines + _some(self.problems())

  def faces(
    self, num_people: int | None = None, min_pictures: int = 1
  ) -> FaceSet:
    """The pictures in memory, sorted by person and path.

    Args:
      num_people: only the first so many, where there are more.
      min_pictures: people with fewer are left out; a split needs 2.

    Raises:
      InputError: nobody has as many, or the prepared files are damaged.
    """
    names = [name for name, n in self.people.items() if n >= min_pictures]
    names = tuple(names[:num_people])
    if not names:
      raise InputError(f'{self.name}: nobody has {min_pictures} pictures')
    labels = {name: label for label, name in enumerate(names)}
    rows = []
    for i in range(len(self)):
      person, path, _ = self._record(i)
      if person in labels:
        rows.append((labels[person], path, i))
    rows.sort()
    images = None
    chosen = grain.MapDataset.source([i for *_, i in rows]).map(self._picture)
    pictures = chosen.to_iter_dataset(_READING)
    pictures = self._built.progress(pictures, len(rows))
    for i, (image, *_) in enumerate(pictures):
      if images is None:
        images = np.empty([len(rows), *image.shape], np.uint8)
      images[i] = image
    return FaceSet(
      images,
      np.array([label for label, *_ in rows], np.int32),
      names,
      tuple(path for _, path, _ in rows),
      self.alignment,
    )

  def stream(
    self,
    batch_size: int,
    *,
    seed: int | None = None,
    num_epochs: int | None = 1,
    drop_remainder: bool = False,
    process_index: int = 0,
    process_count: int = 1,
  ) -> Iterator[Batch]:
    """One process's share of the pictures, a batch at a time.

    Memory does not grow with the data set. All processes together see every
    picture once an epoch.

    Args:
      batch_size: pictures a batch and process; the last has the rest.
      seed: of an order that is another in each epoch; None: as stored.
      num_epochs: None: without end.
      drop_remainder: leaves out, in each epoch, what does not make a batch for
        every process, so that all of them take the same number of steps.
      process_index: `jax.process_index()`.
      process_count: `jax.process_count()`.

    Raises:
      InputError: a number out of range; fewer pictures than are needed; while
        reading: the prepared files are damaged.
    """
    checks.whole('batch_size', batch_size)
    checks.whole('process_count', process_count)
    checks.whole('process_index', process_index, 0, process_count - 1)
    count, step = len(self), batch_size * process_count
    if count < (step if drop_remainder else process_count):
      raise InputError(
        f'{self.name}: {count} pictures for {process_count} processes and '
        f'batches of {batch_size}'
      )
    dataset = grain.MapDataset.range(count)
    if seed is not None:
      dataset = dataset.shuffle(checks.whole('seed', seed, 0, 2**32 - 1))
    if drop_remainder:
      dataset = dataset[: count // step * step]
    dataset = dataset[process_index::process_count].repeat(num_epochs)
    dataset = dataset.map(self._picture).to_iter_dataset(_READING)
    return iter(dataset.batch(batch_size, batch_fn=_stack))

  def _record(self, i: int) -> tuple[str, str, bytes]:
    with builder.damage_told(self._built):
      record = self._records[i]
    return record['person'].decode(), record['path'].decode(), record['image']

  def _picture(self, i: int) -> tuple[np.ndarray, int, str]:
    person, path, data = self._record(i)
    return decode.decode(data, path), self._labels[person], path


def _stack(pictures) -> Batch:
  images, labels, paths = zip(*pictures, strict=True)
  return Batch(np.stack(images), np.array(labels, np.int32), paths)


def _expected(count: int | None) -> str:
  return '' if count is None else f' of {count}'


def _some(texts: list[str]) -> list[str]:
  """The first of them, and how many more there are."""
  more = len(texts) - _NUM_SHOWN
  return texts[:_NUM_SHOWN] + ([f'{more} more'] if more > 0 else [])
