"""What every number of an evaluation is made from, and how it is measured."""

import dataclasses
import time

import cloaking
import config_fields
import jax
import numpy as np

from fr_poison import extractors, metrics
from fr_poison.adversaries import oblivious
from fr_poison.attacks import noise, perceptual
from fr_poison.data import datasets
from fr_poison.data.batches import map_batches
from fr_poison.data.faces import FaceSet
from fr_poison.data.splits import split_per_person
from fr_poison.recognizers import nearest_neighbor
from fr_poison.types import InputError

_RECOGNIZERS = {'nearest_neighbor': nearest_neighbor}


@dataclasses.dataclass(frozen=True)
class Settings:
  """The fields of a config of evaluate.py; see configs/orl.py for each.

  Raises:
    InputError: a value that cannot be run, naming its field. Nothing has
      been loaded or compiled by then.
  """

  dataset: str
  num_people: int
  num_protected: int
  test_fraction: float
  num_splits: int
  networks: tuple[str, ...]
  input_size: dict[str, int]
  surrogates: tuple[str, ...]
  attacks: dict[str, dict]
  recognizer: dict
  batch_size: int
  seed: int

  @classmethod
  def from_config(cls, config: dict) -> 'Settings':
    """From a config's dict; a field that nobody reads is an error."""
    config_fields.check_fields(cls, config)
    return cls(**config)

  def __post_init__(self):
    """Checks every value."""
    check_known = config_fields.check_known
    for name, settings in self.attacks.items():
      cloaking.make_attack(f'attacks.{name}', name, [], **settings)
    for field in ('networks', 'surrogates'):
      for name in _members(getattr(self, field)):
        check_known(field, name, extractors.names())
    kind = self.recognizer.get('name')
    check_known('recognizer.name', kind, _RECOGNIZERS)
    accepted = {'name', *_RECOGNIZERS[kind].fit.__kwdefaults__}
    for field in self.recognizer:
      check_known(f'recognizer, field of {kind}', field, accepted)
    check_known('dataset', self.dataset, datasets.NAMES)
    for field in ('num_protected', 'num_splits', 'batch_size', 'seed'):
      least = int(field != 'seed')
      config_fields.check_least(field, getattr(self, field), least)
    if not 0 < self.test_fraction < 1:
      raise InputError(
        f'config.test_fraction: {self.test_fraction} is outside (0, 1)'
      )
    if self.num_protected >= self.num_people:
      raise InputError(
        f'config.num_protected: {self.num_protected} of {self.num_people} '
        'people leaves nobody else to tell them from'
      )


def _members(names: tuple[str, ...]) -> list[str]:
  """The networks named, those of an ensemble 'a+b' one by one."""
  return [member for name in names for member in name.split('+')]


def load_faces(settings: Settings, data_dir: str | None) -> FaceSet:
  """The first `num_people` people of the data set."""
  source = {'source_dir': data_dir} if data_dir else {}
  faces = datasets.load(settings.dataset, **source)
  if settings.num_people > len(faces.names):
    raise InputError(
      f'config.num_people: {settings.num_people}, but {settings.dataset} has '
      f'{len(faces.names)}'
    )
  return faces.subset(np.flatnonzero(faces.labels < settings.num_people))


def load_extractors(settings: Settings) -> dict[str, extractors.Extractor]:
  """Every network that the config names, as recognizer or as surrogate."""
  wanted = _members(settings.networks + settings.surrogates)
  return {
    name: extractors.load(name, input_size=settings.input_size.get(name))
    for name in dict.fromkeys(wanted)
  }


class Scene:
  """People, splits, networks and clean embeddings: drawn or computed once.

  Attributes:
    settings: see `Settings`.
    faces: everybody's pictures.
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
    self._embed = {name: jax.jit(e.embed_fn) for name, e in networks.items()}
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
    self.clean = {name: self.embed(name, faces.images) for name in networks}

  def embed(self, network: str, images: np.ndarray) -> np.ndarray:
    """[N, D] of uint8 pictures [N, H, W, 3]."""
    params = self.extractors[network].params
    embed = lambda batch: self._embed[network](params, batch)
    return map_batches(embed, images, self.settings.batch_size)

  def errors(self, network: str, images: np.ndarray) -> oblivious.Errors:
    """Trains on the set as it was scraped, tests on the clean pictures."""
    cloaked = self.clean[network].copy()
    cloaked[self.to_cloak] = self.embed(network, images[self.to_cloak])
    kind = dict(self.settings.recognizer)
    recognizer = _RECOGNIZERS[kind.pop('name')]
    return oblivious.evaluate(
      recognizer,
      self.clean[network],
      cloaked,
      self.faces.labels,
      self.protected,
      self.splits,
      # Raw pixels are the control without any processing: they stay raw.
      **(kind if network != extractors.PIXELS else {}),
    )

  def measure(self, images: np.ndarray, shared: dict) -> list[dict]:
    """One record per network for one version of the pictures.

    Args:
      images: uint8 [N, H, W, 3], the whole set as it was scraped.
      shared: the fields that all these records have in common.
    """
    return [self._measure(n, images, shared) for n in self.settings.networks]

  def _measure(self, network, images, shared):
    start = time.monotonic()
    errors = self.errors(network, images)
    protection = metrics.rate(errors.protected, errors.protected_people)
    others = metrics.rate(errors.others, errors.others_people)
    used = sorted({network, *shared['surrogate']})
    return shared | {
      'network': network,
      'input_size': self.extractors[network].input_size,
      'adversary': oblivious.name(network, shared['surrogate']),
      'num_test_images': protection.count,
      'protection_rate': protection.value,
      'protection_ci': [protection.low, protection.high],
      'accuracy': 1 - others.value,
      'accuracy_ci': [1 - others.high, 1 - others.low],
      'weights': {
        name: self.extractors[name].sha256
        for name in used
        if self.extractors[name].sha256
      },
      'wall_seconds': shared['wall_seconds'] + time.monotonic() - start,
    }

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
