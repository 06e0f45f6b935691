"""What galleries and probes show: clean pictures, or cloaked ones.

Four cells, by who is cloaked (rows as in the evaluation of Protego)::

                 gallery cloaked        gallery clean
  probe clean    1A, a poisoned gallery 1B, nobody: the control
  probe cloaked  2A, both               2B, evasion
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from fr_poison import checks
from fr_poison.adversaries import purifying
from fr_poison.data.splits import Split
from fr_poison.evaluation import gallery
from fr_poison.evaluation.protocol import Protocol
from fr_poison.evaluation.scrape import Scrape
from fr_poison.evaluation.trainer import Trainer
from fr_poison.types import Array, Flags, InputError

_STATES = 'clean', 'cloaked'


class Cell(NamedTuple):
  """Whose pictures are cloaked: each field is 'clean' or 'cloaked'."""

  gallery: str = 'cloaked'  # the protected person's own in the gallery
  probe: str = 'clean'  # the probes of that person
  others: str = 'clean'  # those of all other protected people in the gallery


CELLS: Mapping[str, Cell] = {
  '1A': Cell('cloaked', 'clean'),
  '1B': Cell('clean', 'clean'),
  '2A': Cell('cloaked', 'cloaked'),
  '2B': Cell('clean', 'cloaked'),
}


Seen = Shaped[Array, 'N ...']


class View(NamedTuple):
  """What a trainer sees of some splits: embeddings or pictures."""

  splits: tuple[Split, ...]
  gallery: Seen  # everybody's, where it is not their turn to be protected
  own: Seen  # the protected person's in the gallery, in their turn
  probes: Seen  # clean ones
  cloaked_probes: Seen | None  # the protected person's; None: the clean ones

  def of_person(self, own: Flags) -> tuple[Seen, Seen]:
    """Returns gallery and probes in the turn of one, whose rows `own` says."""
    probes = self.probes if self.cloaked_probes is None else self.cloaked_probes
    return _replaced(self.gallery, own, self.own), _replaced(
      self.probes, own, probes
    )


def check_cell(protocol: Protocol, cloaks: Scrape, cell: Cell) -> None:
  """Refuses a cell that the cloaks do not reach.

  Raises:
    InputError: an unknown state, probes that were not cloaked, or nobody left
      who is not.
  """
  for name, state in zip(cell._fields, cell, strict=True):
    checks.known(name, state, _STATES)
  if cell.probe == 'cloaked' and not cloaks.probes:
    raise InputError(
      "probe: 'cloaked', but these cloaks are of the gallery's pictures alone; "
      'evaluation.cloak(..., probes=True) makes those of the probes'
    )
  everybody = len(protocol.protected) == len(np.unique(protocol.faces.labels))
  if cell.others == 'cloaked' and everybody:
    raise InputError(
      "others: 'cloaked', but everybody is protected, and the accuracy is that "
      'of people who are not'
    )


def views(
  protocol: Protocol,
  cloaks: Scrape,
  trainer: Trainer,
  cell: Cell,
  splits: Sequence[Split],
  *,
  embedded: bool = True,
  batch_size: int = 20,
) -> Iterator[View]:
  """Yields what the trainer sees: of all splits at once, or of each by itself.

  The latter where the cloaks of one picture differ by split.

  Args:
    protocol: people and pictures.
    cloaks: of the protected people.
    trainer: their network and filter.
    cell: whose pictures are cloaked.
    splits: the first of the protocol's.
    embedded: whether the network has embedded them, or they are pictures.
    batch_size: pictures embedded at a time on an accelerator.
  """
  eye = _Eye(protocol, trainer, embedded, batch_size)
  clean = eye.clean(trainer.filter)
  probes, ways = clean, [trainer.filter]
  if not trainer.filter_probes:
    probes = eye.clean(purifying.nothing)
    ways.append(purifying.nothing)
  for i, version in enumerate(cloaks.versions(splits)):
    cloaked = clean
    if 'cloaked' in (cell.gallery, cell.others):
      cloaked = eye.cloaked(cloaks, i, trainer.filter, 'gallery')
    asked = None
    if cell.probe == 'cloaked':
      asked = eye.cloaked(cloaks, i, ways[-1], 'gallery', 'probes')
    yield View(
      tuple(version.splits),
      cloaked if cell.others == 'cloaked' else clean,
      cloaked if cell.gallery == 'cloaked' else clean,
      probes,
      asked,
    )


class _Eye:
  """How a trainer sees pictures."""

  def __init__(self, protocol, trainer, embedded, batch_size):
    self._protocol, self._trainer = protocol, trainer
    self._embedded, self._batch_size = embedded, batch_size

  def clean(self, way):
    """All pictures of the protocol."""
    if not self._embedded:
      return purifying.apply(way, self._protocol.faces.images)
    return gallery.clean_embeddings(
      self._protocol, self._trainer, way, batch_size=self._batch_size
    )

  def cloaked(self, cloaks, index, way, *which):
    """The same with the cloaks of a version in place of `which` rows."""
    images, splits = cloaks.versions(self._protocol.splits)[index]
    rows, found = self._protocol.own_rows(splits), self.clean(way).copy()
    network = self._trainer.extractor
    for name in which:
      own = getattr(rows, name)
      key = network.embed_fn, network.sha256 or self._trainer, way, index, name
      see = lambda own=own: self._see(images[own], way)
      if len(own):
        found[own] = cloaks.memory.recall(key, see) if self._embedded else see()
    return found

  def _see(self, images, way):
    images = purifying.apply(way, images)
    if not self._embedded:
      return images
    return gallery.embed(
      self._protocol, self._trainer, images, self._batch_size
    )


def _replaced(array, rows, by):
  found = array.copy()
  found[rows] = by[rows]
  return found
