"""Makes, saves and reads back the cloaks of the protected people.

The unit of work is one person, whose cloaked pictures appear in their store
all at once, under a key of everything that went into them. A killed run started
again skips finished people, and what is evaluated is always what was read back
from the files. Whom a cloak should look like is one of the people outside the
evaluation: the cloak of one person must not depend on who else is tested.
"""

import functools
import pathlib
import time
from typing import NamedTuple

import config_fields
import digests
import jax
import numpy as np
from cloak_store import Kept

from fr_poison import attacks, extractors
from fr_poison.attacks import targets
from fr_poison.data.faces import FaceSet, to_float
from fr_poison.types import InputError

_ATTACKS = {
  'eot_pgd': attacks.eot_pgd,
  'evading_pgd': attacks.evading_pgd,
  'fawkes': attacks.fawkes,
  'fawkes_v03': functools.partial(attacks.fawkes, version='0.3'),
  'fawkes_v1': functools.partial(attacks.fawkes, version='1.0'),
  'feature_shift': attacks.feature_shift,
  'lowkey': attacks.lowkey,
  'pgd': attacks.pgd,
  'protected_set': attacks.protected_set,
}
_FROM_SET = ('feature_shift', 'protected_set')  # choose among all candidates
_STAGES = ('NETWORKS', 'CLOAKS')


class Cloaks(NamedTuple):
  """The outcome of one attack on one surrogate, for all protected people."""

  images: np.ndarray  # uint8 [N, H, W, 3], the whole set, cloaked where asked
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
  config_fields.check_known(f'{field}, attack', name, _ATTACKS)
  try:
    return _ATTACKS[name](embed_fns, **settings)
  except TypeError as error:
    raise InputError(f'config.{field}: {error}') from error
  except InputError as error:
    raise InputError(f'config.{field}.{error}') from error


def is_targeted(label: str, settings: dict) -> bool:
  """Whether an attack moves towards other people, or away from some."""
  return make_attack(f'attacks.{label}', label, [], **settings).is_targeted


def check_has_targets(
  label: str, settings: dict, num_public: int, num_targets: int
) -> None:
  """Refuses an attack towards other people where there are none.

  Raises:
    InputError: naming both fields that say who there is.
  """
  if is_targeted(label, settings) and not (num_public or num_targets):
    raise InputError(
      'config.num_targets: 0, and config.num_public: 0, but '
      f'config.attacks.{label} takes its targets from people outside the '
      'evaluation; give one of the two'
    )


class Job(NamedTuple):
  """What all people's cloaks of one attack on one surrogate are made from.

  Attributes:
    label: of the attack in the config; its name, too, unless the
      settings have one.
    settings: the attack's, from the config.
    networks: of the surrogate.
    candidates: whom cloaks may be made to look like; of them the person
      cloaked is left out.
    seed: of the attack's random numbers, and of the draw of a target.
  """

  label: str
  settings: dict
  networks: list[extractors.Extractor]
  candidates: FaceSet
  seed: int

  def keys(
    self, faces: FaceSet, people: list[int], indices: np.ndarray
  ) -> dict[int, str]:
    """By person, a key of everything that their cloaks are made from.

    Args:
      faces: everybody's pictures.
      people: labels.
      indices: [M], the pictures that are cloaked.
    """
    shown = {}
    if is_targeted(self.label, self.settings):
      shown = {
        name: digests.of_array(self.candidates.images[rows])
        for name, rows in _by_name(self.candidates).items()
      }
    settings = self.settings | {'name': attack_name(self.label, self.settings)}
    found = {}
    for person in people:
      own = faces.subset(indices[faces.labels[indices] == person])
      name = faces.names[person]
      found[person] = digests.key(
        _STAGES,
        settings=settings,
        networks=digests.of_networks(self.networks),
        seed=self.seed,
        pictures=digests.of_pictures(own.images),
        paths=own.paths,
        candidates=[x for other, x in shown.items() if other != name],
      )
    return found


def _by_name(faces):
  """Name -> rows, of the people who have pictures."""
  return {
    faces.names[label]: np.flatnonzero(faces.labels == label)
    for label in np.unique(faces.labels)
  }


def _targets(job, name, images, batch_size):
  """Per network, whom a person's pictures [M, H, W, 3] should look like.

  None for attacks that run away from their own embedding.
  """
  if not is_targeted(job.label, job.settings):
    return None
  candidates, attack = job.candidates, attack_name(job.label, job.settings)
  is_other = [candidates.names[label] != name for label in candidates.labels]
  rows = np.flatnonzero(is_other)
  if not len(rows):
    raise InputError(f'config.attacks.{job.label}: nobody to take for a target')
  labels = candidates.labels[rows]
  embed = lambda network, x: extractors.embed(network, x, batch_size)
  others = [embed(n, candidates.images)[rows] for n in job.networks]
  if attack in _FROM_SET:
    return [
      np.stack([o[labels == l].mean(0) for l in np.unique(labels)])
      for o in others
    ]
  own = [embed(network, images) for network in job.networks]
  pairs = list(zip(own, others, strict=True))
  if attack == 'fawkes_v03' or job.settings.get('version') == '0.3':
    # Of the pictures, not of their number: a draw of each user's own.
    content = digests.of(sorted(digests.of_pictures(images)))
    seed = [job.seed, int(content, 16)]
    goal = labels == targets.choose_person(own, others, labels, seed=seed)
    return [targets.shifted(e, o[goal]) for e, o in pairs]
  return [targets.farthest(e, o, labels) for e, o in pairs]


def cloak(
  job: Job,
  faces: FaceSet,
  people: list[int],
  indices: np.ndarray,
  *,
  folder: pathlib.Path,
  batch_size: int,
  progress,
) -> Cloaks:
  """Cloaks the pictures `indices`, one person after the other.

  Args:
    job: the attack, the networks, and whom to look like.
    faces: everybody's pictures.
    people: the labels of those who cloak.
    indices: [M], which of their pictures to cloak.
    folder: where the cloaks are kept, see `cloak_store`.
    batch_size: pictures embedded at a time.
    progress: is told before each person.
  """
  label, embed_fns = job.label, [n.embed_fn for n in job.networks]
  attack = make_attack(f'attacks.{label}', label, embed_fns, **job.settings)
  params, rng = [n.params for n in job.networks], jax.random.key(job.seed)
  images, num_improved, seconds = faces.images.copy(), 0, 0.0
  for person, key in job.keys(faces, people, indices).items():
    own, name = indices[faces.labels[indices] == person], faces.names[person]
    kept = Kept(folder, name, key, [faces.paths[i] for i in own])
    found = kept.load()
    if found is None:
      progress.update(f'{label} on {folder.name.split("-", 1)[1]}, {name}')
      start = time.monotonic()
      adv_images, info = attacks.run(
        attack,
        params,
        rng,
        to_float(faces.images[own]),
        targets=_targets(job, name, faces.images[own], batch_size),
      )
      codes = np.round(np.asarray(adv_images) * 255).astype(np.uint8)
      note = {
        'num_improved': int(np.sum(info['improved'])),
        'seconds': time.monotonic() - start,
      }
      found = kept.save(codes, note)
    else:
      progress.skip()
    images[own], note = found
    num_improved += note['num_improved']
    seconds += note['seconds']
  return Cloaks(images, num_improved, seconds)
