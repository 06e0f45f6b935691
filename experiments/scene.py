"""What every number of an evaluation is made from: drawn or computed once."""

import sys
from typing import NamedTuple

import jax
import network_loader
import numpy as np
import people
from progress import over
from settings import Settings, members

from fr_poison import extractors, metrics
from fr_poison.attacks import noise, perceptual
from fr_poison.data.batches import map_batches
from fr_poison.data.faces import FaceSet
from fr_poison.data.splits import split_per_person
from fr_poison.evaluation import cloaks as cloaking
from fr_poison.evaluation import oddities as who_is_who
from fr_poison.types import InputError

_COMPARED = 20  # pictures at a time


class Material(NamedTuple):
  """The pictures of a run, and what was odd about them."""

  settings: Settings  # with the numbers of people that were found
  public: FaceSet  # of the trainer
  faces: FaceSet  # of the people evaluated
  candidates: FaceSet  # whom cloaks may be made to look like
  left_out: list[list[str]]  # pictures that cannot be used, and reasons
  warnings: list[str]


def load_faces(settings: Settings, data_dir: str | None) -> Material:
  """The public people and those evaluated: groups of one draw.

  What is odd goes to stderr, after who was understood.

  Raises:
    InputError: there are fewer, or the config is strict and pictures are left
      out, there twice, seem to be BGR, or of other people than their folders
      say.
  """
  found = people.find(
    settings.dataset,
    settings.num_people,
    data_dir,
    'num_people',
    settings.seed,
    alignment=settings.align,
    strict=settings.strict,
    person_level=settings.person_level,
  )
  settings = settings.for_people(len(np.unique(found.faces.labels)))
  public, targets, faces = people.groups(
    found.faces, settings.num_public, settings.num_targets
  )
  warnings = people.twins(faces) + people.exchanged_colours(found.faces)
  if settings.dataset == 'folder':  # The others' people are known.
    warnings += who_is_who.doubts(found.faces, settings.batch_size)
  if settings.strict and warnings:
    raise InputError(f'config.strict: {warnings[0]}')
  for text in warnings:
    print(f'note: {text}', file=sys.stderr)
  candidates = targets if settings.num_targets else public
  return Material(settings, public, faces, candidates, found.left_out, warnings)


def load_extractors(settings: Settings) -> dict[str, extractors.Extractor]:
  """Every network that the config names, whatever for."""
  wanted = members(settings.networks + settings.surrogates)
  for adversary in settings.adversaries.values():
    wanted += adversary.get('networks', ())
  return {
    name: network_loader.load(name, settings.input_size.get(name))
    for name in dict.fromkeys(wanted)
  }


class Scene:
  """People, splits, and the networks' embeddings of clean pictures.

  Attributes:
    settings: see `Settings`.
    faces: the pictures of the people evaluated.
    candidates: of people outside, whom cloaks may be made to look like.
    extractors: by name.
    protected: the labels of the people who cloak their pictures.
    splits: random divisions into training and test pictures.
    to_cloak: [M] indices of the protected people's pictures that are trained
      on in some split.
  """

  def __init__(
    self,
    settings: Settings,
    networks: dict,
    faces: FaceSet,
    protected: list[int] | None = None,
    *,
    candidates: FaceSet | None = None,
  ):
    """Draws the splits and, unless they are given, the protected people."""
    self.settings, self.extractors, self.faces = settings, networks, faces
    self.candidates = faces.subset([]) if candidates is None else candidates
    if protected is None:
      rng = np.random.default_rng(settings.seed)
      protected = rng.choice(
        np.unique(faces.labels), settings.num_protected, replace=False
      ).tolist()
    self.protected = sorted(protected)
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
    self._clean = {}

  def clean(self, extractor: extractors.Extractor) -> np.ndarray:
    """Embeddings [N, D] of the clean pictures, computed once a network."""
    key = extractor.embed_fn, extractor.sha256
    if key not in self._clean:
      self._clean[key] = extractors.embed(
        extractor,
        self.faces.images,
        self.settings.batch_size,
        over(f'embedding, {extractor.spec.name}', delay=5),
      )
    return self._clean[key]

  def job(self, label: str, surrogate: str) -> cloaking.Job:
    """An attack of the config on a surrogate, a network or several, 'a+b'."""
    return cloaking.Job(
      label,
      self.settings.attacks[label],
      [self.extractors[name] for name in surrogate.split('+')],
      self.candidates,
      self.settings.seed,
    )

  def distortion(self, images: np.ndarray) -> dict:
    """How the cloaked pictures differ from their originals, as saved."""
    original = self.faces.images[self.to_cloak]
    changed = images[self.to_cloak]
    dssim = map_batches(
      jax.jit(lambda x: perceptual.dssim(x[..., 3:], x[..., :3])),
      np.concatenate([original, changed], -1),
      _COMPARED,
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
