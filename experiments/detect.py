r"""How well cloaks can be seen, and what a trainer makes of that.

  python experiments/detect.py --config=experiments/configs/detect.py

Detectors learn from some people's pictures, clean and cloaked by public tools,
get their threshold from other people's clean ones, and are judged on people and
attacks that they never saw, also after JPEG compression. Then a trainer drops
what a detector flags, or cleans what was scraped, and the protection that is
left is measured. Writes detection.jsonl and detection.md, trainers.jsonl and
trainers.md, thresholds, trained detectors and cloaks into --workdir.
"""

import pathlib
import time

import cli
import numpy as np
import run_flags
from detection_scene import Scene, Test
from detector_pipeline import run_pipeline
from detector_settings import Settings
from detector_training import Workshop
from progress import Progress, say

from fr_poison import detection_metrics, locks, roc
from fr_poison.detectors import threshold
from fr_poison.report import record_file, tables

_RATES = (0.01, 0.001)  # false positive rates


def judge(detector, cut: float, test: Test, scene: Scene, shared: dict) -> dict:
  """One record: a detector on one version of the test people's pictures."""
  start = time.monotonic()
  scores, is_cloaked, users = scene.scored(detector, test)
  curve = roc.curve(scores, is_cloaked)
  given = scores, is_cloaked, users
  flags_ = detection_metrics.precision_recall(*given, cut)
  rates = {
    str(rate): detection_metrics.tpr_at_fpr(*given, rate) for rate in _RATES
  }
  ap = detection_metrics.average_precision
  curve = roc.corners(roc.curve(scores, is_cloaked))
  return shared | {
    'detector': detector.name,
    'features': detector.features,
    'digest': detector.digest,
    'test_attack': test.attack,
    'epsilon': test.epsilon,
    'jpeg': test.jpeg,
    'auc': roc.auc(scores, is_cloaked),
    'auc_ci': detection_metrics.auc_interval(*given),
    'average_precision': ap(scores, is_cloaked),
    'average_precision_ci': detection_metrics.people_interval(ap, *given),
    'tpr_at_fpr': {name: rate.value for name, rate in rates.items()},
    'tpr_at_fpr_ci': {n: [rate.low, rate.high] for n, rate in rates.items()},
    'roc': {
      name: np.round(x, 4).tolist()
      for name, x in zip(('fpr', 'tpr'), curve, strict=True)
    },
    'threshold': cut,
    **_rate('precision', flags_.precision),
    **_rate('recall', flags_.recall),
    'num_people': len(set(users.tolist())),
    'num_images': len(scores),
    'wall_seconds': time.monotonic() - start,
  }


def _rate(name, rate):
  """Value and interval; None where there is nothing to take a share of."""
  if rate is None:
    return {name: None, f'{name}_ci': None}
  return {name: rate.value, f'{name}_ci': [rate.low, rate.high]}


def run(
  config: dict,
  workdir: pathlib.Path,
  data_dir: str | None,
  *,
  cloaks: pathlib.Path | None = None,
) -> tuple[list[dict], list[dict]]:
  """Runs the experiment and writes its files; returns both kinds of records.

  Args:
    config: see configs/detect.py.
    workdir: gets the files.
    data_dir: the data set's own folders, or None.
    cloaks: another run's --workdir, whose cloaks are taken and added to.
  """
  # Everything that can be wrong is found before anything is written.
  settings = Settings.from_config(config)
  scene = Scene(settings, data_dir, cloaks or workdir)
  with locks.held(workdir):
    for name in ('thresholds', 'detectors'):
      (workdir / name).mkdir(exist_ok=True)
    return _run(settings, scene, record_file.config_hash(config), workdir)


def _run(settings, scene, config_hash, workdir):
  shared = record_file.environment() | {
    'config_hash': config_hash,
    'seed': settings.seed,
    'num_drawn': settings.num_people,
    'num_train': settings.num_train,
    'num_validation': settings.num_validation,
    'num_targets': settings.num_targets,
    'surrogate': settings.surrogate.split('+'),
  }
  # Every detector, trained on every set of attacks.
  workshop = Workshop(*scene.training(), scene.networks, workdir / 'detectors')
  if settings.evasion:
    known = settings.detectors[settings.evasion['detector']]
    scene.evade(workshop.differentiable(known, settings.train_sets[0]))
  all_tests, found, filters = scene.all_tests(), [], {}
  shown = Progress(len(settings.detectors) * len(settings.train_sets), 'set')
  for label, chosen in settings.detectors.items():
    learns = workshop.learns_from_cloaks(chosen)
    for attacks in settings.train_sets if learns else settings.train_sets[:1]:
      shown.update(f'{label}, on {"+".join(attacks)}')
      start = time.monotonic()
      detector = workshop.detector(chosen, attacks)
      cut = threshold.choose(
        detector.score(scene.validation()), settings.false_positive_rate
      )
      name = '+'.join(attacks)
      threshold.save(
        workdir / 'thresholds' / f'{label}-{name}.json',
        detector,
        cut,
        false_positive_rate=settings.false_positive_rate,
        num_clean=len(scene.validation()),
      )
      fields = shared | {
        'label': label,
        'train_attack': name if learns else 'none',
        'train_seconds': time.monotonic() - start,
      }
      every = chosen.get('every', 1)
      if every > 1 or label in filters:
        tests = scene.plain_tests(every)
      else:
        tests = all_tests
      found += [judge(detector, cut, test, scene, fields) for test in tests]
      # Filters are those trained on all tools, which come first.
      filters.setdefault(label, (detector, cut))
      say(f'{label}, trained on {name}: done')

  # What is left of the protection behind a filter or a purifier.
  shown.update('filters and purifiers')
  results = run_pipeline(scene, workshop, filters, shared)
  shown.close()
  record_file.write(workdir / 'detection.jsonl', found)
  record_file.write_text(workdir / 'detection.md', tables.detection(found))
  record_file.write(workdir / 'trainers.jsonl', results)
  record_file.write_text(workdir / 'trainers.md', tables.trainers(results))
  return found, results


def main(argv):
  """Runs --config and prints its tables."""
  given = run_flags.parse(argv, 'detect.py')
  start = time.monotonic()
  found, results = run(*given)
  print(tables.detection(found))
  print(tables.trainers(results))
  print(f'{time.monotonic() - start:.0f} s. See {given.workdir}')


if __name__ == '__main__':
  cli.run(main, kept='cloaks and detectors that are finished stay in --workdir')
