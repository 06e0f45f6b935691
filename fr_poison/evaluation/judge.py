"""One recognizer with its settings, asked what any trainer takes people for."""

from collections.abc import Mapping
from types import ModuleType
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from fr_poison import extractors
from fr_poison.evaluation import (
  asking,
  counting,
  following,
  gallery,
  retrieval,
)
from fr_poison.evaluation import views as showing
from fr_poison.evaluation.counting import Errors
from fr_poison.evaluation.protocol import Protocol
from fr_poison.evaluation.retrieval import Recalls
from fr_poison.evaluation.scrape import Scrape
from fr_poison.evaluation.trainer import (
  Combination,
  Trainer,
  waiting_name,
  weights,
)
from fr_poison.evaluation.views import Cell
from fr_poison.recognizers import end_to_end, linear, nearest_neighbor
from fr_poison.recognizers.ranking import Ranking
from fr_poison.training import Recipe
from fr_poison.types import Array, InputError

RECOGNIZERS: Mapping[str, ModuleType] = {
  'nearest_neighbor': nearest_neighbor,
  'linear': linear,
  'end_to_end': end_to_end,
}


class Ranked(NamedTuple):
  """Every split's rankings, and what a detector dropped before."""

  rankings: list[Ranking]  # [P, T, k] each
  # Of each split, whose person is enrolled.
  counted: list[Bool[np.ndarray, 'P _']] | None
  enrolment: Errors | None  # shares of splits that left a person nothing


