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
from fr_poison.evaluation import innocent
from fr_poison.extractors import Extractor


class Version(NamedTuple):
  """One version of the tested people's pictures."""

  attack: str
  epsilon: float | None
  clean: np.ndarray  # uint8 [N, H, W, 3]
  cloaked: np.ndarray  # the same pictures
  users: np.ndarray  # [N], whose they are
  jpeg: str = ''  # '75 4:2:0': both were compressed
  processing: str = ''  # what else was done to both


class Versions(NamedTuple):
  """All versions of the tested people's pictures."""

  plain: list[Version]  # every attack at its own budget
  changed: list[Version]  # at other budgets, or saved otherwise
  innocent: dict[str, np.ndarray]  # clean, by what was done to them


class Material(NamedTuple):
  """Groups of people who share nobody, networks by name, and where it lies."""

  settings: Settings
  public: FaceSet  # of those who teach detectors and give thresholds
  candidates: FaceSet  # the people that cloaks may imitate
  tested: FaceSet
  networks: dict[str, Extractor]
  store: pathlib.Path  # has public_cloaks/ and cloaks/, as evaluate.py's
  strangers: FaceSet | None = None  # in every gallery
  fields: dict = {}  # of all records

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
      faces.images,
      self.cloak('cloaks', faces, label, chosen, *evaded),
      faces.labels,
    )

  def changed(self, known: list[Version]) -> Iterator[Version]:
    """Makes the known attacks at other budgets, and saved otherwise."""
    settings = self.settings
    for name, chosen in settings.attacks.items():
      for epsilon in settings.epsilons:
        label = f'{name} {epsilon * 255:.3g}'
        other = {'name': name} | chosen | {'epsilon': epsilon}
        yield self.version(label, other)
    for label, filters in settings.processing.items():
      process = squeeze.chain(filters)
      for version in known:
        yield version._replace(
          clean=process(version.clean),
          cloaked=process(version.cloaked),
          **_named(label, filters),
        )

  def innocent(self, known: list[Version]) -> dict[str, np.ndarray]:
    """Makes clean pictures of those tested that look like something else."""
    cloaked = zip(
      self.settings.attacks, [x.cloaked for x in known], strict=True
    )
    return innocent.versions(
      self.tested.images, dict(cloaked), self.settings.seed
    )


def _named(label, filters):
  """How records name a processing: JPEG alone by a field of its own."""
  if [chosen['name'] for chosen in filters] != ['jpeg']:
    return {'processing': label}
  (chosen,) = filters
  return {'jpeg': f'{chosen["quality"]} {chosen.get("subsampling", "4:2:0")}'}


def load(
  settings: Settings, data_dir: str | None, store: pathlib.Path
) -> Material:
  """Reads pictures and networks; cloaks nothing yet.

  Raises:
    InputError: fewer people in the data set than the config asks for.
  """
  found = _find_people(settings, data_dir)
  public, candidates, tested = people.groups(
    found.faces, settings.num_public, settings.num_targets
  )
  if not settings.num_targets:
    candidates = public
  settings.check_protected(len(np.unique(tested.labels)))
  wanted = [*settings.members, *settings.pipeline['networks']]
  recipes = settings.recipes.values()
  wanted += [r.features for r in recipes if isinstance(r, OnNetwork)]
  networks = {
    name: trunks.load(name)
    if name in trunks.NAMES
    else network_loader.load(
      name, settings.input_size.get(name), found.faces.alignment
    )
    for name in dict.fromkeys(wanted)
  }
  groups = public, candidates, tested
  fields = found.fields | {'num_drawn': len(np.unique(found.faces.labels))}
  return Material(settings, *groups, networks, store, found.strangers, fields)


def _find_people(settings, data_dir):
  if not settings.standard:
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
    return people.People(faces, [], [])
  found = people.of_standard(settings, data_dir)
  if settings.num_people is None:
    return found
  first, _ = people.groups(found.faces, settings.num_people)
  return found._replace(faces=first)
