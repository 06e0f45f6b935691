"""The trainers that a config names: who waits, learns, filters or combines."""

import functools
from collections.abc import Mapping, Sequence

import trained_surrogates
from config_fields import entries
from inputs import Inputs

from fr_poison import extractors, locks
from fr_poison.adversaries import combining
from fr_poison.data import squeeze
from fr_poison.evaluation import Combination, Retrained, Trainer, learning
from fr_poison.evaluation.trainer import members
from fr_poison.recognizers import tracking
from fr_poison.recognizers.end_to_end import Public

Answer = Trainer | Combination | Retrained


def make(
  adversaries: Mapping[str, dict],
  waiting: Sequence[str],
  recognizers: Mapping[str, dict],
  public: learning.PublicPeople,
  given: Trainer | None = None,
) -> list[Answer]:
  """Makes every trainer of a config; trains the networks that are missing.

  Args:
    adversaries: settings by label, see configs/adaptive.py.
    waiting: names of the networks of those who only wait.
    recognizers: settings by label; end_to_end may learn from public people.
    public: the trainers' material, and all networks.
    given: a trainer whose network takes the place of one that would be
      trained, or who comes after those.
  """
  found = []
  if entries(adversaries, ('oblivious',)):
    found += [Trainer(public.networks[name], network=name) for name in waiting]
  found += _learning(adversaries, recognizers, public, given)
  public = public.with_networks(networks_of(found))
  for who in _filtering, _following, _purifying:
    found += who(adversaries, public)
  return found + [
    combination
    for entry in entries(adversaries, ('top2', 'threshold'))
    for combination in _combine(*entry, found, recognizers, public)
  ]


def answer(
  found: Inputs, given: Trainer | None = None
) -> tuple[Inputs, list[Answer]]:
  """Makes a run's trainers; the networks that they trained join its own.

  Args:
    found: people, networks and settings.
    given: see `make`.
  """
  settings = found.settings
  fields = settings.adversaries, settings.networks, settings.recognizers
  answers = make(*fields, found.public, given)
  networks = found.networks | networks_of(answers)
  return found._replace(networks=networks), answers


def networks_of(answers: Sequence[Answer]) -> dict[str, extractors.Extractor]:
  """Returns the networks of those who trained one, as surrogates call them."""
  found = {}
  for answer in answers:
    own = members(answer)
    one = next(iter(own.values()))
    if isinstance(one, Trainer) and one.kind in learning.TRAINED:
      networks = {seed: trainer.extractor for seed, trainer in own.items()}
      found |= trained_surrogates.of(one.name, one.adversary, networks)
  return found


def _learning(adversaries, recognizers, public, given):
  """Who trains a network, each with the networks of those before."""
  found = []
  place = _place(given, adversaries) if given else None
  end_to_end = entries(recognizers, ('end_to_end',))
  learns_more = any(chosen.get('public') for _, _, chosen in end_to_end)
  trainings = trained_surrogates.in_order(adversaries, public.surrogates)
  for label, kind, chosen in trainings:
    public = public.with_networks(networks_of(found))
    more = Public(*public.training_set(chosen)) if learns_more else None
    for name in chosen['networks']:
      if given and (place, given.name) == (label, name):
        trained, given = {None: given.extractor}, None
      else:
        train = lambda *given, kind=kind: learning.train(kind, *given)[0]
        trained = _train(train, chosen, name, public)
      own = {
        seed: Trainer(network, label, name, public=more, kind=kind)
        for seed, network in trained.items()
      }
      found.append(Retrained(own))
  return found + ([given] if given else [])


def _place(given, adversaries):
  """The entry whose network is given: the one of its kind, or so called."""
  labels = [
    label
    for label, kind, chosen in entries(adversaries, (given.adversary,))
    if given.name in chosen['networks']
  ]
  if given.adversary in labels:
    return given.adversary
  return labels[0] if len(labels) == 1 else None


def _train(train, chosen, name, public):
  """What `train` makes of (settings, network, public), by training seed."""
  # Another run of a study may be at the same training.
  with locks.turn_together(public.folder / 'trained'):
    return {
      seed: train(settings, public.networks[name], public)
      for seed, settings in learning.retrainings(chosen).items()
    }


def _filtering(adversaries, public):
  """Who puts every picture through filters first."""
  for label, kind, chosen in entries(adversaries, ('squeezing',)):
    for filter_name, filters in chosen['filters'].items():
      squeezer, title = squeeze.chain(filters), f'{label} {filter_name}'
      for name in chosen['networks']:
        network = public.networks[name]
        yield Trainer(network, title, name, squeezer, kind=kind)


def _following(adversaries, public):
  """Who follows people from one clean picture of each."""
  for label, kind, chosen in entries(adversaries, ('dyntracker',)):
    for name in chosen['networks']:
      network = public.networks[name]
      tracker = _tracker(chosen, network, public)
      yield Trainer(network, label, name, tracker=tracker, kind=kind)


def _purifying(adversaries, public):
  """Who trains a network that takes cloaks off."""
  for label, kind, chosen in entries(adversaries, ('puface',)):
    for name in chosen['networks']:
      purifiers = _train(learning.train_purifier, chosen, name, public)
      network = public.networks[name]
      own = {
        seed: Trainer(network, label, name, purify, kind=kind)
        for seed, purify in purifiers.items()
      }
      yield Retrained(own)


def _tracker(chosen, network, public):
  """The oracle, or by the distance that public people set."""
  if chosen['oracle']:
    return tracking.Tracker()
  shown = extractors.embed(network, public.faces.images, public.batch_size)
  labels, rate = public.faces.labels, chosen['false_rate']
  return tracking.Tracker(tracking.calibrate(shown, labels, false_rate=rate))


def _combine(label, kind, chosen, trainers, recognizers, public):
  """The network that is best on clean pictures with each robust one."""
  (accurate,) = (
    t for t in trainers if not t.adversary and t.name == chosen['accurate']
  )
  rules = [(combining.top2, tuple(recognizers))]
  if kind == 'threshold':
    rules = [*_thresholds(accurate, chosen['quantile'], recognizers, public)]
  return [
    Retrained(
      {
        seed: Combination(accurate, one, combine, label, able, kind)
        for seed, one in members(robust).items()
      }
    )
    for robust in trainers
    if robust.adversary == chosen['robust']
    for combine, able in rules
  ]


def _thresholds(accurate, quantile, recognizers, public):
  """Rules, and with which recipe of a recognizer each makes sense.

  A distance is the nearest neighbour's, and of one size as that measures it;
  others have none.
  """
  embeddings = extractors.embed(
    accurate.extractor, public.faces.images, public.batch_size
  )
  for label, _, settings in entries(recognizers, ('nearest_neighbor',)):
    minimum = combining.calibrate(
      embeddings,
      public.faces.labels,
      normalize=settings.get('normalize', False),
      quantile=quantile,
    )
    rule = functools.partial(combining.threshold, minimum_score=minimum)
    yield rule, (label,)
