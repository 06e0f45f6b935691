"""The protection rate: the trained recognizer's error on clean probes."""

import dataclasses
import time
from collections.abc import Collection, Mapping
from types import ModuleType
from typing import NamedTuple

import numpy as np

from fr_poison import extractors, metrics
from fr_poison.adversaries import detecting, purifying
from fr_poison.data.splits import Split
from fr_poison.evaluation import control, counting, gallery
from fr_poison.evaluation import scrape as scrapes
from fr_poison.evaluation.counting import Errors
from fr_poison.evaluation.protocol import Protocol
from fr_poison.evaluation.result import Result
from fr_poison.evaluation.scrape import Scrape
from fr_poison.evaluation.trainer import (
  Combination,
  Retrained,
  Trainer,
  members,
  waiting_name,
  weights,
)
from fr_poison.recognizers import end_to_end, linear, nearest_neighbor
from fr_poison.recognizers.ranking import Ranking
from fr_poison.training import Recipe
from fr_poison.types import Array, InputError

RECOGNIZERS: Mapping[str, ModuleType] = {
  'nearest_neighbor': nearest_neighbor,
  'linear': linear,
  'end_to_end': end_to_end,
}


class _Ranked(NamedTuple):
  """Every split's rankings, and what a detector dropped before."""

  rankings: list[Ranking]  # [P, T, k] each
  counted: list[np.ndarray] | None  # [P, T] bool, whose person is enrolled
  enrolment: Errors | None  # shares of splits that left a person nothing


def measure(
  protocol: Protocol,
  cloaks: Scrape | np.ndarray,
  trainer: Trainer | Combination | Retrained,
  recognizer: str = 'nearest_neighbor',
  *,
  num_splits: int | None = None,
  num_seeds: int | None = None,
  noise_control: bool = True,
  controls: Collection[str] = control.CONTROLS,
  strangers: Array | None = None,
  batch_size: int = 20,
  **settings,
) -> Result:
  """Measures what is left of the protection once the trainer has moved.

  Once per protected person and split the recognizer is fitted to that person's
  cloaked and everybody else's clean gallery pictures, and asked about clean
  probes.

  Args:
    protocol: people, pictures and splits.
    cloaks: a scrape, or pictures as `scrape.cloaked` takes them.
    trainer: their network, for pictures of the protocol's alignment
      (`extractors.on_frame`), filter and detector.
    recognizer: one of `RECOGNIZERS`.
    num_splits: take the first so many of the protocol's.
    num_seeds: take the first so many networks of a `Retrained` trainer.
    noise_control: measure noise like the cloaks as well, if these are cloaks.
    strangers: [N] distance of every clean picture to the nearest stranger in
      the gallery, instead of the protocol's strangers; a probe that is nearer
      to a stranger is not recognized.
    batch_size: pictures embedded at a time on an accelerator.
    **settings: the recognizer's: `normalize`, `k`, `C`, `top_k`, ..., and
      `training` (a recipe or its fields) for end_to_end.

  Raises:
    InputError: an unknown recognizer or setting, or one out of range; a network
      that is not shown its part of such pictures.
  """
  start = time.monotonic()
  trainers = dict([*members(trainer).items()][:num_seeds])
  networks = [p.extractor for one in trainers.values() for p in one.parts]
  extractors.check_on_frame(networks, protocol.faces.alignment)
  if recognizer not in RECOGNIZERS:
    known = ', '.join(RECOGNIZERS)
    raise InputError(f'recognizer: {recognizer!r} is unknown; known: {known}')
  if not isinstance(cloaks, Scrape):
    cloaks = scrapes.cloaked(protocol, cloaks)
  if strangers is not None:
    protocol = dataclasses.replace(protocol, strangers=None)
  judge = _Judge(protocol, recognizer, num_splits, batch_size, settings)
  ask = lambda scrape: [
    judge.errors(scrape, one, strangers) for one in trainers.values()
  ]
  found, names = ask(cloaks), controls if noise_control else ()
  errors = counting.over_seeds(errors for errors, _ in found)
  beside = {
    name: made and _rate(*counting.over_seeds(e for e, _ in ask(made))[:2])
    for name, made in control.controls(protocol, cloaks, names).items()
  }
  protection, ranked = _rate(*errors[:2]), found[0][1]
  gone = ranked.enrolment  # the same of each
  fields = judge.fields(cloaks, trainers, ranked.rankings)
  if None not in trainers:
    fields['training_seeds'] = [*trainers]
  if len(found) > 1 and protection:
    fields['over_seeds'] = errors.protected.mean(1).tolist()
  fields['num_test_images'] = protection.count if protection else 0
  fields['wall_seconds'] = (
    cloaks.fields.get('wall_seconds', 0.0) + time.monotonic() - start
  )
  return Result(
    protection,
    _rate(*errors[2:]),
    beside,
    gone and _rate(*gone[:2]),
    gone and _rate(*gone[2:]),
    metrics.per_person(errors.protected.mean(0), errors.protected_people),
    fields,
  )


