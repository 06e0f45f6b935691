"""What a trainer finds of the protected people: a version of their pictures."""

import pathlib
from typing import NamedTuple

import numpy as np
from scene import Scene

from fr_poison.adversaries import history
from fr_poison.evaluation import cloaks as cloaking

_NO_CLOAK = {
  'attack': 'none',
  'surrogate': [],
  **dict.fromkeys(('epsilon', 'dssim', 'psnr', 'linf')),
}


class Scraped(NamedTuple):
  """One version of the whole set, and what its records say of it."""

  images: np.ndarray  # uint8 [N, H, W, 3]
  fields: dict


def untouched(scene: Scene) -> Scraped:
  """Nobody has cloaked."""
  return Scraped(scene.faces.images, _NO_CLOAK)


def cloaked(
  scene: Scene, label: str, surrogate: str, folder: pathlib.Path, progress
) -> Scraped:
  """The protected people's pictures after one attack on one surrogate.

  Args:
    scene: people, pictures and networks.
    label: of the attack in the config.
    surrogate: a network, or several as 'a+b'.
    folder: where cloaks are kept.
    progress: is told before each person.
  """
  job = scene.job(label, surrogate)
  cloaks = cloaking.cloak_people(
    job,
    scene.faces,
    scene.protected,
    scene.to_cloak,
    folder=folder / f'{label}-{surrogate}',
    batch_size=scene.settings.batch_size,
    progress=progress,
  )
  fields = {
    'attack': cloaking.attack_name(label, job.settings),
    'surrogate': surrogate.split('+'),
    'epsilon': job.settings.get('epsilon'),
    'num_cloaked': len(scene.to_cloak),
    'num_improved': cloaks.num_improved,
    'wall_seconds': cloaks.seconds,
  }
  return Scraped(cloaks.images, fields | scene.distortion(cloaks.images))


def noise(scene: Scene, cloak: Scraped) -> Scraped:
  """The same with noise of the cloak's budget and smoothness instead."""
  images = scene.noise_control(cloak.images)
  fields = {'attack': 'noise', 'control_of': cloak.fields['attack']}
  return Scraped(images, cloak.fields | fields | scene.distortion(images))


def several_tools(
  scene: Scene, name: str, surrogate: str, cloaks: dict[str, Scraped]
) -> Scraped:
  """As people leave it who cloaked with several tools over the years.

  Args:
    scene: people and pictures.
    name: of the history in the config.
    surrogate: that all the tools were aimed at.
    cloaks: by attack.
  """
  shares = scene.settings.histories[name]
  versions = {history.CLEAN: scene.faces.images}
  versions |= {label: cloak.images for label, cloak in cloaks.items()}
  images = history.collect(
    versions, shares, scene.faces.labels, scene.protected
  )
  fields = {
    'attack': 'history',
    'history': name,
    'shares': shares,
    'epsilon': None,
    'surrogate': surrogate.split('+'),
  }
  return Scraped(images, fields | scene.distortion(images))
