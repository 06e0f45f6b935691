"""Makes, saves and reads back the cloaks of the protected people.

The unit of work is one person, whose cloaked pictures appear in their store
all at once, under a key of everything that went into them. A killed run started
again skips finished people, and what is evaluated is always what was read back
from the files. Those with few pictures are attacked several at a time, so that
every device has its part. Where several processes run, each makes the cloaks of
the next people whom no other one has taken, and then reads the cloaks of all. A
cloak imitates one of the people outside the evaluation, since the cloak of one
person must not depend on who else is tested.
"""

import functools
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, runtime_checkable
from typing import Protocol as Interface

import jax
import numpy as np

from fr_poison import (
  attacks,
  checks,
  extractors,
  keys,
  parallel,
  processes,
)
from fr_poison.attacks import targets
from fr_poison.data.faces import FaceSet, to_float
from fr_poison.data.splits import Rows
from fr_poison.evaluation.store import Kept
from fr_poison.types import InputError, UInt8Images

_ATTACKS = {
  'chameleon': attacks.chameleon,
  'diverse': attacks.diverse,
  'eot_pgd': attacks.eot_pgd,
  'evading_pgd': attacks.evading_pgd,
  'fawkes': attacks.fawkes,
  'fawkes_v03': functools.partial(attacks.fawkes, version='0.3'),
  'fawkes_v1': functools.partial(attacks.fawkes, version='1.0'),
  'feature_shift': attacks.feature_shift,
  'lowkey': attacks.lowkey,
  'opom': attacks.opom,
  'pgd': attacks.pgd,
  'protected_set': attacks.protected_set,
  'protego_planar': attacks.protego_planar,
  'tip_im': attacks.tip_im,
}
# Those that choose among candidates: all there are, or so many.
_FROM_SET = {'feature_shift': None, 'protected_set': None, 'tip_im': 10}
_STAGES = ('NETWORKS', 'CLOAKS')
_LEAST = 2  # pictures on a device at a time, as people have them


@runtime_checkable
class Progress(Interface):
  """Hears how far the work is, in people."""

  def update(self, what: str, count: int = 1) -> None:
    """The turn of so many more people begins."""

  def skip(self) -> None:
    """One person's cloaks are there already."""


class Cloaks(NamedTuple):
  """The outcome of one attack on one surrogate, for all protected people."""

  images: UInt8Images  # the whole set, cloaked where asked
  num_improved: int  # of those; the others were left as they were
  seconds: float  # of making them, also when an earlier run did


def attack_name(label: str, settings: dict) -> str:
  """Which attack a config's entry is: its `name`, or else its own label."""
  return settings.get('name', label)


def make_attack(
  field: str, label: str, embed_fns, **settings
) -> attacks.Attack:
  """The attack of a config's entry, from its plain settings.

  Raises:
    InputError: unknown attack, unknown or bad setting, naming the field.
  """
  name = attack_name(label, settings)
  settings.pop('name', None)
  checks.known(f'{field}, attack', name, _ATTACKS)
  try:
    return _ATTACKS[name](embed_fns, **settings)
  except TypeError as error:
    raise InputError(f'{field}: {error}') from error
  except InputError as error:
    raise InputError(f'{field}.{error}') from error


def is_targeted(label: str, settings: dict) -> bool:
  """Whether an attack moves towards other people, or away from some."""
  return make_attack(
    f'config.attacks.{label}', label, [], **settings
  ).is_targeted


class Job(NamedTuple):
  """What all people's cloaks of one attack on one surrogate are made from.

  Attributes:
    label: of the attack in the config; its name, too, unless the
      settings have one.
    settings: the attack's, from the config.
    networks: of the surrogate.
    candidates: the people that cloaks may imitate; the person who cloaks is
      left out.
    seed: of the attack's random numbers, and of the draw of a target.
    attack: made already, instead of one by label and settings.
  """

  label: str
  settings: dict
  networks: list[extractors.Extractor]
  candidates: FaceSet
  seed: int
  attack: attacks.Attack | None = None

  def make(self) -> attacks.Attack:
    """Returns the attack on these networks.

    Raises:
      InputError: an unknown recipe or setting, or one out of range.
    """
    if self.attack is not None:
      return self.attack
    embed_fns = [network.embed_fn for network in self.networks]
    return make_attack(self.label, self.label, embed_fns, **self.settings)

  def keys(
    self,
    faces: FaceSet,
    people: Sequence[int],
    indices: Rows,
    **more: str,
  ) -> dict[int, str]:
    """By person, a key of everything that their cloaks are made from.

    Args:
      faces: everybody's pictures.
      people: labels.
      indices: the pictures that are cloaked.
      **more: what is kept, where it is no cloaks.
    """
    shown = {}
    if self.make().is_targeted:
      shown = {
        name: keys.of_array(self.candidates.images[rows])
        for name, rows in _by_name(self.candidates).items()
      }
    settings = self.settings | {'name': attack_name(self.label, self.settings)}
    found = {}
    for person in people:
      own = faces.subset(indices[faces.labels[indices] == person])
      name = faces.names[person]
      found[person] = keys.key(
        _STAGES,
        settings=settings,
        networks=keys.of_networks(self.networks),
        seed=self.seed,
        pictures=keys.of_pictures(own.images),
        paths=own.paths,
        candidates=[x for other, x in shown.items() if other != name],
        **more,
      )
    return found


