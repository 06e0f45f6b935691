"""Makes, saves and reads back the cloaks of the protected people.

The unit of work is one person: his cloaked pictures are written as PNG files
into a folder that appears only when it is complete, with a key of everything
that went into them. A killed run started again skips finished people, and
what is evaluated is always what was read back from the files.
"""

import functools
import pathlib
import shutil
import time
from typing import NamedTuple

import config_fields
import digests
import jax
import numpy as np

from fr_poison import attacks, strict_json
from fr_poison.attacks import targets
from fr_poison.data import decode
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
_FROM_SET = ('feature_shift', 'protected_set')  # choose among all others
_SOURCES = ('attacks/*.py', 'extractors/*.py', 'layers/*.py')


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


def origin(
  faces: FaceSet, label: str, settings: dict, extractors: list, seed: int
) -> str:
  """A key of everything that all people's cloaks are made from.

  Args:
    faces: see `cloak`.
    label: see `cloak`.
    settings: see `cloak`.
    extractors: see `cloak`.
    seed: see `cloak`.
  """
  settings = {k: v for k, v in settings.items() if k != 'name'} | {
    'attack': attack_name(label, settings)
  }
  return digests.of(
    [
      digests.of_code(*_SOURCES),
      jax.__version__,
      sorted(settings.items()),
      [(e.spec.name, e.sha256, e.input_size) for e in extractors],
      seed,
      digests.of_bytes(faces.images.tobytes()),
    ]
  )


def _targets(name, settings, faces, indices, embeddings, seed):
  """Per network, whom the pictures `indices` of one person should look like.

  Attacks that run away from their own embedding do not look at it.
  """
  other = faces.labels != faces.labels[indices[0]]
  labels = faces.labels[other]
  own, others = zip(*((e[indices], e[other]) for e in embeddings), strict=True)
  pairs = list(zip(own, others, strict=True))
  if name in _FROM_SET:
    return [
      np.stack([o[labels == l].mean(0) for l in np.unique(labels)])
      for o in others
    ]
  if name == 'fawkes_v03' or settings.get('version') == '0.3':
    goal = labels == targets.choose_person(own, others, labels, seed=seed)
    return [targets.shifted(e, o[goal]) for e, o in pairs]
  return [targets.farthest(e, o, labels) for e, o in pairs]


def _save(folder, names, images, note) -> None:
  """Writes a person's cloaks so that the folder is complete or not there."""
  partial = folder.with_name(folder.name + '.partial')
  shutil.rmtree(partial, ignore_errors=True)
  partial.mkdir(parents=True)
  for name, image in zip(names, images, strict=True):
    decode.write_png(partial / name, image)
  text = strict_json.dumps(strict_json.sealed(note))
  (partial / 'cloaks.json').write_text(text)
  shutil.rmtree(folder, ignore_errors=True)
  partial.rename(folder)


def _finished(folder, key) -> dict | None:
  try:
    note = strict_json.loads((folder / 'cloaks.json').read_bytes())
    return note if note['key'] == key else None
  except (OSError, ValueError, TypeError, KeyError, RecursionError):
    return None


def cloak(
  faces: FaceSet,
  people: list[int],
  indices: np.ndarray,
  label: str,
  settings: dict,
  extractors: list,
  embeddings: list[np.ndarray],
  *,
  seed: int,
  folder: pathlib.Path,
  progress,
) -> Cloaks:
  """Cloaks the pictures `indices`, one person after the other.

  Args:
    faces: everybody's pictures.
    people: the protected people's labels.
    indices: [M], which of their pictures to cloak.
    label: of the attack in the config; its name, too, unless that is told.
    settings: the attack's, from the config.
    extractors: the surrogate networks.
    embeddings: of all of `faces`, [N, D] per surrogate.
    seed: of the attack's random numbers.
    folder: where the cloaks are kept, one folder a person.
    progress: is told before each person.
  """
  embed_fns = [e.embed_fn for e in extractors]
  attack = make_attack(f'attacks.{label}', label, embed_fns, **settings)
  name = attack_name(label, settings)
  params, rng = [e.params for e in extractors], jax.random.key(seed)
  made_from = origin(faces, label, settings, extractors, seed)
  images, num_improved, seconds = faces.images.copy(), 0, 0.0
  for person in people:
    own = indices[faces.labels[indices] == person]
    files = [pathlib.Path(faces.paths[i]).stem + '.png' for i in own]
    target = folder / faces.names[person]
    key = digests.of([made_from, [faces.paths[i] for i in own]])
    note = _finished(target, key)
    if note is None:
      progress.update(
        f'{label} on {folder.name.split("-", 1)[1]}, {faces.names[person]}'
      )
      start = time.monotonic()
      adv_images, info = attacks.run(
        attack,
        params,
        rng,
        to_float(faces.images[own]),
        targets=_targets(name, settings, faces, own, embeddings, seed)
        if attack.is_targeted
        else None,
      )
      codes = np.round(np.asarray(adv_images) * 255).astype(np.uint8)
      note = {
        'key': key,
        'num_improved': int(np.sum(info['improved'])),
        'seconds': time.monotonic() - start,
      }
      _save(target, files, codes, note)
    else:
      progress.skip()
    images[own] = [decode.read_image(target / file) for file in files]
    num_improved += note['num_improved']
    seconds += note['seconds']
  return Cloaks(images, num_improved, seconds)