class Judge:
  """One recognizer in one cell, for any scrape and trainer."""

  def __init__(
    self,
    protocol: Protocol,
    recognizer: str,
    settings: dict,
    cell: Cell,
    num_splits: int | None = None,
    batch_size: int = 20,
  ):
    """Remembers what is asked.

    Args:
      protocol: people, pictures and splits.
      recognizer: one of `RECOGNIZERS`.
      settings: of it.
      cell: whose pictures are cloaked.
      num_splits: take the first so many of the protocol's.
      batch_size: pictures embedded at a time on an accelerator.
    """
    self._protocol, self._kind = protocol, recognizer
    self._settings, self._cell = settings, cell
    self._splits = protocol.splits[:num_splits]
    self._batch_size = batch_size

  def errors(
    self,
    scrape: Scrape,
    trainer: Trainer | Combination,
    strangers: Float[Array, ' N'] | None = None,
  ) -> tuple[Errors, Ranked]:
    """Counts errors; returns the rankings as well that they were counted in.

    Args:
      scrape: what is scraped.
      trainer: who scrapes it.
      strangers: see `measure`.
    """
    ranked, counted = self._ranked(scrape, trainer), None
    if strangers is not None:
      if any(part.tracker is not None for part in trainer.parts):
        raise InputError("strangers: of a trainer who follows, the protocol's")
      behind = [
        counting.among_strangers(ranking, strangers[split.test])
        for ranking, split in zip(ranked.rankings, self._splits, strict=True)
      ]
      ranked = ranked._replace(rankings=behind)
    protocol, counted = self._protocol, ranked.counted
    if self._cell.others == 'cloaked':
      counted = self._without_other_cloaks(counted)
    errors = counting.count_errors(
      ranked.rankings,
      protocol.faces.labels,
      protocol.protected,
      self._splits,
      counted,
    )
    return errors, ranked

  def recalls(
    self, scrape: Scrape, trainer: Trainer | Combination
  ) -> Recalls | None:
    """Searches the gallery; None where a trainer makes one of their own."""
    if isinstance(trainer, Combination) or trainer.makes_galleries:
      return None
    protocol, strangers = self._protocol, None
    if protocol.strangers is not None:
      strangers, _ = gallery.strangers(
        protocol, protocol.strangers, trainer, self._batch_size
      )
    return retrieval.recalls(
      self._views(scrape, trainer),
      protocol.faces.labels,
      protocol.protected,
      strangers,
      normalize=self._normalizes(trainer),
    )

  def fields(
    self,
    scrape: Scrape,
    trainers: Mapping[int | None, Trainer | Combination],
    rankings: list[Ranking],
  ) -> dict:
    """Says what a record has of the scrape, the trainer and the recognizer."""
    surrogate = scrape.fields['surrogate']
    trainer = next(iter(trainers.values()))
    names = [name for part in trainer.parts for name in part.origins]
    is_cloaked = scrape.fields['attack'] != 'none'
    cell = self._cell if is_cloaked else Cell('clean', 'clean')
    return scrape.fields | {
      'adversary': trainer.adversary or waiting_name(trainer.name, surrogate),
      **({'kind': trainer.kind} if trainer.kind else {}),
      **cell._asdict(),
      'network': trainer.name,
      'relation': extractors.relation(names, surrogate),
      'input_size': max(part.extractor.input_size for part in trainer.parts),
      'recognizer': self._kind,
      'normalize': self._normalizes(trainer),
      'top_k': rankings[0].labels.shape[-1],
      'num_splits': len(self._splits),
      'num_protected': len(self._protocol.protected),
      'num_gallery_people': self._num_gallery_people(),
      'weights': scrape.fields.get('weights', {}) | weights(trainers),
      **({} if None in trainers else {'training_seeds': [*trainers]}),
    }

  def _without_other_cloaks(self, counted):
    """Not counted in somebody's turn: other people who cloaked."""
    labels, protected = self._protocol.faces.labels, self._protocol.protected
    found = []
    for i, split in enumerate(self._splits):
      whose = labels[split.test]
      is_own = whose == np.asarray(protected)[:, None]
      kept = is_own | ~np.isin(whose, protected)
      found.append(kept if counted is None else kept & counted[i])
    return found

  def _normalizes(self, trainer):
    # Pixels are the control without any processing: they stay raw.
    is_pixels = trainer.parts[0].extractor.spec.name == extractors.PIXELS
    return bool(self._settings.get('normalize')) and not is_pixels

  def _num_gallery_people(self):
    number = len(np.unique(self._protocol.faces.labels))
    others = self._strangers()
    return number + (0 if others is None else len(np.unique(others.labels)))

  def _strangers(self):
    is_nearest = self._kind == 'nearest_neighbor'
    return self._protocol.strangers if is_nearest else None

  def _among_strangers(self, ranking, trainer, probes):
    if self._strangers() is None:
      return ranking
    if self._settings.get('k', 1) > 1:
      raise InputError('k: strangers are measured with 1 alone')
    near = gallery.stranger_distances(
      self._protocol,
      trainer,
      probes,
      self._normalizes(trainer),
      self._batch_size,
    )
    return counting.among_strangers(ranking, near)

  def _views(self, scrape, trainer):
    return showing.views(
      self._protocol,
      scrape,
      trainer,
      self._cell,
      self._splits,
      embedded=self._kind != 'end_to_end',
      batch_size=self._batch_size,
    )

  def _ranked(self, scrape, trainer) -> Ranked:
    if isinstance(trainer, Combination):
      pairs = zip(
        *(self._ranked(scrape, part).rankings for part in trainer.parts),
        strict=True,
      )
      return Ranked([trainer.combine(*pair) for pair in pairs], None, None)
    key = trainer, self._kind, len(self._splits), repr(self._settings)
    key = (*key, self._cell, self._protocol.strangers)
    return scrape.memory.recall(key, lambda: self._rank(scrape, trainer))

  def _rank(self, scrape, trainer) -> Ranked:
    protocol, settings = self._protocol, dict(self._settings)
    if self._kind == 'end_to_end':
      settings = self._end_to_end(trainer)
    elif 'normalize' in settings:
      settings['normalize'] = self._normalizes(trainer)
    labels = protocol.faces.labels
    if trainer.tracker is not None:
      return Ranked(self._followed(scrape, trainer, settings), None, None)
    ask = (
      *(labels, protocol.protected, settings),
      lambda ranking, probes: self._among_strangers(ranking, trainer, probes),
    )
    recognizer, rankings, counted, rows = RECOGNIZERS[self._kind], [], [], []
    for i, view in enumerate(self._views(scrape, trainer)):
      if trainer.detector is None:
        rankings += asking.ask(recognizer, view, *ask)
        continue
      kept = asking.ask_kept(
        recognizer,
        view,
        *ask,
        self._scores(scrape, trainer, i),
        trainer.threshold,
      )
      rankings += kept.rankings
      counted += kept.counted
      rows += kept.rows
    if trainer.detector is None:
      return Ranked(rankings, None, None)
    return Ranked(rankings, counted, counting.enrolment(labels, rows))

  def _followed(self, scrape, trainer, settings):
    protocol, strangers = self._protocol, None
    if self._strangers() is not None:
      strangers = lambda shown: gallery.stranger_distances(
        protocol, trainer, shown, self._normalizes(trainer), self._batch_size
      )
    return [
      ranking
      for view in self._views(scrape, trainer)
      for ranking in following.ask_followed(
        *(self._kind, view, protocol.faces.labels, protocol.protected),
        *(settings, trainer.tracker),
        is_scraped=self._cell.gallery == 'cloaked',
        strangers=strangers,
      )
    ]

  def _scores(self, scrape, trainer, index):
    """Person -> the detector's scores in that person's turn."""
    protocol, score = self._protocol, trainer.detector.score
    clean = protocol.memory.recall(
      (trainer.detector.digest, 'scores'), lambda: score(protocol.faces.images)
    )
    cloaked = clean.copy()
    if 'cloaked' in (self._cell.gallery, self._cell.others):
      images, splits = scrape.versions(protocol.splits)[index]
      rows = protocol.own_rows(splits).gallery
      cloaked[rows] = score(images[rows])
    own = cloaked if self._cell.gallery == 'cloaked' else clean
    others = cloaked if self._cell.others == 'cloaked' else clean
    return lambda person: np.where(protocol.faces.labels == person, own, others)

  def _end_to_end(self, trainer):
    settings = dict(self._settings)
    recipe = settings.pop('training', None)
    if recipe is None:
      raise InputError('training: missing; a recipe, or its fields')
    if not isinstance(recipe, Recipe):
      recipe = Recipe.from_config(recipe)
    public = trainer.public if settings.pop('public', False) else None
    start_head = settings.pop('start_head', 'random')
    key = 'fitter', trainer, repr(recipe), start_head, public is None
    # Its steps are compiled once for all scrapes.
    fitter = self._protocol.memory.recall(
      key,
      lambda: end_to_end.Fitter(
        trainer.extractor, recipe, public, start_head=start_head
      ),
    )
    return settings | {'fitter': fitter}
