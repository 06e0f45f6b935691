"""Trainers behind a detector, who drop what it flags, or clean everything."""

from collections.abc import Iterator

from detection_scene import Scene
from detector_settings import FILTERS
from detector_training import Workshop

from fr_poison import evaluation
from fr_poison.evaluation import scrape


def run_pipeline(
  scene: Scene, workshop: Workshop, filters: dict, shared: dict
) -> list[dict]:
  """Measures 1-NN on what is left of every attack, a record a trainer.

  Args:
    scene: people and pictures.
    workshop: makes the purifiers.
    filters: detector and threshold by the label in the config.
    shared: the fields that all records have in common.
  """
  settings = scene.settings.pipeline
  protocol = evaluation.Protocol.draw(
    scene.tested,
    num_protected=settings['num_protected'],
    num_splits=settings['num_splits'],
    seed=scene.settings.seed,
  )
  trainers, records = list(_trainers(scene, workshop, filters)), []
  for attack, (epsilon, images) in scene.cloaks().items():
    cloaks = scrape.cloaked(
      protocol,
      images,
      attack=attack,
      epsilon=epsilon,
      surrogate=shared['surrogate'],
    )
    for trainer in trainers:
      result = evaluation.measure(
        protocol,
        cloaks,
        trainer,
        normalize=True,
        noise_control=False,
        batch_size=scene.settings.batch_size,
      )
      records.append(shared | _record(result, len(protocol.protected)))
  return records


def _trainers(scene, workshop, filters) -> Iterator[evaluation.Trainer]:
  settings = scene.settings.pipeline
  network = scene.networks[settings['network']]
  yield evaluation.Trainer(network)
  for name in settings['purifiers']:
    yield evaluation.Trainer(
      network,
      f'purifying: {name}',
      filter=_purifier(name, scene, workshop),
      filter_probes=settings['purify_probes'],
    )
  for label in settings['filters']:
    detector, cut = filters[label]
    yield evaluation.Trainer(
      network, f'detecting: {label}', detector=detector, threshold=cut
    )


def _purifier(name, scene, workshop):
  if name in FILTERS:
    return FILTERS[name]
  settings = scene.settings
  return workshop.purifier(settings.detectors[name], settings.train_sets[0])


def _record(result, num_people):
  """Of the enrolled, and the share of those who are not."""
  names = ('attack', 'epsilon', 'adversary', 'network', 'recognizer')
  record = {name: result.fields[name] for name in (*names, 'num_splits')}
  for field in ('protection', 'error', 'not_enrolled', 'others_not_enrolled'):
    rate = getattr(result, field)
    record[f'{field}_rate'] = rate and rate.value
    record[f'{field}_ci'] = rate and [rate.low, rate.high]
  return record | {'num_people': num_people}
