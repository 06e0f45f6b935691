"""Whom a trainer practises on: public people, clean and cloaked by himself."""

import cloaking
import numpy as np
from progress import Progress, over
from settings import Settings

from fr_poison import extractors
from fr_poison.adversaries import adaptive
from fr_poison.data.faces import FaceSet


class PublicPeople:
  """The people whose pictures the trainer has, clean and cloaked himself."""

  def __init__(
    self, settings: Settings, networks: dict, faces: FaceSet, folder
  ):
    """Cloaks nothing yet.

    Args:
      settings: of the run.
      networks: the shipped extractors, by name.
      faces: the public people's pictures, labels from 0.
      folder: where their cloaks are kept.
    """
    self.settings, self.faces = settings, faces
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

  def _cloak(self, attack, surrogate):
    members = surrogate.split('+')
    people = np.unique(self.faces.labels).tolist()
    progress = Progress(len(people), 'person')
    cloaks = cloaking.cloak(
      self.faces,
      people,
      np.arange(len(self.faces)),
      attack,
      self.settings.attacks[attack],
      [self._networks[n] for n in members],
      [self.clean(n) for n in members],
      seed=self.settings.seed,
      folder=self._folder / f'{attack}-{surrogate}',
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
    """The pictures that an adversary learns from: clean, and of his tools."""
    cloaked = [self.cloaked(*tool) for tool in self.tools(adversary)]
    return adaptive.training_set(self.faces.images, cloaked, self.faces.labels)
