"""What protected people publish: their gallery's pictures cloaked, and probes.

A cloak of one picture depends on that picture alone, so it is made once for all
splits. An attack on a group has its say about all pictures of a person. It
works on what the gallery of a split has of them, and a mask made there is put
on the probes, so that these are pictures which the mask was not made from.
Without a mask the probes are a group of their own.
"""

import functools
import pathlib
import time
from collections.abc import Sequence

import jax
import numpy as np

from fr_poison import attacks, extractors
from fr_poison.data.faces import to_float
from fr_poison.evaluation import cloaks as cloaking
from fr_poison.evaluation import scrape
from fr_poison.evaluation.cloaks import Cloaks, Job, Progress
from fr_poison.evaluation.protocol import Protocol
from fr_poison.evaluation.scrape import Scrape
from fr_poison.types import InputError

_MASK = 'brighter', 'darker'  # what is kept of a mask, a picture each


def cloak(
  protocol: Protocol,
  attack: str | attacks.Attack,
  surrogates: Sequence[extractors.Extractor],
  *,
  probes: bool = False,
  folder: pathlib.Path | None = None,
  batch_size: int = 20,
  progress: Progress | None = None,
  **settings,
) -> Scrape:
  """Cloaks the protected people's gallery pictures, and maybe their probes.

  Args:
    protocol: people and pictures; an attack that imitates somebody takes its
      targets from `protocol.targets`.
    attack: the name of a recipe, which `settings` are for; or an attack on the
      surrogates' embed functions.
    surrogates: the networks that the cloaks are made on, for pictures of the
      protocol's alignment (`extractors.on_frame`).
    probes: cloak the protected people's probes, too.
    folder: where the cloaks are kept, so that a stopped run goes on; None:
      nowhere.
    batch_size: pictures embedded at a time on an accelerator.
    progress: hears of people before their turn.
    **settings: of the recipe.

  Raises:
    InputError: an unknown recipe or setting, or one out of range; settings for
      an attack that is made already; nobody to imitate; a surrogate that is not
      shown its part of such pictures; a person without a picture to make the
      mask from.
  """
  job = _job(protocol, attack, surrogates, settings, is_kept=folder is not None)
  make = _one_by_one if job.make().mask is None else _with_masks
  is_group, found, num_cloaked = job.make().unit == 'group', [], 0
  for rows in _rows(protocol, is_group):
    num_cloaked += len(rows.gallery)
    onto = rows.probes if probes else rows.probes[:0]
    shown = {'folder': folder, 'progress': progress}
    people = protocol.faces, protocol.protected
    found.append(make(job, *people, rows.gallery, onto, batch_size, **shown))
  images = [one.images for one in found]
  return scrape.cloaked(
    protocol,
    images if is_group else images[0],
    probes=probes,
    attack=cloaking.attack_name(job.label, settings),
    group='person' if is_group else 'picture',
    surrogate=[network.origin for network in surrogates],
    epsilon=settings.get('epsilon'),
    num_cloaked=num_cloaked,
    num_improved=sum(one.num_improved for one in found),
    wall_seconds=sum(one.seconds for one in found),
    weights={n.name: n.sha256 for n in surrogates if n.sha256},
  )


def _job(protocol, attack, surrogates, settings, *, is_kept):
  named = isinstance(attack, str)
  if not named and (settings or is_kept):
    raise InputError(
      'attack: made already, so its settings are not known; give the name of a '
      'recipe for settings, and to keep cloaks in a folder'
    )
  candidates = protocol.targets
  if candidates is None:
    candidates = protocol.faces.subset(np.zeros(0, int))
  return Job(
    attack if named else 'attack',
    settings,
    list(surrogates),
    candidates,
    protocol.seed,
    None if named else attack,
  )


def num_turns(
  protocol: Protocol, label: str, settings: dict, probes: bool
) -> int:
  """Counts the turns of people that `cloak` has, of a config's attack."""
  made = cloaking.make_attack(label, label, [], **settings)
  number = 0
  for rows in _rows(protocol, made.unit == 'group'):
    number += len(protocol.protected)
    if probes and made.mask is None:
      number += len(np.unique(protocol.faces.labels[rows.probes]))
  return number


def _rows(protocol, is_group):
  """What is cloaked together: of all splits, or of each by itself."""
  each = [(split,) for split in protocol.splits]
  return map(protocol.own_rows, each if is_group else [protocol.splits])


def _one_by_one(job, faces, people, gallery, probes, batch_size, **shown):
  """The gallery's pictures, and then the probes."""
  images, found = faces.images.copy(), []
  for rows in (gallery, probes):
    own = [p for p in people if (faces.labels[rows] == p).any()]
    one = cloaking.cloak_people(
      job, faces, own, rows, batch_size=batch_size, **shown
    )
    images[rows] = one.images[rows]
    found.append(one)
  return Cloaks(images, found[0].num_improved, sum(x.seconds for x in found))


def _with_masks(job, faces, people, gallery, probes, batch_size, **shown):
  """Masks of the gallery's pictures, put on these and on the probes."""
  del batch_size
  labels, images = faces.labels, faces.images.copy()
  for person in people:
    if not (labels[gallery] == person).any():
      raise InputError(
        f'{job.label}: {faces.names[person]} has no picture in a gallery, so '
        'there is none to make the mask from'
      )
  make, num_improved, seconds = functools.partial(_masks, job), 0, 0.0
  for own, (brighter, darker), note in cloaking.each_person(
    job, faces, people, gallery, make, files=_MASK, kept='mask', **shown
  ):
    mask = (np.float32(brighter) - np.float32(darker))[None] / 255
    rows = np.append(own, probes[labels[probes] == labels[own[0]]])
    images[rows] = _codes(attacks.apply(mask, to_float(faces.images[rows])))
    num_improved += len(own) if mask.any() else 0
    seconds += note['seconds']
  return Cloaks(images, num_improved, seconds)


def _masks(job, names, images):
  """Of each person what a mask adds and takes away, uint8 [2, H, W, 3]."""
  start = time.monotonic()
  found = attacks.make_masks(
    job.make(),
    [network.params for network in job.networks],
    jax.random.key(job.seed),
    to_float(np.concatenate(images)),
    np.repeat(names, [len(own) for own in images]),
  )
  levels = [np.round(255 * np.asarray(found[name][0])) for name in names]
  seconds = (time.monotonic() - start) / len(names)
  return [
    (
      np.stack([np.maximum(x, 0), np.maximum(-x, 0)]).astype(np.uint8),
      {'seconds': seconds},
    )
    for x in levels
  ]


def _codes(images):
  return np.round(np.asarray(images) * 255).astype(np.uint8)
