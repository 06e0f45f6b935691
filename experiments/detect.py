r"""How well cloaks can be seen, and what a trainer makes of that.

  python experiments/detect.py --config=experiments/configs/detect.py

Detectors learn from public people's pictures, clean and cloaked by public
tools. Each of these people's clean ones are scored by a detector that the
others taught, which gives the threshold. They are judged on people and attacks
that they never saw, also after JPEG and at half size, and on clean pictures
that only look as if something were wrong with them. Then a trainer drops
what a detector flags, or cleans what was scraped, and the protection that is
left is measured. Writes detection.jsonl and detection.md, trainers.jsonl and
trainers.md, thresholds, trained detectors and cloaks into --workdir. Pictures
of another data set than ORL are in --data_dir.
"""

import json
import pathlib
import time

import cli
import detect_cloaks
import distractors
import numpy as np
import run_clock
import run_flags
from detect_settings import FILTERS, Settings, threshold_name
from progress import Progress, say

from fr_poison import (
  detectors,
  evaluation,
  files,
  locks,
  processes,
  strict_json,
)
from fr_poison.evaluation import detection, scrape
from fr_poison.evaluation.protocol import Memory
from fr_poison.report import record_file, tables
from fr_poison.text import show


def run(
  config: dict,
  workdir: pathlib.Path,
  data_dir: str | None,
  *,
  cloaks: pathlib.Path | None = None,
) -> list[dict]:
  """Runs the experiment and writes its files; returns all records.

  Args:
    config: see configs/detect.py.
    workdir: gets the files.
    data_dir: the data set's own folders, or None.
    cloaks: another run's --workdir, whose cloaks are taken and added to.
  """
  folder = cloaks or workdir
  seconds = run_clock.start(workdir, folder)
  # Everything that can be wrong is found before anything is written.
  settings = Settings.from_config(config)
  material = detect_cloaks.load(settings, data_dir, folder)
  with locks.held(workdir):
    shared = record_file.environment() | {
      'config_hash': record_file.config_hash(config),
      'seed': settings.seed,
      'num_public': settings.num_public,
      'num_targets': settings.num_targets,
      'surrogate': settings.members,
    }
    shared |= material.fields
    found, results = _run(material, shared, workdir)
    found[0]['run_seconds'] = seconds()
    processes.on_first(lambda: _write(workdir, found, results))
  return found + results


def _run(material, shared, workdir):
  """Returns the records of detectors, and those of trainers behind them."""
  settings, public = material.settings, material.public
  cloaked = {
    name: material.cloak('public_cloaks', public, name, chosen)
    for name, chosen in settings.attacks.items()
  }

  def fit(label, attacks):
    recipe, network = settings.recipes[label], None
    if isinstance(recipe, detectors.OnNetwork):
      network = material.networks[recipe.features]
    return detectors.cross_fit(
      recipe,
      public.images,
      *(cloaked[name] for name in attacks),
      users=public.labels,
      num_folds=settings.folds(label),
      every=settings.every(label),
      extractor=network,
      folder=workdir / 'detectors',
    )

  # Every attack on the people who are tested, and one that evades a detector.
  known = [material.version(*item) for item in settings.attacks.items()]
  others = [material.version(*item) for item in settings.unseen_attacks.items()]
  evading = []
  if settings.evasion:
    chosen = dict(settings.evasion)
    evaded = fit(chosen.pop('detector'), settings.train_sets[0]).detector
    evading = [material.version('evading_pgd', chosen, evaded.network)]
  versions = detect_cloaks.Versions(
    known + others + evading,
    [*material.changed(known)],
    material.innocent(known),
  )

  # How well detectors find them, and what is left of the protection then.
  found, filters = _detection(material, fit, versions, shared, workdir)
  return found, _protection(material, known + evading, filters, shared)


def _write(workdir, found, results):
  record_file.write(workdir / 'detection.jsonl', found)
  record_file.write_text(workdir / 'detection.md', tables.detection(found))
  record_file.write(workdir / 'trainers.jsonl', results)
  record_file.write_text(workdir / 'trainers.md', tables.trainers(results))


def _detection(material, fit, versions, shared, workdir):
  """Trains each detector on each set of attacks, and judges it on versions.

  Returns the records, and by label a detector of all tools and its threshold.
  """
  settings, memory, found, filters = material.settings, Memory(), [], {}
  progress = Progress(len(settings.trainings), 'detector')
  for label, attacks in settings.trainings:
    start, name = time.monotonic(), '+'.join(attacks)
    progress.update(f'{label}, on {name}')
    fitted = fit(label, attacks)
    cut, whose = _threshold(
      *(material, fitted, workdir), threshold_name(label, attacks)
    )
    learns = settings.recipes[label].learns_from_cloaks
    fields = (
      shared
      | whose
      | {
        'label': label,
        'train_attack': name if learns else 'none',
        'train_seconds': time.monotonic() - start,
      }
    )
    given, judged = (fitted.detector, cut, memory), versions.plain
    if label not in filters:  # The set of all tools comes first.
      filters[label] = fitted.detector, cut
      fields |= _of_innocent(versions, *given, settings.every(label))
      judged = judged + versions.changed * settings.is_changed(label)
    for version in judged:
      found.append(fields | _of(version, *given, settings.every(label)))
    say(f'{label}, trained on {name}: done')
  progress.close()
  return found, filters


