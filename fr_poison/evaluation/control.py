"""Controls: what a change as strong as a cloak's does without its aim."""

from collections.abc import Collection

import numpy as np

from fr_poison import checks
from fr_poison.attacks import noise
from fr_poison.evaluation import scrape
from fr_poison.evaluation.protocol import Protocol
from fr_poison.evaluation.scrape import Scrape
from fr_poison.types import InputError

CONTROLS = ('spectrum', 'envelope', 'another')
_WINDOW = 3.0  # pixels, of the envelope: 7 wide at half its height
_WITHOUT = ('none', 'noise', 'history')


def noise_control(
  protocol: Protocol, cloaks: Scrape, control: str = 'spectrum'
) -> Scrape:
  """Replaces cloaks by a change of their budget that is aimed at nobody here.

  Args:
    protocol: people and pictures.
    cloaks: whose pixel changes are replaced.
    control: one of `CONTROLS`. 'spectrum': noise of each change's values and
      power spectrum; 'envelope': the same, as strong as the change in each
      place of the picture (both `attacks.noise.matched_noise`); 'another':
      somebody else's cloak, the changes of the next protected person's
      pictures, in turns.

  Raises:
    InputError: an unknown control, or nobody else who is protected.
  """
  checks.known('control', control, CONTROLS)
  originals, labels = protocol.faces.images, protocol.faces.labels
  window = _WINDOW if control == 'envelope' else None

  def change(images, gallery, rows):
    own = originals[rows].astype(np.int16)
    if control == 'another':
      theirs = gallery[_of_the_next(labels[rows], labels[gallery])]
      made = images[theirs] - originals[theirs].astype(np.int16)
    else:
      made = noise.matched_noise(
        images[rows] - own, seed=protocol.seed, window=window
      )
    return np.clip(own + made, 0, 255).astype(np.uint8)

  return scrape.changed(
    protocol,
    cloaks,
    change,
    attack='noise',
    control=control,
    control_of=cloaks.fields['attack'],
  )


def controls(
  protocol: Protocol, cloaks: Scrape, names: Collection[str] = CONTROLS
) -> dict[str, Scrape | None]:
  """Makes the controls of cloaks, each once; None: 'another' of one person.

  There are none of no cloak, of a control, of several tools' cloaks, and of
  cloaks that were saved: their changes are not the cloak's alone.
  """
  of = cloaks.fields
  if of['attack'] in _WITHOUT or of.get('saved') is not None:
    return {}
  alone = len(protocol.protected) < 2
  found = {}
  for name in names:
    make = lambda name=name: noise_control(protocol, cloaks, name)
    is_there = not (name == 'another' and alone)
    key = 'control', name
    found[name] = cloaks.memory.recall(key, make) if is_there else None
  return found


def _of_the_next(labels, others):
  """Places among [M] `others` of the next person's pictures, by turns, [N]."""
  people = np.unique(others)
  if len(people) < 2:
    raise InputError('protected: 1 person; nobody else has cloaked pictures')
  result = np.empty(len(labels), int)
  for person, other in zip(people, np.roll(people, -1), strict=True):
    own, theirs = np.flatnonzero(labels == person), others == other
    result[own] = np.resize(np.flatnonzero(theirs), len(own))
  return result
