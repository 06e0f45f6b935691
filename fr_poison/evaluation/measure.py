"""The protection rate: the trained recognizer's error on probes."""

import dataclasses
import time
from collections.abc import Collection

import numpy as np
from jaxtyping import Float

from fr_poison import checks, extractors, metrics
from fr_poison.evaluation import control, counting, views
from fr_poison.evaluation import scrape as scrapes
from fr_poison.evaluation.judge import RECOGNIZERS, Judge
from fr_poison.evaluation.protocol import Protocol
from fr_poison.evaluation.result import Result
from fr_poison.evaluation.scrape import Scrape
from fr_poison.evaluation.trainer import (
  Combination,
  Retrained,
  Trainer,
  members,
)
from fr_poison.evaluation.views import Cell
from fr_poison.types import Array, InputError, UInt8Images


def measure(
  protocol: Protocol,
  cloaks: Scrape | UInt8Images,
  trainer: Trainer | Combination | Retrained,
  recognizer: str = 'nearest_neighbor',
  *,
  num_splits: int | None = None,
  num_seeds: int | None = None,
  noise_control: bool = True,
  controls: Collection[str] = control.CONTROLS,
  strangers: Float[Array, ' N'] | None = None,
  gallery: str = 'cloaked',
  probe: str = 'clean',
  others: str = 'clean',
  retrieval: bool = False,
  batch_size: int = 20,
  **settings,
) -> Result:
  """Measures what is left of the protection once the trainer has moved.

  Once per protected person and split the recognizer is fitted to that person's
  cloaked and everybody else's clean gallery pictures, and asked about clean
  probes. Who else is cloaked, or is not, `gallery`, `probe` and `others` say
  (`views.CELLS`).

  Args:
    protocol: people, pictures and splits.
    cloaks: a scrape, or pictures as `scrape.cloaked` takes them.
    trainer: their network, for pictures of the protocol's alignment
      (`extractors.on_frame`), filter and detector.
    recognizer: one of `RECOGNIZERS`.
    num_splits: take the first so many of the protocol's.
    num_seeds: take the first so many networks of a `Retrained` trainer.
    noise_control: measure noise like the cloaks as well, if these are cloaks.
    strangers: distance of every clean picture to the nearest stranger in
      the gallery, instead of the protocol's strangers; a probe that is nearer
      to a stranger is not recognized.
    gallery: 'cloaked' or 'clean', what the protected person has there.
    probe: likewise, of the protected person; everybody else's are clean.
    others: likewise, what other protected people have in that gallery; where
      it is 'cloaked', the accuracy is that of people who are not protected.
    retrieval: also search the gallery, see `retrieval`; for nearest_neighbor.
    batch_size: pictures embedded at a time on an accelerator.
    **settings: the recognizer's: `normalize`, `k`, `C`, `top_k`, ..., and
      `training` (a recipe or its fields) for end_to_end.

  Raises:
    InputError: an unknown recognizer or setting, or one out of range; a network
      that is not shown its part of such pictures; probes that were not cloaked.
  """
  start = time.monotonic()
  trainers = dict([*members(trainer).items()][:num_seeds])
  _check(protocol, trainers, recognizer, retrieval)
  cell = Cell(gallery, probe, others)
  if not isinstance(cloaks, Scrape):
    cloaks = scrapes.cloaked(protocol, cloaks)
  views.check_cell(protocol, cloaks, cell)
  if strangers is not None:
    if probe == 'cloaked':
      raise InputError('strangers: of clean probes; these are cloaked')
    protocol = dataclasses.replace(protocol, strangers=None)
  judge = Judge(protocol, recognizer, settings, cell, num_splits, batch_size)
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
    _recall(judge, cloaks, trainers) if retrieval else None,
  )


def _check(protocol, trainers, recognizer, retrieval):
  networks = [p.extractor for one in trainers.values() for p in one.parts]
  extractors.check_on_frame(networks, protocol.faces.alignment)
  checks.known('recognizer', recognizer, RECOGNIZERS)
  if retrieval and recognizer != 'nearest_neighbor':
    raise InputError(f'retrieval: {recognizer} gives no order of pictures')


def _recall(judge, cloaks, trainers):
  found = [judge.recalls(cloaks, one) for one in trainers.values()]
  if None in found:
    return None
  return _rate(np.stack([one.shares for one in found]), found[0].people)


def _rate(errors, people) -> metrics.Rate | None:
  return metrics.rate(errors, people) if len(people) else None