class _Judge:
  """One recognizer with its settings, for any scrape and trainer."""

  def __init__(self, protocol, recognizer, num_splits, batch_size, settings):
    self._protocol, self._kind = protocol, recognizer
    self._splits = protocol.splits[:num_splits]
    self._batch_size, self._settings = batch_size, settings

  def errors(self, scrape, trainer, strangers) -> tuple[Errors, _Ranked]:
    """Errors, and the rankings that they were counted in."""
    ranked = self._ranked(scrape, trainer)
    if strangers is not None:
      behind = [
        counting.among_strangers(ranking, strangers[split.test])
        for ranking, split in zip(ranked.rankings, self._splits, strict=True)
      ]
      ranked = ranked._replace(rankings=behind)
    protocol = self._protocol
    errors = counting.count_errors(
      ranked.rankings,
      protocol.faces.labels,
      protocol.protected,
      self._splits,
      ranked.counted,
    )
    return errors, ranked

  def fields(self, scrape, trainers, rankings) -> dict:
    """What a record says of the scrape, the trainer and the recognizer."""
    surrogate = scrape.fields['surrogate']
    trainer = next(iter(trainers.values()))
    names = [part.extractor.spec.name for part in trainer.parts]
    return scrape.fields | {
      'adversary': trainer.adversary or waiting_name(trainer.name, surrogate),
      **({'kind': trainer.kind} if trainer.kind else {}),
      'network': trainer.name,
      'relation': extractors.relation(names, surrogate),
      'input_size': max(part.extractor.input_size for part in trainer.parts),
      'recognizer': self._kind,
      'normalize': self._normalizes(trainer),
      'top_k': rankings[0].labels.shape[-1],
      'num_splits': len(self._splits),
      'num_gallery_people': self._num_gallery_people(),
      'weights': scrape.fields.get('weights', {}) | weights(trainers),
    }

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

  def _ranked(self, scrape, trainer) -> _Ranked:
    if isinstance(trainer, Combination):
      pairs = zip(
        *(self._ranked(scrape, part).rankings for part in trainer.parts),
        strict=True,
      )
      return _Ranked([trainer.combine(*pair) for pair in pairs], None, None)
    key = trainer, self._kind, len(self._splits), repr(self._settings)
    key = (*key, self._protocol.strangers)
    return scrape.memory.recall(key, lambda: self._rank(scrape, trainer))

  def _rank(self, scrape, trainer) -> _Ranked:
    protocol = self._protocol
    if self._kind == 'end_to_end':
      settings = self._end_to_end(trainer)
      views = [
        purifying.apply(trainer.filter, images)
        for images in (protocol.faces.images, scrape.images)
      ]
    else:
      settings = dict(self._settings)
      if 'normalize' in settings:
        settings['normalize'] = self._normalizes(trainer)
      clean = self._clean(trainer, trainer.filter)
      views = [clean, self._scraped(scrape, trainer, clean)]
    probes = views[0]
    if not trainer.filter_probes:
      probes = self._clean(trainer, purifying.nothing)
    if trainer.detector is not None:
      return self._rank_kept(scrape, trainer, *views, probes, settings)
    rankings = _rank_protected(
      RECOGNIZERS[self._kind],
      *(*views, probes, protocol.faces.labels, protocol.protected),
      self._splits,
      settings,
    )
    rankings = [
      self._among_strangers(ranking, trainer, probes[split.test])
      for ranking, split in zip(rankings, self._splits, strict=True)
    ]
    return _Ranked(rankings, None, None)

  def _clean(self, trainer, filter_):
    return gallery.clean_embeddings(
      self._protocol, trainer, filter_, batch_size=self._batch_size
    )

  def _scraped(self, scrape, trainer, clean):
    rows, result = self._protocol.to_cloak, clean.copy()
    images = purifying.apply(trainer.filter, scrape.images[rows])
    result[rows] = gallery.embed(
      self._protocol, trainer, images, self._batch_size
    )
    return result

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

  def _rank_kept(self, scrape, trainer, clean, scraped, probes, settings):
    """Ranks with galleries from which the detector's finds are dropped."""
    protocol, settings = self._protocol, dict(settings)
    labels, top_k = protocol.faces.labels, settings.pop('top_k', 1)
    score = trainer.detector.score
    clean_scores = protocol.memory.recall(
      (trainer.detector.digest, 'scores'), lambda: score(protocol.faces.images)
    )
    scores = clean_scores.copy()
    scores[protocol.to_cloak] = score(scrape.images[protocol.to_cloak])
    rankings, counted, kept_rows = [], [], []
    for split in self._splits:
      found, enrolled = [], []
      for person in protocol.protected:
        own = labels == person
        kept, _ = detecting.filter_scrape(
          np.where(own, scores, clean_scores),
          trainer.threshold,
          labels,
          split.train,
        )
        known = np.where(own[:, None], scraped, clean)[kept], labels[kept]
        found.append(
          _named(
            RECOGNIZERS[self._kind],
            known,
            probes[split.test],
            top_k,
            settings,
          )
        )
        enrolled.append(np.isin(labels[split.test], labels[kept]))
        kept_rows.append((split, person, kept))
      ranking = Ranking(*map(np.stack, zip(*found, strict=True)))
      asked = probes[split.test]
      rankings.append(self._among_strangers(ranking, trainer, asked))
      counted.append(np.stack(enrolled))
    return _Ranked(rankings, counted, counting.enrolment(labels, kept_rows))


