"""Whose pictures detect.py has, and their cloaks."""

import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import network_loader
import numpy as np
import people
from detect_settings import Settings
from progress import Progress

from fr_poison.data import squeeze
from fr_poison.data.faces import FaceSet
from fr_poison.detectors import OnNetwork, trunks
from fr_poison.evaluation import cloaks as cloaking
from fr_poison.extractors import Extractor


class Version(NamedTuple):
  """One version of the tested people's pictures."""

  attack: str
  epsilon: float | None
  jpeg: str  # '75 4:2:0'; '' where nothing was compressed
  clean: np.ndarray  # uint8 [N, H, W, 3]
  cloaked: np.ndarray  # the same pictures
  users: np.ndarray  # [N], whose they are


class Material(NamedTuple):
  """Groups of people who share nobody, networks by name, and where it lies."""

  settings: Settings
  train: FaceSet  # of those whose pictures detectors learn from
  validation: FaceSet  # whose clean pictures give thresholds
  candidates: FaceSet  # the people that cloaks may imitate
  tested: FaceSet
  networks: dict[str, Extractor]
  store: pathlib.Path  # has public_cloaks/ and cloaks/, as evaluate.py's

  def cloak(
    self, room: str, faces: FaceSet, label: str, chosen: dict, *evaded
  ) -> np.ndarray:
    """Cloaks all pictures of some people, or reads them back from a room."""
    settings, number = self.settings, len(np.unique(faces.labels))
    surrogate = [self.networks[name] for name in settings.members]
    job = cloaking.Job(
      label, chosen, [*surrogate, *evaded], self.candidates, settings.seed
    )
    progress = Progress(number, 'person')
    found = cloaking.cloak_people(
      job,
      faces,
      folder=self.store / room / f'{label}-{settings.surrogate}',
      batch_size=settings.batch_size,
      progress=progress,
    )
    progress.close()
    return found.images

  def version(self, label: str, chosen: dict, *evaded: Extractor) -> Version:
    """Cloaks everybody who is tested."""
    faces = self.tested
    return Version(
      cloaking.attack_name(label, chosen),
      chosen.get('epsilon'),
      '',
      faces.images,
      self.cloak('cloaks', faces, label, chosen, *evaded),
      faces.labels,
    )

  def changed(self, known: list[Version]) -> Iterator[Version]:
    """Makes the known attacks at other budgets, and as JPEG files."""
    settings = self.settings
    for name, chosen in settings.attacks.items():
      for epsilon in settings.epsilons:
        label = f'{name} {epsilon * 255:.3g}'
        other = {'name': name} | chosen | {'epsilon': epsilon}
        yield self.version(label, other)
    for quality, subsampling in settings.jpeg:
      compress = squeeze.make('jpeg', quality=quality, subsampling=subsampling)
      for version in known:
        yield version._replace(
          jpeg=f'{quality} {subsampling}',
          clean=compress(version.clean),
          cloaked=compress(version.cloaked),
        )


def load(
  settings: Settings, data_dir: str | None, store: pathlib.Path
) -> Material:
  """Reads pictures and networks; cloaks nothing yet.

  Raises:
    InputError: fewer people in the data set than the config asks for.
  """
  faces = people.load(
    settings.dataset,
    settings.num_people,
    data_dir,
    'num_people',
    settings.seed,
    person_level=settings.person_level,
    min_pictures=settings.min_pictures,
    alignment=settings.align,
  )
  sizes = settings.num_train, settings.num_validation, settings.num_targets
  train, validation, candidates, tested = people.groups(faces, *sizes)
  if not settings.num_targets:
    # Nobody's cloak depends on people who are tested.
    candidates, _ = people.groups(faces, sum(sizes))
  wanted = [*settings.members, settings.pipeline['network']]
  recipes = settings.recipes.values()
  wanted += [r.features for r in recipes if isinstance(r, OnNetwork)]
  networks = {
    name: trunks.load(name)
    if name in trunks.NAMES
    else network_loader.load(
      name, settings.input_size.get(name), faces.alignment
    )
    for name in dict.fromkeys(wanted)
  }
  groups = train, validation, candidates, tested
  return Material(settings, *groups, networks, store)
