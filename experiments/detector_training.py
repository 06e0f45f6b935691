"""Detectors and purifiers as a config names them, trained on public people."""

from collections.abc import Sequence

import numpy as np

from fr_poison import extractors
from fr_poison.data import squeeze
from fr_poison.detectors import (
  autoencoder,
  feature_space,
  residual_network,
  reverse_engineering,
  squeezing,
  statistics,
)
from fr_poison.detectors.base import Detector
from fr_poison.training import Recipe


class Workshop:
  """Trains each detector once for each set of attacks, on the same people."""

  def __init__(
    self, clean: np.ndarray, cloaked: dict[str, np.ndarray], networks: dict
  ):
    """Trains nothing yet.

    Args:
      clean: uint8 [N, H, W, 3], the training people's pictures.
      cloaked: the same pictures by attack.
      networks: face networks by name.
    """
    self._clean, self._cloaked, self._networks = clean, cloaked, networks
    self._models = {}

  def detector(self, settings: dict, attacks: Sequence[str]) -> Detector:
    """The detector of a config's settings, trained on these attacks."""
    settings = dict(settings)
    settings.pop('plain_only', None)
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

  def purifiers(self, names, attacks: Sequence[str]) -> dict:
    """By name: uint8 pictures to uint8 pictures."""
    cloaked = [self._cloaked[name] for name in attacks]
    known = {
      'jpeg': lambda: squeeze.make('jpeg', quality=50),
      'blur': lambda: squeeze.make('gaussian', sigma=1.5),
      'residual network': lambda: self._purify(cloaked),
      'autoencoder': lambda: self._reform(),
    }
    return {name: known[name]() for name in names}

  def _purify(self, cloaked):
    estimator = self._residual(cloaked, None)
    return lambda images: reverse_engineering.purify(estimator, images)

  def _reform(self):
    model = self._autoencoder_model('plain', None)
    return lambda images: autoencoder.reform(model, images)

  def _statistics(self, cloaked, C=1.0):
    return statistics.fit(self._clean, np.concatenate(cloaked), C=C)

  def _feature_space(self, cloaked, features, C=1.0, training=None):
    cloaked = np.concatenate(cloaked)
    extractor = self._network(features)
    if training:
      recipe = Recipe.from_config(training)
      return feature_space.fine_tune(extractor, self._clean, cloaked, recipe)
    return feature_space.fit(extractor, self._clean, cloaked, C=C)

  def _network(self, name) -> extractors.Extractor:
    if name == feature_space.ALEXNET:
      return feature_space.alexnet()
    return self._networks[name]

  def _autoencoder(self, cloaked, kind='plain', num_epochs=None):
    del cloaked  # it learns from clean pictures alone
    return autoencoder.detector(self._autoencoder_model(kind, num_epochs))

  def _autoencoder_model(self, kind, num_epochs):
    key = 'autoencoder', kind
    if key not in self._models:
      given = {'num_epochs': num_epochs} if num_epochs else {}
      self._models[key] = autoencoder.fit(self._clean, kind=kind, **given)
    return self._models[key]

  def _squeezing(self, cloaked, features):
    del cloaked
    return squeezing.make(self._network(features))

  def _reverse_engineering(
    self, cloaked, method, features=None, num_epochs=None, num_steps=None
  ):
    if method == 'residual':
      estimator = self._residual(cloaked, num_epochs)
    else:
      network = self._network(features)
      given = {'num_steps': num_steps} if num_steps else {}
      estimator = reverse_engineering.consistency(
        network.embed_fn, network.params, features=features, **given
      )
    return reverse_engineering.detector(estimator)

  def _residual(self, cloaked, num_epochs):
    # Of the same pictures, so their number tells the training sets apart.
    key = 'residual', tuple(hash(images.tobytes()) for images in cloaked)
    if key not in self._models:
      given = {'num_epochs': num_epochs} if num_epochs else {}
      self._models[key] = residual_network.fit(self._clean, cloaked, **given)
    return reverse_engineering.residual(self._models[key])
