"""What every number of an evaluation is made from: drawn or computed once."""

import jax
import numpy as np
from settings import Settings, members

from fr_poison import extractors, metrics
from fr_poison.attacks import noise, perceptual
from fr_poison.data import datasets
from fr_poison.data.batches import map_batches
from fr_poison.data.faces import FaceSet
from fr_poison.data.splits import split_per_person
from fr_poison.types import InputError


def load_faces(
  settings: Settings, data_dir: str | None
) -> tuple[FaceSet, FaceSet]:
  """The public people and those evaluated: the first ones of the data set."""
  source = {'source_dir': data_dir} if data_dir else {}
  faces = datasets.load(settings.dataset, **source)
  if settings.num_people > len(faces.names):
    raise InputError(
      f'config.num_people: {settings.num_people}, but {settings.dataset} has '
      f'{len(faces.names)}'
    )
  public = faces.labels < settings.num_public
  used = faces.labels < settings.num_people
  return (
    faces.subset(np.flatnonzero(public)),
    faces.subset(np.flatnonzero(used & ~public)),
  )


def load_extractors(settings: Settings) -> dict[str, extractors.Extractor]:
  """Every shipped network that the config names, whatever for."""
  wanted = members(settings.networks + settings.surrogates)
  for adversary in settings.adversaries.values():
    wanted += adversary.get('networks', ())
  return {
    name: extractors.load(name, input_size=settings.input_size.get(name))
    for name in dict.fromkeys(wanted)
  }


class Scene:
  """People, splits, and the shipped networks' embeddings of clean pictures.

  Attributes:
    settings: see `Settings`.
    faces: the pictures of the people evaluated.
    extractors: by name.
    protected: the labels of the people who cloak their pictures.
    splits: random divisions into training and test pictures.
    to_cloak: [M] indices of the protected people's pictures that are trained
      on in some split.
    clean: by network, the embeddings [N, D] of the clean pictures.
  """

  def __init__(self, settings: Settings, networks: dict, faces: FaceSet):
    """Draws the protected people and the splits, embeds the clean pictures."""
    self.settings, self.extractors, self.faces = settings, networks, faces
    self._embed = {}
    rng = np.random.default_rng(settings.seed)
    drawn = rng.choice(
      np.unique(faces.labels), settings.num_protected, replace=False
    )
    self.protected = sorted(drawn.tolist())
    self.splits = [
      split_per_person(
        faces.labels,
        settings.test_fraction,
        seed=settings.seed * 10_000 + i,
        names=faces.names,
      )
      for i in range(settings.num_splits)
    ]
    train = np.unique(np.concatenate([s.train for s in self.splits]))
    self.to_cloak = train[np.isin(faces.labels[train], self.protected)]
    self.clean = {
      name: self.embed(extractor, faces.images)
      for name, extractor in networks.items()
    }

  def embed(
    self, extractor: extractors.Extractor, images: np.ndarray
  ) -> np.ndarray:
    """[N, D] of uint8 pictures [N, H, W, 3]."""
    # One program per graph, whatever its weights.
    fn = self._embed.setdefault(extractor.embed_fn, jax.jit(extractor.embed_fn))
    embed = lambda batch: fn(extractor.params, batch)
    return map_batches(embed, images, self.settings.batch_size)

  def distortion(self, images: np.ndarray) -> dict:
    """How the cloaked pictures differ from their originals, as saved."""
    original = self.faces.images[self.to_cloak]
    changed = images[self.to_cloak]
    dssim = map_batches(
      jax.jit(lambda x: perceptual.dssim(x[..., 3:], x[..., :3])),
      np.concatenate([original, changed], -1),
      self.settings.batch_size,
    )
    return {
      'dssim': float(np.mean(dssim)),
      'psnr': metrics.psnr(original, changed),
      'linf': metrics.linf(original, changed),
    }

  def noise_control(self, images: np.ndarray) -> np.ndarray:
    """The set with noise of the cloaks' budget and smoothness instead."""
    noisy = self.faces.images.astype(np.int16)
    noisy[self.to_cloak] += noise.matched_noise(
      (images - noisy)[self.to_cloak], seed=self.settings.seed
    )
    return np.clip(noisy, 0, 255).astype(np.uint8)
