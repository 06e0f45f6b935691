"""Detectors and purifiers as a config names them, trained on public people."""

import functools
import pathlib
from collections.abc import Sequence

import numpy as np

from fr_poison import extractors, keys
from fr_poison.adversaries import purifying
from fr_poison.detectors import (
  autoencoder,
  feature_space,
  residual_network,
  reverse_engineering,
  squeezing,
  statistics,
)
from fr_poison.detectors import model as model_lib
from fr_poison.detectors.base import Detector
from fr_poison.training import Recipe


class Workshop:
  """Trains each detector once for each set of attacks, on the same people."""

  def __init__(
    self,
    clean: np.ndarray,
    cloaked: dict[str, np.ndarray],
    networks: dict,
    folder: pathlib.Path,
  ):
    """Trains nothing yet.

    Args:
      clean: uint8 [N, H, W, 3], the training people's pictures.
      cloaked: the same pictures by attack.
      networks: face networks by name.
      folder: where the networks that detectors train are kept; those that are
        there already are not trained again.
    """
    self._clean, self._cloaked, self._networks = clean, cloaked, networks
    self._folder = folder

  def detector(self, settings: dict, attacks: Sequence[str]) -> Detector:
    """The detector of a config's settings, trained on these attacks."""
    settings = dict(settings)
    settings.pop('every', None)
    make = getattr(self, '_' + settings.pop('name'))
    return make([self._cloaked[name] for name in attacks], **settings)

  def learns_from_cloaks(self, settings: dict) -> bool:
    """Whether another training set makes another detector."""
    unlearnt = settings['name'] in ('autoencoder', 'squeezing')
    return not unlearnt and settings.get('method') != 'consistency'

  def differentiable(
    self, settings: dict, attacks: Sequence[str]
  ) -> extractors.Extractor:
    """A frozen feature_space detector's log-odds as a network, [B, 1]."""
    extractor = self._network(settings['features'])
    cloaked = np.concatenate([self._cloaked[name] for name in attacks])
    model = feature_space.train(
      extractor, self._clean, cloaked, C=settings.get('C', 1.0)
    )
    return feature_space.as_network(extractor, model)

  def purifier(
    self, settings: dict, attacks: Sequence[str]
  ) -> purifying.Purifier:
    """What a detector that knows the change makes of pictures."""
    settings = {k: v for k, v in settings.items() if k not in ('name', 'every')}
    if 'method' not in settings:
      model = self._autoencoder_model(**settings)
      return functools.partial(autoencoder.reform, model)
    cloaked = [self._cloaked[name] for name in attacks]
    estimator = self._estimator(cloaked, **settings)
    return functools.partial(reverse_engineering.purify, estimator)

  def _statistics(self, cloaked, **settings):
    return statistics.fit(self._clean, np.concatenate(cloaked), **settings)

  def _feature_space(self, cloaked, features, training=None, **settings):
    given = self._network(features), self._clean, np.concatenate(cloaked)
    if training:
      recipe = Recipe.from_config(training)
      return feature_space.fine_tune(*given, recipe, **settings)
    return feature_space.fit(*given, **settings)

  def _network(self, name) -> extractors.Extractor:
    if name == feature_space.ALEXNET:
      return feature_space.alexnet()
    return self._networks[name]

  def _autoencoder(self, cloaked, **settings):
    del cloaked  # it learns from clean pictures alone
    return autoencoder.detector(self._autoencoder_model(**settings))

  def _autoencoder_model(self, **settings):
    fit = functools.partial(autoencoder.fit, self._clean, **settings)
    return self._trained('autoencoder', fit, [self._clean], settings)

  def _squeezing(self, cloaked, features, **settings):
    del cloaked
    return squeezing.make(self._network(features), **settings)

  def _reverse_engineering(self, cloaked, **settings):
    return reverse_engineering.detector(self._estimator(cloaked, **settings))

  def _estimator(self, cloaked, method, features=None, **settings):
    if method == 'consistency':
      network = self._network(features)
      return reverse_engineering.consistency(
        network.embed_fn, network.params, features=features, **settings
      )
    fit = functools.partial(
      residual_network.fit, self._clean, cloaked, **settings
    )
    pictures = [self._clean, *cloaked]
    model = self._trained('residual', fit, pictures, settings)
    return reverse_engineering.residual(model)

  def _trained(self, kind, fit, pictures, settings):
    """From its file if these pictures and settings made it already."""
    key = model_key(kind, pictures, settings)
    path = self._folder / f'{kind}-{key[:16]}.safetensors'
    if not path.is_file():
      model_lib.save(path, fit(), key)
    return model_lib.load(path, key)


def model_key(kind: str, pictures: Sequence[np.ndarray], settings: dict) -> str:
  """Of everything that a network which a detector trains depends on."""
  return keys.key(
    ('DETECTORS',),
    kind=kind,
    pictures=[keys.of_array(images) for images in pictures],
    settings=settings,
  )