def _rank_protected(
  recognizer, clean, scraped, probes, labels, protected, splits, settings
):
  if probes is clean:
    return recognizer.rank_protected(
      clean, scraped, labels, protected, splits, **settings
    )
  # Probes that went another way stand behind all gallery pictures.
  return recognizer.rank_protected(
    np.concatenate([clean, probes]),
    np.concatenate([scraped, probes]),
    np.tile(labels, 2),
    protected,
    [Split(split.train, split.test + len(labels)) for split in splits],
    **settings,
  )


def _named(recognizer, gallery, probes, top_k, settings) -> Ranking:
  """A ranking [T, top_k] by a gallery of any size; padded with nobody."""
  people = np.unique(gallery[1])
  shape = len(probes), top_k
  named = np.full(shape, counting.NOBODY), np.full(shape, -np.inf)
  if len(people) == 1:
    named[0][:, 0] = people[0]
  elif len(people) and len(probes):
    depth = min(top_k, len(people))
    model = recognizer.fit(*gallery, **settings)
    for whole, part in zip(
      named, recognizer.rank(model, probes, depth), strict=True
    ):
      whole[:, :depth] = part
  return Ranking(*named)


def _rate(errors, people) -> metrics.Rate | None:
  return metrics.rate(errors, people) if len(people) else None
