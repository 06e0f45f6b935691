"""Whom a trainer practises on: public people, clean and with cloaks."""

import pathlib

import numpy as np
from progress import Progress, over
from settings import Settings

from fr_poison import extractors
from fr_poison.adversaries import adaptive
from fr_poison.data.faces import FaceSet
from fr_poison.evaluation import cloaks as cloaking


class PublicPeople:
  """The people whose pictures the trainer has, clean and with cloaks."""

  def __init__(
    self,
    settings: Settings,
    networks: dict,
    faces: FaceSet,
    candidates: FaceSet,
    folder: pathlib.Path,
  ):
    """Cloaks nothing yet.

    Args:
      settings: of the run.
      networks: the shipped extractors, by name.
      faces: the public people's pictures, labels from 0.
      candidates: whom their cloaks may be made to look like, themselves or
        others who are not evaluated.
      folder: where their cloaks are kept.
    """
    self.settings, self.faces = settings, faces
    self._candidates = candidates
    self._networks, self._folder = networks, folder
    self._clean, self._cloaked = {}, {}

  def clean(self, network: str) -> np.ndarray:
    """Embeddings [N, D] of their clean pictures."""
    if network not in self._clean:
      self._clean[network] = extractors.embed(
        self._networks[network],
        self.faces.images,
        self.settings.batch_size,
        over(f'embedding, {network}', delay=5),
      )
    return self._clean[network]

  def cloaked(self, attack: str, surrogate: str) -> np.ndarray:
    """Their pictures as the public tool `attack` gives them back."""
    if (attack, surrogate) not in self._cloaked:
      self._cloaked[attack, surrogate] = self._cloak(attack, surrogate)
    return self._cloaked[attack, surrogate]

  def job(self, attack: str, surrogate: str) -> cloaking.Job:
    """What their cloaks of a public tool are made from."""
    return cloaking.Job(
      attack,
      self.settings.attacks[attack],
      [self._networks[name] for name in surrogate.split('+')],
      self._candidates,
      self.settings.seed,
    )

  def _cloak(self, attack, surrogate):
    people = np.unique(self.faces.labels).tolist()
    progress = Progress(len(people), 'person')
    cloaks = cloaking.cloak_people(
      self.job(attack, surrogate),
      self.faces,
      people,
      np.arange(len(self.faces)),
      folder=self._folder / f'{attack}-{surrogate}',
      batch_size=self.settings.batch_size,
      progress=progress,
    )
    progress.close()
    return cloaks.images

  def tools(self, adversary: dict) -> list[tuple[str, str]]:
    """Attack and surrogate of each that an adversary learns from.

    Args:
      adversary: its settings; `attacks` on `surrogates`, of which none are
        needed and all are the default.
    """
    return [
      (attack, surrogate)
      for surrogate in adversary.get('surrogates', self.settings.surrogates)
      for attack in adversary.get('attacks', ())
    ]

  def cloak_for(self, adversary: dict) -> None:
    """Makes the cloaks that `training_set` takes."""
    self.training_set(adversary)

  def training_set(self, adversary: dict) -> tuple[np.ndarray, np.ndarray]:
    """The pictures that an adversary learns from: clean, and of their tools."""
    cloaked = [self.cloaked(*tool) for tool in self.tools(adversary)]
    return adaptive.training_set(self.faces.images, cloaked, self.faces.labels)
