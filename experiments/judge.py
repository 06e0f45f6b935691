"""Measures every reply with every recognizer: one record each."""

import time

import numpy as np
from replies import Combination, Reply
from scene import Scene
from settings import EMBEDDING_RECOGNIZERS, RECOGNIZERS

from fr_poison import extractors, metrics
from fr_poison.adversaries import oblivious, purifying
from fr_poison.recognizers import end_to_end
from fr_poison.training import Recipe


class Judge:
  """Trains recognizers on what was scraped, tests them on clean pictures."""

  def __init__(
    self, scene: Scene, replies: list[Reply], combinations: list[Combination]
  ):
    """Embeds the clean pictures as each reply sees them.

    Args:
      scene: people and pictures.
      replies: what is tried.
      combinations: of them.
    """
    self.scene, self._replies = scene, replies
    self._combinations = combinations
    self._clean = {reply.key: self._embed_clean(reply) for reply in replies}
    self._fitters = {}

  def measure(self, images: np.ndarray, shared: dict) -> list[dict]:
    """One record per recognizer and reply for one version of the pictures.

    Args:
      images: uint8 [N, H, W, 3], the whole set as it was scraped.
      shared: the fields that all these records have in common.
    """
    records, rankings = [], {}
    for reply in self._replies:
      embeddings = self._scraped(reply, images)
      for kind in self.scene.settings.recognizers:
        if kind == 'end_to_end' and reply.network == extractors.PIXELS:
          continue  # nothing to fine-tune
        start = time.monotonic()
        found = self._rank(kind, reply, images, embeddings)
        rankings[kind, reply.key] = found
        records.append(self._record(kind, reply, found, shared, start))
    for combination in self._combinations:
      for kind in combination.recognizers:
        start = time.monotonic()
        pairs = zip(
          rankings[kind, combination.accurate],
          rankings[kind, combination.robust],
          strict=True,
        )
        found = [combination.combine(*pair) for pair in pairs]
        records.append(self._record(kind, combination, found, shared, start))
    return sorted(records, key=lambda r: RECOGNIZERS.index(r['recognizer']))

  def measure_beside_noise(
    self, images: np.ndarray, shared: dict
  ) -> list[dict]:
    """`measure` of a cloak, and of noise like it if the config asks for it.

    Args:
      images: as for `measure`.
      shared: the same; `attack` is the cloak's.
    """
    scene = self.scene
    found = self.measure(images, shared | scene.distortion(images))
    if not scene.settings.noise_control:
      return found
    noisy = scene.noise_control(images)
    fields = {'attack': 'noise', 'control_of': shared['attack']}
    control = self.measure(noisy, shared | fields | scene.distortion(noisy))
    for record, noise_record in zip(found, control, strict=True):
      record['noise_protection_rate'] = noise_record['protection_rate']
      record['noise_protection_ci'] = noise_record['protection_ci']
    return found + control

  def _embed(self, reply, images):
    return extractors.embed(
      reply.extractor,
      purifying.apply(reply.squeezer, images),
      self.scene.settings.batch_size,
    )

  def _embed_clean(self, reply):
    if reply.squeezer is purifying.nothing:
      return self.scene.clean(reply.extractor)
    return self._embed(reply, self.scene.faces.images)

  def _scraped(self, reply, images):
    rows = self.scene.to_cloak
    embeddings = self._clean[reply.key].copy()
    embeddings[rows] = self._embed(reply, images[rows])
    return embeddings

  def _splits(self, kind):
    number = self.scene.settings.recognizers[kind].get('num_splits')
    return self.scene.splits[:number]

  def _rank(self, kind, reply, images, embeddings):
    scene = self.scene
    settings = dict(scene.settings.recognizers[kind])
    settings.pop('num_splits', None)
    if kind == 'end_to_end':
      recipe = Recipe.from_config(settings.pop('training'))
      start_head = settings.pop('start_head', 'random')
      public = reply.public if settings.pop('public', False) else None
      fitter = self._fitters.setdefault(
        reply.key,
        end_to_end.Fitter(
          reply.extractor, recipe, public, start_head=start_head
        ),
      )
      recognizer, settings = end_to_end, settings | {'fitter': fitter}
      clean, scraped = (
        purifying.apply(reply.squeezer, x) for x in (scene.faces.images, images)
      )
    else:
      recognizer = EMBEDDING_RECOGNIZERS[kind]
      clean, scraped = self._clean[reply.key], embeddings
      if 'normalize' in settings:
        settings['normalize'] = self._normalizes(kind, reply)
    return recognizer.rank_protected(
      clean,
      scraped,
      scene.faces.labels,
      scene.protected,
      self._splits(kind),
      **settings,
    )

  def _normalizes(self, kind, reply):
    # Pixels are the control without any processing: they stay raw.
    chosen = self.scene.settings.recognizers[kind].get('normalize', False)
    return chosen and reply.network != extractors.PIXELS

  def _record(self, kind, reply, rankings, shared, start):
    scene = self.scene
    splits = self._splits(kind)
    errors = oblivious.errors(
      rankings, scene.faces.labels, scene.protected, splits
    )
    protection = metrics.rate(errors.protected, errors.protected_people)
    others = metrics.rate(errors.others, errors.others_people)
    return shared | {
      'network': reply.network,
      'input_size': self._input_size(reply),
      'recognizer': kind,
      'normalize': self._normalizes(kind, reply),
      'top_k': rankings[0].labels.shape[-1],
      'num_splits': len(splits),
      'adversary': reply.adversary
      or oblivious.name(reply.network, shared['surrogate']),
      'num_test_images': protection.count,
      'protection_rate': protection.value,
      'protection_ci': [protection.low, protection.high],
      'accuracy': 1 - others.value,
      'accuracy_ci': [1 - others.high, 1 - others.low],
      'weights': self._weights(reply, shared['surrogate']),
      'wall_seconds': shared['wall_seconds'] + time.monotonic() - start,
    }

  def _parts(self, reply):
    """The plain replies that one or a combination is made of."""
    by_key = {r.key: r for r in self._replies}
    if isinstance(reply, Combination):
      return [by_key[reply.accurate], by_key[reply.robust]]
    return [reply]

  def _input_size(self, reply):
    return max(r.extractor.input_size for r in self._parts(reply))

  def _weights(self, reply, surrogates):
    known = self.scene.extractors  # cloaks may be given, made for any network
    found = {n: known[n].sha256 for n in surrogates if n in known}
    for part in self._parts(reply):
      trained = f' {part.adversary}' if part.adversary else ''
      found[part.network + trained] = part.extractor.sha256
    return {name: digest for name, digest in found.items() if digest}
