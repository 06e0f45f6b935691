"""Which pictures make up which step's batch: a function of seed and step."""

import numpy as np
from jaxtyping import Int, UInt8

from fr_poison import checks
from fr_poison.data.faces import to_float
from fr_poison.training.step import Batch
from fr_poison.types import InputError, Labels

# Pictures; of some trainings pairs of them, channel behind channel.
Stored = UInt8[np.ndarray, 'N H W _']


class Sampler:
  """Gives the batch of a step: every picture once an epoch, or people evenly.

  Nothing is carried along, so training that goes on after a stop sees the
  same batches it would have seen.
  """

  @checks.checked
  def __init__(
    self,
    images: Stored,
    labels: Labels,
    batch_size: checks.Count,
    *,
    seed: checks.Seed = 0,
    balanced: bool = False,
    per_person: checks.Count = 1,
    steps_per_epoch: checks.Count | None = None,
  ):
    """Remembers the pictures and labels.

    Args:
      images: as stored.
      labels: whose, from 0.
      batch_size: rows of a batch, of all devices together; the last one of
        an epoch is filled up with masked rows.
      seed: of the order.
      balanced: draw a person, then one of their pictures, as the paper's code
        does, instead of a permutation per epoch.
      per_person: of `balanced`, how often the same person in a row, so that
        triplets find positives; the last one of a batch has what is left.
      steps_per_epoch: batches of an epoch of `balanced`; None: of as many
        pictures as there are.

    Raises:
      InputError: no pictures, another number of labels, a label below 0 or
        without a picture, a number out of range.
    """
    self._images, self._labels = images, np.asarray(labels, np.int32)
    if not len(images) or len(labels) != len(images):
      raise InputError(
        f'training: {len(labels)} labels for {len(images)} pictures'
      )
    if self._labels.min() < 0:
      raise InputError(f'training: label {self._labels.min()} is below 0')
    counts = np.bincount(self._labels)
    if not counts.all():
      raise InputError(
        f'training: label {np.argmin(counts)} has no picture to train on'
      )
    by_person = np.argsort(self._labels, kind='stable')
    self._own = np.split(by_person, np.cumsum(counts)[:-1])
    self._batch_size, self._seed = batch_size, seed
    self._balanced, self._per_person = balanced, per_person
    self.num_classes = len(counts)
    self.steps_per_epoch = steps_per_epoch or -(-len(images) // batch_size)

  def indices(self, step: int) -> Int[np.ndarray, ' _']:
    """Lists the pictures of that step's batch, at most batch_size."""
    if self._balanced:
      rng = np.random.default_rng([self._seed, 1, step])
      num_people = -(-self._batch_size // self._per_person)
      people = rng.integers(0, self.num_classes, num_people)
      rows = np.repeat(people, self._per_person)[: self._batch_size]
      own = [self._own[person] for person in rows]
      return np.array([mine[rng.integers(len(mine))] for mine in own])
    epoch, number = divmod(step, self.steps_per_epoch)
    rng = np.random.default_rng([self._seed, 0, epoch])
    order = rng.permutation(len(self._images))
    start = number * self._batch_size
    return order[start : start + self._batch_size]

  def batch(self, step: int) -> Batch:
    """Makes the batch of that step, always of `batch_size` rows."""
    index = self.indices(step)
    filled = np.resize(index, self._batch_size)
    position = np.arange(self._batch_size, dtype=np.int32)
    return {
      'images': to_float(self._images[filled]),
      'labels': self._labels[filled],
      'mask': (position < len(index)).astype(np.float32),
      'position': position,
    }
