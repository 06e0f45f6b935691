"""Measures 1-NN among strangers: the judge of distractors.py."""

import pathlib
import time

import numpy as np
from judge import Judge
from progress import over
from replies import Reply
from scene import Scene
from scraped import Scraped
from settings import Settings

from fr_poison import checks, extractors
from fr_poison.data.faces import FaceSet
from fr_poison.evaluation import counting
from fr_poison.search import distractors, store
from fr_poison.types import InputError

_RECOGNIZER = 'nearest_neighbor'


class StrangersJudge(Judge):
  """Measures 1-NN with strangers in the gallery, one record a number."""

  def __init__(
    self,
    scene: Scene,
    answers: list[Reply],
    public: FaceSet,
    counts: tuple[int, ...],
    stored: pathlib.Path | None = None,
  ):
    """Finds every clean picture's nearest stranger.

    Args:
      scene: people and pictures.
      answers: the trainers' networks.
      public: the real strangers, and those that the model is fitted to.
      counts: numbers of strangers.
      stored: of embedding_store.py: the real strangers instead.

    Raises:
      InputError: `stored` has no embeddings of one of the networks.
    """
    super().__init__(scene, answers, [])
    self._stored = stored
    shown = over('nearest strangers', 'network', delay=5)
    self._nearest = {
      reply.key: list(self._strangers(reply, public, counts))
      for reply in shown(answers, len(answers))
    }

  def measure(self, version: Scraped, shared: dict) -> list[dict]:
    """See `Judge.measure`."""
    images, shared, found = version.images, shared | version.fields, []
    for reply in self._replies:
      start = time.monotonic()
      embeddings = self._scraped(reply, images)
      rankings = self._rank(_RECOGNIZER, reply, images, embeddings)
      for fields, distances in self._nearest[reply.key]:
        behind = [
          counting.among_strangers(ranking, distances[split.test])
          for ranking, split in zip(rankings, self.scene.splits, strict=False)
        ]
        found.append(
          self._record(_RECOGNIZER, reply, behind, shared | fields, start)
        )
    return found

  def _strangers(self, reply, public, counts):
    """By kind and number: record's fields, distances [N] of all pictures."""
    scene, seed = self.scene, self.scene.settings.seed
    probes, faces = self.clean(reply), self._embed(reply, public.images)
    near = {'normalize': self._normalizes(_RECOGNIZER, reply)}
    tested = np.unique(np.concatenate([s.test for s in scene.splits]))
    check = distractors.check(
      faces, public.labels, probes[tested], seed=seed, **near
    )
    real = store.read(self._stored, reply.extractor) if self._stored else faces
    order = np.random.default_rng(seed).permutation(len(real))
    model, size = distractors.fit(faces), distractors.BLOCK
    sources = {
      'real': (
        [n for n in counts if n <= len(real)],
        lambda block: real[order[block * size : (block + 1) * size]],
      ),
      'model': (
        counts,
        lambda block: distractors.draw(model, distractors.BLOCK, seed, block),
      ),
    }
    yield (
      {'num_distractors': 0, 'distractors': 'none'},
      np.full(len(probes), np.inf),
    )
    for kind, (numbers, strangers) in sources.items():
      fields = {'distractors': kind, 'num_real': len(real)}
      if kind == 'model':
        fields |= {'check': check._asdict(), 'shrinkage': model.shrinkage}
      found = distractors.nearest_distances(probes, numbers, strangers, **near)
      for number, distances in zip(numbers, found, strict=True):
        yield fields | {'num_distractors': number}, distances


def check_config(settings: Settings, counts: tuple[int, ...]) -> None:
  """Refuses what has no nearest stranger.

  Raises:
    InputError: naming the field.
  """
  for number in counts:
    checks.whole('config.num_distractors', number)
  if not counts:
    raise InputError('config.num_distractors: empty')
  one = settings.recognizers.get(_RECOGNIZER, {})
  more = max(one.get('k', 1), one.get('top_k', 1))
  if list(settings.recognizers) != [_RECOGNIZER] or more > 1:
    raise InputError('config.recognizers: expected 1-NN alone')
  if list(settings.adversaries) != ['oblivious']:
    raise InputError('config.adversaries: expected oblivious alone')
  if extractors.PIXELS in settings.networks:
    raise InputError('config.networks: there is no model of raw pixels')
  for field, is_set in (
    ('noise_control', settings.noise_control),
    ('histories', settings.histories),
    ('extractor.checkpoint', settings.extractor.get('checkpoint')),
  ):
    if is_set:
      raise InputError(f'config.{field}: not measured among strangers')
  if settings.num_public < 4:
    raise InputError(
      f'config.num_public: {settings.num_public} is below 4; they are the '
      'strangers'
    )