def _by_name(faces):
  """Name -> rows, of the people who have pictures."""
  return {
    faces.names[label]: np.flatnonzero(faces.labels == label)
    for label in np.unique(faces.labels)
  }


def _targets(job, name, images, batch_size, embedded):
  """Per network, whom a person's pictures [M, H, W, 3] should look like.

  [D] or [M, D]; for attacks that choose among candidates, these, [T, D].
  `embedded` gives everybody's whom cloaks may imitate.
  """
  candidates, attack = job.candidates, attack_name(job.label, job.settings)
  is_other = [candidates.names[label] != name for label in candidates.labels]
  rows = np.flatnonzero(is_other)
  if not len(rows):
    raise InputError(f'{job.label}: nobody to take for a target')
  labels = candidates.labels[rows]
  others = [found[rows] for found in embedded()]
  if attack in _FROM_SET:
    people, number = np.unique(labels), _FROM_SET[attack]
    if number is not None:  # the same for all, but for who cloaks
      people = np.random.default_rng(job.seed).permutation(people)[:number]
    return [
      np.stack([o[labels == person].mean(0) for person in people])
      for o in others
    ]
  own = _embeddings(job, images, batch_size)
  pairs = list(zip(own, others, strict=True))
  if attack == 'fawkes_v03' or job.settings.get('version') == '0.3':
    # Of the pictures, not of their number: a draw of each user's own.
    content = keys.of(sorted(keys.of_pictures(images)))
    seed = [job.seed, int(content, 16)]
    goal = labels == targets.choose_person(own, others, labels, seed=seed)
    return [targets.shifted(e, o[goal]) for e, o in pairs]
  return [targets.farthest(e, o, labels) for e, o in pairs]


def _embeddings(job, images, batch_size):
  """By each network, [M, D]."""
  return [extractors.embed(n, images, batch_size) for n in job.networks]


def _targets_of_all(job, names, images, batch_size, embedded):
  """The same for the pictures of several people, a row a picture.

  None for attacks that run away from their own embedding.
  """
  if not job.make().is_targeted:
    return None
  each = [
    _targets(job, name, own, batch_size, embedded)
    for name, own in zip(names, images, strict=True)
  ]
  if job.make().from_set:  # which are one person's
    return each[0]
  rows = lambda x, own: np.broadcast_to(x, (len(own), x.shape[-1]))
  return [
    np.concatenate(list(map(rows, found, images)))
    for found in zip(*each, strict=True)
  ]


def cloak_people(
  job: Job,
  faces: FaceSet,
  people: Sequence[int] | None = None,
  indices: Rows | None = None,
  *,
  folder: pathlib.Path | None = None,
  batch_size: int = 20,
  progress: Progress | None = None,
) -> Cloaks:
  """Cloaks the pictures `indices`, some people at a time.

  Args:
    job: the attack, the networks, and whom to look like.
    faces: everybody's pictures.
    people: the labels of those who cloak; None: everybody.
    indices: which of their pictures to cloak; None: all.
    folder: where the cloaks are kept, see `store`; None: nowhere.
    batch_size: pictures embedded at a time on an accelerator.
    progress: hears of people before their turn.

  Raises:
    InputError: a network that is not shown its part of such pictures.
  """
  images = faces.images.copy()
  embedded = functools.cache(
    lambda: _embeddings(job, job.candidates.images, batch_size)
  )
  make = lambda names, own: _attacked(job, names, own, batch_size, embedded)
  num_improved, seconds = 0, 0.0
  for own, codes, note in each_person(
    job, faces, people, indices, make, folder=folder, progress=progress
  ):
    images[own] = codes
    num_improved += note['num_improved']
    seconds += note['seconds']
  return Cloaks(images, num_improved, seconds)