def _of(version, detector, cut, memory, every):
  """The fields of a version of which every so many-th picture is judged."""
  pictures = version.clean, version.cloaked, version.users
  few = [x[::every] for x in pictures]
  return {
    'test_attack': version.attack,
    'epsilon': version.epsilon,
    'jpeg': version.jpeg,
    'processing': version.processing,
    **detection.measure(detector, cut, *few, memory),
  }


def _of_innocent(versions, detector, cut, memory, every):
  """How many clean pictures are flagged, which all versions share."""
  few = {name: x[::every] for name, x in versions.innocent.items()}
  users = versions.plain[0].users[::every]
  return detection.false_positives(detector, cut, few, users, memory)


def _threshold(material, fitted, workdir, name):
  """Chooses a detector's threshold, writes it; returns it and whose it is."""
  rate, detector = material.settings.false_positive_rate, fitted.detector
  cut, folds = fitted.threshold(rate), fitted.thresholds(rate)
  number = len(np.unique(material.public.labels))
  whose = {
    'threshold_from': f'{number} people, {len(folds)} folds',
    'threshold_folds': folds,
  }
  content = {
    'detector': detector.name,
    'features': detector.features,
    'digest': detector.digest,
    'threshold': cut,
    **whose,
    'false_positive_rate': rate,
    'num_clean': len(fitted.scores),
  }
  text = json.dumps(strict_json.sealed(content), indent=2) + '\n'
  path = workdir / 'thresholds' / name
  processes.on_first(lambda: record_file.write_text(path, text))
  return cut, whose


def _protection(material, versions, filters, shared):
  """Measures 1-NN on what is left of each attack; a record a trainer."""
  settings, pipeline = material.settings, material.settings.pipeline
  people = evaluation.Protocol.draw(
    material.tested,
    num_protected=pipeline['num_protected'],
    num_splits=pipeline['num_splits'],
    strangers=material.strangers,
    store=material.store / 'embeddings',
    seed=settings.seed,
  )
  shared = shared | {
    'num_people': len(people.protected),
    'num_protected': len(people.protected),
  }
  galleries = [
    (x, *each)
    for x in _trainers(material, filters)
    for each in _among(material, people, x)
  ]
  records = []
  for version in versions:
    own = {'attack': version.attack, 'epsilon': version.epsilon}
    cloaks = scrape.cloaked(
      people, version.cloaked, **own, surrogate=settings.members
    )
    for trainer, fields, strangers in galleries:
      result = evaluation.measure(
        people,
        cloaks,
        trainer,
        normalize=True,
        noise_control=False,
        strangers=strangers,
        batch_size=settings.batch_size,
      )
      records.append(shared | _record(result) | fields)
  return records


def _among(material, people, trainer):
  """Yields a trainer's gallery as it is, and with a million others, or so."""
  yield {}, None
  settings, others = material.settings, material.strangers
  number = settings.pipeline['num_distractors']
  found = distractors.galleries(
    people,
    material.public if others is None else others,
    trainer,
    [number],
    normalize=True,
    batch_size=settings.batch_size,
  )
  for fields, distances in found if number else ():
    if fields['distractors'] == 'model':
      names = 'distractors', 'num_distractors'
      yield {name: fields[name] for name in names}, distances


def _record(result):
  """Of the enrolled, and the share of those who are not."""
  names = (
    *('attack', 'epsilon', 'adversary', 'network', 'relation'),
    *('recognizer', 'num_gallery_people', 'num_splits'),
  )
  record = {name: result.fields[name] for name in names}
  for field in ('protection', 'error', 'not_enrolled', 'others_not_enrolled'):
    rate = getattr(result, field)
    record[f'{field}_rate'] = rate and rate.value
    record[f'{field}_ci'] = rate and [rate.low, rate.high]
  return record


def _trainers(material, filters):
  """Those who wait, who clean what they scraped, and who drop some of it."""
  pipeline = material.settings.pipeline
  for network in map(material.networks.get, pipeline['networks']):
    yield evaluation.Trainer(network)
    for name in pipeline['purifiers']:
      yield evaluation.Trainer(
        network,
        f'purifying: {name}',
        filter=FILTERS.get(name) or filters[name][0].purify,
        filter_probes=pipeline['purify_probes'],
      )
    for label in pipeline['filters']:
      detector, cut = filters[label]
      yield evaluation.Trainer(
        network, f'detecting: {label}', detector=detector, threshold=cut
      )


def main(argv):
  """Runs --config and prints its tables."""
  given = run_flags.parse(argv, 'detect.py')
  start = time.monotonic()
  run(*given)
  for name in ('detection.md', 'trainers.md'):
    show(files.read_text(given.workdir / name))
  show(f'{time.monotonic() - start:.0f} s. See {given.workdir}')


if __name__ == '__main__':
  cli.run(main, kept='cloaks and detectors that are finished stay in --workdir')
