"""Measures every reply with every recognizer: one record each."""

import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import scraped
from progress import over
from replies import Combination, Reply
from scene import Scene
from scraped import Scraped
from settings import EMBEDDING_RECOGNIZERS, RECOGNIZERS

from fr_poison import extractors, metrics
from fr_poison.adversaries import purifying
from fr_poison.evaluation import counting
from fr_poison.evaluation.trainer import waiting_name
from fr_poison.recognizers import end_to_end
from fr_poison.training import Recipe


class Cell(NamedTuple):
  """A recognizer and whose it is: a record for each version of the pictures."""

  recognizer: str
  reply: Reply | Combination

  @property
  def place(self) -> tuple[str, str, str]:
    """Adversary, network and recognizer: no two cells' are the same."""
    return self.reply.adversary, self.reply.network, self.recognizer


class Judge:
  """Trains recognizers on what was scraped, tests them on clean pictures."""

  def __init__(
    self, scene: Scene, replies: list[Reply], combinations: list[Combination]
  ):
    """Embeds nothing yet.

    Args:
      scene: people and pictures.
      replies: what is tried.
      combinations: of them.
    """
    self.scene, self._replies = scene, replies
    self._combinations = combinations
    self._clean, self._fitters = {}, {}

  def cells(self) -> list[Cell]:
    """What `measure` has a record of, in its order."""
    chosen = [k for k in RECOGNIZERS if k in self.scene.settings.recognizers]
    every = [*self._replies, *self._combinations]
    return [Cell(k, r) for k in chosen for r in every if _is_able(k, r)]

  def measure(
    self,
    version: Scraped,
    shared: dict,
    wanted: Callable[[Cell], bool] = lambda cell: True,
  ) -> list[dict]:
    """One record per recognizer and reply for one version of the pictures.

    Args:
      version: of the pictures, as it was scraped.
      shared: the fields that all these records have in common.
      wanted: whether to make a cell's record.
    """
    return [record for _, record in self.records(version, shared, wanted)]

  def records(
    self, version: Scraped, shared: dict, wanted: Callable[[Cell], bool]
  ) -> Iterator[tuple[Cell, dict]]:
    """`measure`, a cell at a time."""
    known, shared = {}, shared | version.fields
    cells = list(filter(wanted, self.cells()))
    what = f'recognizers, {version.fields.get("attack", "")}'
    for cell in over(what, 'recognizer', delay=5)(cells, len(cells)):
      start = time.monotonic()
      found = self._rankings(cell, version.images, known)
      yield (
        cell,
        self._record(cell.recognizer, cell.reply, found, shared, start),
      )

  def _rankings(self, cell, images, known):
    """Of one version of the pictures, of which `known` keeps what is made."""
    kind, reply = cell
    if isinstance(reply, Combination):
      by_key = {r.key: r for r in self._replies}
      pairs = zip(
        *(
          self._rankings(Cell(kind, by_key[key]), images, known)
          for key in (reply.accurate, reply.robust)
        ),
        strict=True,
      )
      return [reply.combine(*pair) for pair in pairs]
    if reply.key not in known:
      known[reply.key] = self._scraped(reply, images)
    if (kind, reply.key) not in known:
      known[kind, reply.key] = self._rank(kind, reply, images, known[reply.key])
    return known[kind, reply.key]

  def measure_beside_noise(self, cloak: Scraped, shared: dict) -> list[dict]:
    """`measure` of a cloak, and of noise like it if the config asks for it."""
    found = self.measure(cloak, shared)
    if not self.scene.settings.noise_control:
      return found
    control = self.measure(scraped.noise(self.scene, cloak), shared)
    return beside_noise(found, control) + control

  def _embed(self, reply, images):
    return extractors.embed(
      reply.extractor,
      purifying.apply(reply.squeezer, images),
      self.scene.settings.batch_size,
      over(f'embedding, {reply.network}', delay=5),
    )

  def clean(self, reply: Reply) -> np.ndarray:
    """Embeddings [N, D] of the clean pictures, computed once a reply."""
    if reply.squeezer is purifying.nothing:
      return self.scene.clean(reply.extractor)
    if reply.key not in self._clean:
      self._clean[reply.key] = self._embed(reply, self.scene.faces.images)
    return self._clean[reply.key]

  def _scraped(self, reply, images):
    rows = self.scene.to_cloak
    embeddings = self.clean(reply).copy()
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
      clean, scraped = self.clean(reply), embeddings
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
    errors = counting.count_errors(
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
      or waiting_name(reply.network, shared['surrogate']),
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
    return [by_key[key] for key in reply.keys]

  def _input_size(self, reply):
    return max(r.extractor.input_size for r in self._parts(reply))

  def _weights(self, reply, surrogates):
    known = self.scene.extractors  # cloaks may be given, made for any network
    found = {n: known[n].sha256 for n in surrogates if n in known}
    for part in self._parts(reply):
      trained = f' {part.adversary}' if part.adversary else ''
      found[part.network + trained] = part.extractor.sha256
    return {name: digest for name, digest in found.items() if digest}


def _is_able(kind, reply):
  if isinstance(reply, Combination):
    return kind in reply.recognizers
  # Raw pixels have nothing to fine-tune.
  return kind != 'end_to_end' or reply.network != extractors.PIXELS


def beside_noise(found: list[dict], control: list[dict]) -> list[dict]:
  """Records of a cloak, with the rates of the same cells' noise controls."""
  return [
    record
    | {
      'noise_protection_rate': noise['protection_rate'],
      'noise_protection_ci': noise['protection_ci'],
    }
    for record, noise in zip(found, control, strict=True)
  ]
