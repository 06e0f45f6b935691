"""The trainers that a config names: who waits, learns, filters or combines."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

from fr_poison import extractors, locks
from fr_poison.adversaries import combining
from fr_poison.data import squeeze
from fr_poison.evaluation import Combination, Trainer, learning
from fr_poison.recognizers.end_to_end import Public


def make(
  adversaries: Mapping[str, dict],
  waiting: Sequence[str],
  recognizers: Mapping[str, dict],
  public: learning.PublicPeople,
  given: Trainer | None = None,
) -> list[Trainer | Combination]:
  """Makes every trainer of a config; trains the networks that are missing.

  Args:
    adversaries: settings by kind, see configs/adaptive.py.
    waiting: names of the networks of those who only wait.
    recognizers: settings by kind; end_to_end may learn from public people.
    public: the trainers' material, and all networks.
    given: a trainer whose network takes the place of one that would be
      trained, or who comes after those.
  """
  found, networks = [], public.networks
  learns_more = recognizers.get('end_to_end', {}).get('public')
  if 'oblivious' in adversaries:
    found += [Trainer(networks[name], network=name) for name in waiting]
  for kind in learning.TRAINED:
    chosen = adversaries.get(kind, {})
    for name in chosen.get('networks', ()):
      if given and (given.adversary, given.name) == (kind, name):
        trainer, given = given, None
      else:
        # Another run of a study may be at the same training.
        with locks.turn(public.folder / 'trained'):
          trained, _ = learning.train(kind, chosen, networks[name], public)
        trainer = Trainer(trained, kind, name)
      if learns_more:
        more = Public(*public.training_set(chosen))
        trainer = dataclasses.replace(trainer, public=more)
      found.append(trainer)
  found += [given] if given else []
  chosen = adversaries.get('squeezing', {})
  for label, filters in chosen.get('filters', {}).items():
    squeezer = squeeze.chain(filters)
    found += [
      Trainer(networks[name], f'squeezing {label}', name, squeezer)
      for name in chosen['networks']
    ]
  return found + [
    combination
    for kind in ('top2', 'threshold')
    if kind in adversaries
    for combination in _combine(
      kind, adversaries[kind], found, recognizers, public
    )
  ]


def _combine(kind, chosen, trainers, recognizers, public):
  """The network that is best on clean pictures with each robust one."""
  (accurate,) = (
    t for t in trainers if not t.adversary and t.name == chosen['accurate']
  )
  combine, able = combining.top2, tuple(recognizers)
  if kind == 'threshold':
    # A distance is the nearest neighbour's; others have none.
    able = ('nearest_neighbor',)
    minimum = combining.calibrate(
      extractors.embed(
        accurate.extractor, public.faces.images, public.batch_size
      ),
      public.faces.labels,
      normalize=recognizers['nearest_neighbor'].get('normalize', False),
      quantile=chosen['quantile'],
    )
    combine = functools.partial(combining.threshold, minimum_score=minimum)
  return [
    Combination(accurate, robust, combine, kind, able)
    for robust in trainers
    if robust.adversary == chosen['robust']
  ]
