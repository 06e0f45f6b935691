r"""How well cloaks can be seen, and what a trainer makes of that.

  python experiments/detect.py --config=experiments/configs/detect.py

Detectors learn from some people's pictures, clean and cloaked by public tools,
get their threshold from other people's clean ones, and are judged on people and
attacks that they never saw, also after JPEG compression. Then a trainer drops
what a detector flags, or cleans what was scraped, and the protection that is
left is measured. Writes detection.jsonl and detection.md, trainers.jsonl and
trainers.md, thresholds, trained detectors and cloaks into --workdir.
"""

import json
import pathlib
import time

import cli
import detect_cloaks
import numpy as np
import run_flags
from detect_settings import FILTERS, Settings
from progress import Progress, say

from fr_poison import detectors, evaluation, locks, strict_json
from fr_poison.evaluation import detection, scrape
from fr_poison.evaluation.protocol import Memory
from fr_poison.report import record_file, tables


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
  # Everything that can be wrong is found before anything is written.
  settings = Settings.from_config(config)
  material = detect_cloaks.load(settings, data_dir, cloaks or workdir)
  with locks.held(workdir):
    for name in ('thresholds', 'detectors'):
      (workdir / name).mkdir(exist_ok=True)
    shared = record_file.environment() | {
      'config_hash': record_file.config_hash(config),
      'seed': settings.seed,
      'num_drawn': settings.num_people,
      'num_train': settings.num_train,
      'num_validation': settings.num_validation,
      'num_targets': settings.num_targets,
      'surrogate': settings.members,
    }
    return _run(material, shared, workdir)


def _run(material, shared, workdir):
  settings, train = material.settings, material.train
  cloaked = {
    name: material.cloak('public_cloaks', train, name, chosen)
    for name, chosen in settings.attacks.items()
  }

  def fit(label, attacks):
    recipe, network = settings.recipes[label], None
    if isinstance(recipe, detectors.OnNetwork):
      network = material.networks[recipe.features]
    own = [cloaked[name] for name in attacks]
    folder = workdir / 'detectors'
    return recipe.fit(train.images, *own, extractor=network, folder=folder)

  # Every attack on the people who are tested, and one that evades a detector.
  known = [material.version(*item) for item in settings.attacks.items()]
  others = [material.version(*item) for item in settings.unseen_attacks.items()]
  evading = []
  if settings.evasion:
    chosen = dict(settings.evasion)
    evaded = fit(chosen.pop('detector'), settings.train_sets[0]).network
    evading = [material.version('evading_pgd', chosen, evaded)]
  plain = known + others + evading
  changed = [*material.changed(known)]

  # How well detectors find them, and what is left of the protection then.
  found, filters = _detection(material, fit, plain, changed, shared, workdir)
  results = _protection(material, known + evading, filters, shared)
  record_file.write(workdir / 'detection.jsonl', found)
  record_file.write_text(workdir / 'detection.md', tables.detection(found))
  record_file.write(workdir / 'trainers.jsonl', results)
  record_file.write_text(workdir / 'trainers.md', tables.trainers(results))
  return found + results


def _detection(material, fit, plain, changed, shared, workdir):
  """Trains each detector on each set of attacks, and judges it on versions.

  Returns the records, and by label a detector of all tools and its threshold.
  """
  settings, memory, found, filters = material.settings, Memory(), [], {}
  progress = Progress(len(settings.trainings), 'detector')
  for label, attacks in settings.trainings:
    start, name = time.monotonic(), '+'.join(attacks)
    progress.update(f'{label}, on {name}')
    detector = fit(label, attacks)
    cut = _threshold(material, detector, workdir, f'{label}-{name}')
    learns = settings.recipes[label].learns_from_cloaks
    fields = shared | {
      'label': label,
      'train_attack': name if learns else 'none',
      'train_seconds': time.monotonic() - start,
    }
    every, versions = settings.every(label), plain
    if every == 1 and label not in filters:
      versions = plain + changed
    for version in versions:
      about = {
        'test_attack': version.attack,
        'epsilon': version.epsilon,
        'jpeg': version.jpeg,
      }
      pictures = version.clean, version.cloaked, version.users
      pictures = [x[::every] for x in pictures]
      quality = detection.measure(detector, cut, *pictures, memory)
      found.append(fields | about | quality)
    # The set of all tools comes first.
    filters.setdefault(label, (detector, cut))
    say(f'{label}, trained on {name}: done')
  progress.close()
  return found, filters


def _threshold(material, detector, workdir, name):
  """Chooses a detector's threshold, and writes it and whose it is."""
  rate, clean = material.settings.false_positive_rate, material.validation
  cut = detectors.threshold(detector.score(clean.images), rate)
  content = {
    'detector': detector.name,
    'features': detector.features,
    'digest': detector.digest,
    'threshold': cut,
    'false_positive_rate': rate,
    'num_clean': len(clean),
  }
  text = json.dumps(strict_json.sealed(content), indent=2) + '\n'
  record_file.write_text(workdir / 'thresholds' / f'{name}.json', text)
  return cut


def _protection(material, versions, filters, shared):
  """Measures 1-NN on what is left of each attack; a record a trainer."""
  settings, pipeline = material.settings, material.settings.pipeline
  people = evaluation.Protocol.draw(
    material.tested,
    num_protected=pipeline['num_protected'],
    num_splits=pipeline['num_splits'],
    seed=settings.seed,
  )
  trainers = _trainers(material, filters)
  shared = shared | {
    'num_people': len(people.protected),
    'num_protected': len(people.protected),
    'num_gallery_people': len(np.unique(people.faces.labels)),
  }
  records = []
  for version in versions:
    own = {'attack': version.attack, 'epsilon': version.epsilon}
    cloaks = scrape.cloaked(
      people, version.cloaked, **own, surrogate=settings.members
    )
    for trainer in trainers:
      result = evaluation.measure(
        people,
        cloaks,
        trainer,
        normalize=True,
        noise_control=False,
        batch_size=settings.batch_size,
      )
      records.append(shared | _record(result))
  return records


def _record(result):
  """Of the enrolled, and the share of those who are not."""
  names = ('attack', 'epsilon', 'adversary', 'network', 'recognizer')
  record = {name: result.fields[name] for name in (*names, 'num_splits')}
  for field in ('protection', 'error', 'not_enrolled', 'others_not_enrolled'):
    rate = getattr(result, field)
    record[f'{field}_rate'] = rate and rate.value
    record[f'{field}_ci'] = rate and [rate.low, rate.high]
  return record


def _trainers(material, filters):
  """Those who wait, who clean what they scraped, and who drop some of it."""
  pipeline = material.settings.pipeline
  network = material.networks[pipeline['network']]
  found = [evaluation.Trainer(network)]
  for name in pipeline['purifiers']:
    trainer = evaluation.Trainer(
      network,
      f'purifying: {name}',
      filter=FILTERS.get(name) or filters[name][0].purify,
      filter_probes=pipeline['purify_probes'],
    )
    found.append(trainer)
  for label in pipeline['filters']:
    detector, cut = filters[label]
    trainer = evaluation.Trainer(
      network, f'detecting: {label}', detector=detector, threshold=cut
    )
    found.append(trainer)
  return found


def main(argv):
  """Runs --config and prints its tables."""
  given = run_flags.parse(argv, 'detect.py')
  start = time.monotonic()
  run(*given)
  for name in ('detection.md', 'trainers.md'):
    print((given.workdir / name).read_text())
  print(f'{time.monotonic() - start:.0f} s. See {given.workdir}')


if __name__ == '__main__':
  cli.run(main, kept='cloaks and detectors that are finished stay in --workdir')
