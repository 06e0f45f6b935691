"""The trainer behind a detector: they drop what it flags, or clean it."""

import numpy as np
from detection_scene import Scene
from detector_settings import FILTERS
from detector_training import Workshop

from fr_poison import metrics
from fr_poison.adversaries import detecting, oblivious, purifying
from fr_poison.data.splits import split_per_person
from fr_poison.recognizers import nearest_neighbor


def run_pipeline(
  scene: Scene, workshop: Workshop, filters: dict, shared: dict
) -> list[dict]:
  """Protection and accuracy of 1-NN on what is left, a record a trainer.

  Args:
    scene: people and pictures.
    workshop: makes the purifiers.
    filters: detector and threshold by the label in the config.
    shared: the fields that all records have in common.
  """
  settings, labels = scene.settings.pipeline, scene.tested.labels
  rng = np.random.default_rng(scene.settings.seed)
  protected = sorted(
    rng.choice(np.unique(labels), settings['num_protected'], replace=False)
  )
  splits = [
    split_per_person(labels, seed=scene.settings.seed * 10_000 + i)
    for i in range(settings['num_splits'])
  ]
  embed = lambda images: scene.embed(settings['network'], images)
  clean = scene.tested.images
  purifiers = {'nothing': purifying.nothing} | {
    name: _purifier(name, scene, workshop) for name in settings['purifiers']
  }
  records = []
  for attack, (epsilon, cloaked) in scene.cloaks().items():
    fields = shared | {
      'attack': attack,
      'epsilon': epsilon,
      'network': settings['network'],
      'recognizer': 'nearest_neighbor',
      'num_people': len(protected),
      'num_splits': len(splits),
    }
    for name, purify in purifiers.items():
      purified, others = (
        embed(purifying.apply(purify, images)) for images in (clean, cloaked)
      )
      rankings = purifying.rank_protected(
        nearest_neighbor,
        purified,
        others,
        purified if settings['purify_probes'] else embed(clean),
        labels,
        protected,
        splits,
        normalize=True,
      )
      errors = oblivious.errors(rankings, labels, protected, splits)
      adversary = f'purifying: {name}'
      if name == 'nothing':
        adversary = oblivious.name(settings['network'], shared['surrogate'])
      records.append(fields | {'adversary': adversary} | _rates(errors))
    embeddings = embed(clean), embed(cloaked)
    for label in settings['filters']:
      detector, cut = filters[label]
      scores = detector.score(clean), detector.score(cloaked)
      pictures = detecting.Scored(*embeddings, *scores, labels)
      errors = detecting.evaluate(
        nearest_neighbor, pictures, cut, protected, splits, normalize=True
      )
      records.append(
        fields | {'adversary': f'detecting: {label}'} | _rates(errors)
      )
  return records


def _purifier(name, scene, workshop):
  if name in FILTERS:
    return FILTERS[name]
  settings = scene.settings
  return workshop.purifier(settings.detectors[name], settings.train_sets[0])


def _rates(errors):
  """Of the enrolled, and the share of those who are not."""
  nobody = np.zeros(0)
  return {
    **_rate('protection', errors.protected, errors.protected_people),
    **_rate('error', errors.others, errors.others_people),
    **_rate(
      'not_enrolled',
      getattr(errors, 'not_enrolled', nobody),
      getattr(errors, 'not_enrolled_people', nobody),
    ),
    **_rate(
      'others_not_enrolled',
      getattr(errors, 'others_not_enrolled', nobody),
      getattr(errors, 'others_not_enrolled_people', nobody),
    ),
  }


def _rate(name, errors, people):
  """Rate and interval; None where there is nothing to take a share of."""
  if not len(errors):
    return {f'{name}_rate': None, f'{name}_ci': None}
  rate = metrics.rate(errors, people)
  return {f'{name}_rate': rate.value, f'{name}_ci': [rate.low, rate.high]}