def each_person(
  job: Job,
  faces: FaceSet,
  people: Sequence[int] | None,
  indices: Rows | None,
  make: Callable[[list[str], list[Rows]], list[tuple[UInt8Images, dict]]],
  *,
  files: Sequence[str] | None = None,
  folder: pathlib.Path | None = None,
  progress: Progress | None = None,
  **more: str,
) -> Iterator[tuple[Rows, UInt8Images, dict]]:
  """Makes what belongs to a person, or reads what was kept.

  Several processes make it together where it is kept, and each of them all of
  it where it is not.

  Args:
    job: as of `cloak_people`, like the rest.
    faces: see there.
    people: see there.
    indices: see there.
    make: (names, pictures of each) -> of each, uint8 [K, H, W, 3] and a note.
    files: names of what is kept of a person; None: those of the pictures.
    folder: see there.
    progress: see there.
    **more: see `Job.keys`.

  Yields:
    The person's rows among `indices`, and what was made.
  """
  extractors.check_on_frame(job.networks, faces.alignment)
  people = np.unique(faces.labels).tolist() if people is None else people
  indices = np.arange(len(faces)) if indices is None else indices
  turns, ours = [], set()
  for person, key in job.keys(faces, people, indices, **more).items():
    own, name = indices[faces.labels[indices] == person], faces.names[person]
    paths = files or [faces.paths[i] for i in own]
    turns.append((name, own, folder and Kept(folder, name, key, paths)))
  calls = list(_calls(job.make(), turns))

  def made(some):
    names, rows, kept = zip(*some, strict=True)
    if progress:
      on = '+'.join(network.origin for network in job.networks)
      progress.update(f'{job.label} on {on}, {", ".join(names)}', len(names))
    ours.update(names)
    found = make([*names], [faces.images[own] for own in rows])
    return [
      place.save(*one) if place else one
      for place, one in zip(kept, found, strict=True)
    ]

  if folder and not processes.is_alone():
    for call in processes.share(calls):
      if missing := [turn for turn in call if turn[-1].load() is None]:
        made(missing)
    processes.barrier()
  for call in calls:
    found = [kept and kept.load() for _, _, kept in call]
    for (name, _, _), one in zip(call, found, strict=True):
      if one and progress and name not in ours:
        progress.skip()
    missing = [turn for turn, x in zip(call, found, strict=True) if not x]
    new = iter(made(missing) if missing else ())
    for (_, own, _), one in zip(call, found, strict=True):
      yield own, *(one or next(new))


def _calls(attack, turns):
  """Yields people who are attacked together, as few as leave no device idle.

  So a stopped run loses little, and several processes have calls to share. Who
  chooses among candidates is alone, as everybody has their own.
  """
  is_group, call, number = attack.unit == 'group', [], 0
  wanted = len(parallel.chosen(None)) * (1 if is_group else _LEAST)
  for turn in turns:
    call.append(turn)
    number += 1 if is_group else len(turn[1])
    if number >= wanted or attack.from_set:
      yield call
      call, number = [], 0
  if call:
    yield call


def _attacked(job, names, images, batch_size, embedded):
  """Each person's cloaks, uint8 [M, H, W, 3], and what is noted of them."""
  start, attack = time.monotonic(), job.make()
  sizes = [len(own) for own in images]
  # A person is a group of their own.
  is_group = attack.unit == 'group'
  groups = {'groups': np.repeat(names, sizes)} if is_group else {}
  adv_images, info = attacks.run(
    attack,
    [network.params for network in job.networks],
    jax.random.key(job.seed),
    to_float(np.concatenate(images)),
    targets=_targets_of_all(job, names, images, batch_size, embedded),
    **groups,
  )
  codes = np.round(np.asarray(adv_images) * 255).astype(np.uint8)
  seconds = (time.monotonic() - start) / len(codes)
  ends = np.cumsum(sizes)[:-1]
  parts = (np.split(x, ends) for x in (codes, np.asarray(info['improved'])))
  return [
    (own, {'num_improved': int(np.sum(x)), 'seconds': seconds * len(own)})
    for own, x in zip(*parts, strict=True)
  ]
