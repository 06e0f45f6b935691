r"""How well cloaks can be seen, and what a trainer makes of that.

  python experiments/detect.py --config=experiments/configs/detect.py

Detectors learn from some people's pictures, clean and cloaked by public tools,
get their threshold from other people's clean ones, and are judged on people and
attacks that they never saw, also after JPEG compression. Then a trainer drops
what a detector flags, or cleans what he scraped, and the protection that is
left is measured. Writes detection.jsonl and detection.md, trainers.jsonl and
trainers.md, thresholds and cloaks into --workdir.
"""

import pathlib
import time

import cli
from absl import flags
from detection_scene import Scene, Test
from detector_pipeline import run_pipeline
from detector_settings import Settings
from detector_training import Workshop
from ml_collections import config_flags

from fr_poison import detection_metrics
from fr_poison.detectors import threshold
from fr_poison.report import detection, records
from fr_poison.types import InputError

_CONFIG = config_flags.DEFINE_config_file('config', None, 'What to run.')
_WORKDIR = flags.DEFINE_string(
  'workdir', None, 'Results; default results/<name of the config file>.'
)
_DATA_DIR = flags.DEFINE_string(
  'data_dir', None, "The data set's own folders; default: the installed copy."
)
_RATES = (0.01, 0.001)  # false positive rates


def judge(detector, cut: float, test: Test, scene: Scene, shared: dict) -> dict:
  """One record: a detector on one version of the test people's pictures."""
  start = time.monotonic()
  scores, is_cloaked, users = scene.scored(detector, test)
  flags_ = detection_metrics.precision_recall(scores, is_cloaked, cut)
  return shared | {
    'detector': detector.name,
    'features': detector.features,
    'digest': detector.digest,
    'test_attack': test.attack,
    'epsilon': test.epsilon,
    'jpeg': test.jpeg,
    'auc': detection_metrics.auc(scores, is_cloaked),
    'auc_ci': detection_metrics.auc_interval(scores, is_cloaked, users),
    'average_precision': detection_metrics.average_precision(
      scores, is_cloaked
    ),
    'tpr_at_fpr': {
      str(rate): detection_metrics.tpr_at_fpr(scores, is_cloaked, rate)
      for rate in _RATES
    },
    'threshold': cut,
    'precision': flags_.precision,
    'recall': flags_.recall,
    'num_people': len(set(users.tolist())),
    'num_images': len(scores),
    'wall_seconds': time.monotonic() - start,
  }


def run(
  config: dict, workdir: pathlib.Path, data_dir: str | None
) -> tuple[list[dict], list[dict]]:
  """Runs the experiment and writes its files; returns both kinds of records."""
  # Everything that can be wrong is found before anything is written.
  settings = Settings.from_config(config)
  scene = Scene(settings, data_dir, workdir / 'cloaks')
  shared = records.environment() | {
    'config_hash': records.config_hash(config),
    'seed': settings.seed,
    'surrogate': settings.surrogate.split('+'),
  }
  try:
    (workdir / 'thresholds').mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise InputError(f'--workdir: {workdir}: {error.strerror}') from error

  # Every detector, trained on every set of attacks.
  workshop = Workshop(*scene.training(), scene.networks)
  if settings.evasion:
    known = settings.detectors[settings.evasion['detector']]
    scene.evade(workshop.differentiable(known, settings.train_sets[0]))
  found, filters = [], {}
  for label, chosen in settings.detectors.items():
    learns = workshop.learns_from_cloaks(chosen)
    for attacks in settings.train_sets if learns else settings.train_sets[:1]:
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
      tests = scene.tests(plain_only=chosen.get('plain_only', False))
      found += [judge(detector, cut, test, scene, fields) for test in tests]
      filters.setdefault(label, (detector, cut))
      print(f'{label}, trained on {name}: done', flush=True)

  # What is left of the protection behind a filter or a purifier.
  results = run_pipeline(scene, workshop, filters, shared)
  detection.write(workdir / 'detection.jsonl', found)
  records.write_text(workdir / 'detection.md', detection.markdown(found))
  detection.write_trainers(workdir / 'trainers.jsonl', results)
  records.write_text(
    workdir / 'trainers.md', detection.trainers_markdown(results)
  )
  return found, results


def main(argv):
  """Runs --config and prints its tables."""
  if len(argv) > 1:
    raise InputError(f'{argv[1]}: unexpected argument')
  if _CONFIG.value is None:
    raise InputError('--config: missing, e.g. experiments/configs/detect.py')
  path = config_flags.get_config_filename(flags.FLAGS['config'])
  name = pathlib.Path(path.partition(':')[0]).stem
  workdir = pathlib.Path(_WORKDIR.value or f'results/{name}')
  start = time.monotonic()
  found, results = run(_CONFIG.value.to_dict(), workdir, _DATA_DIR.value)
  print(detection.markdown(found))
  print(detection.trainers_markdown(results))
  print(f'{time.monotonic() - start:.0f} s. See {workdir}')


if __name__ == '__main__':
  cli.run(main)
