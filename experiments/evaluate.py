r"""What is left of a cloak's protection once the model trainer has moved.

  python experiments/evaluate.py --config=experiments/configs/orl.py

For each attack and surrogate network, cloaks the protected people's pictures;
for each network that a trainer may have, fits recognizers on the scraped
pictures and measures the error on the protected people's clean ones. Writes
records.jsonl, table.md, report.html and the cloaks into --workdir. Started
again, it goes on after the last person whose cloaks were finished.
"""

import pathlib
import time

import cli
import cloaking
import numpy as np
import replies
import run_flags
from judge import Judge
from progress import Progress
from scene import Scene, load_extractors, load_faces
from settings import Settings
from training_run import Stopped

from fr_poison.adversaries import history
from fr_poison.report import html, records, tables
from fr_poison.types import InputError

_NUM_SHOWN = 4  # pictures in the report per attack and surrogate


def shared_fields(settings: Settings, config_hash: str) -> dict:
  """What all records of a run have in common."""
  not_tested = ['Cloaks after JPEG compression, resizing or screenshots.']
  if not settings.histories:
    not_tested.append('People of whom clean pictures are online as well.')
  return records.environment() | {
    'config_hash': config_hash,
    'seed': settings.seed,
    'num_people': settings.num_protected,
    'num_gallery_people': settings.num_evaluated,
    'num_public': settings.num_public,
    'wall_seconds': 0.0,
    'dataset': f'{settings.dataset}, {settings.num_evaluated} people',
    'split': (
      f'{settings.num_splits} random, {settings.test_fraction:.0%} of each '
      "person's pictures for testing"
    ),
    'not_tested': not_tested,
  }


def _budget(settings):
  if 'epsilon' not in settings:
    return "The recipe's own budget, as saved in 8 bits."
  return f'Budget {settings["epsilon"] * 255:.3g}/255, as saved in 8 bits.'


def run_attack(
  judge: Judge, name: str, surrogate: str, shared: dict, folder, progress
) -> tuple[list[dict], html.Strip, np.ndarray]:
  """One attack on one surrogate: records, pictures to show, the scraped set."""
  scene = judge.scene
  networks, settings = surrogate.split('+'), scene.settings.attacks[name]
  cloaks = cloaking.cloak(
    scene.faces,
    scene.protected,
    scene.to_cloak,
    name,
    settings,
    [scene.extractors[n] for n in networks],
    [scene.clean(scene.extractors[n]) for n in networks],
    seed=scene.settings.seed,
    folder=folder / f'{name}-{surrogate}',
    progress=progress,
  )
  shared = shared | {
    'surrogate': networks,
    'epsilon': settings.get('epsilon'),
    'num_cloaked': len(scene.to_cloak),
    'num_improved': cloaks.num_improved,
    'wall_seconds': cloaks.seconds,
  }
  found = judge.measure(
    cloaks.images, shared | {'attack': name} | scene.distortion(cloaks.images)
  )
  if scene.settings.noise_control:
    noisy = scene.noise_control(cloaks.images)
    control = judge.measure(
      noisy,
      shared
      | {'attack': 'noise', 'control_of': name}
      | scene.distortion(noisy),
    )
    for record, noise_record in zip(found, control, strict=True):
      record['noise_protection_rate'] = noise_record['protection_rate']
      record['noise_protection_ci'] = noise_record['protection_ci']
    found += control
  last = len(scene.to_cloak) - 1
  shown = scene.to_cloak[np.linspace(0, last, _NUM_SHOWN).astype(int)]
  strip = html.Strip(
    name,
    surrogate,
    _budget(settings),
    scene.faces.images[shown],
    cloaks.images[shown],
  )
  return found, strip, cloaks.images


def run_histories(
  judge: Judge, surrogate: str, scraped: dict, shared: dict
) -> list[dict]:
  """Records of people who cloaked with several tools over the years.

  Args:
    judge: measures.
    surrogate: that all the tools were aimed at.
    scraped: the whole set as each attack leaves it.
    shared: the fields that all records have in common.
  """
  scene, found = judge.scene, []
  versions = {history.CLEAN: scene.faces.images} | scraped
  for name, shares in scene.settings.histories.items():
    images = history.collect(
      versions, shares, scene.faces.labels, scene.protected
    )
    fields = {
      'attack': 'history',
      'history': name,
      'shares': shares,
      'epsilon': None,
      'surrogate': surrogate.split('+'),
    }
    found += judge.measure(images, shared | fields | scene.distortion(images))
  return found


def run(
  config: dict, workdir: pathlib.Path, data_dir: str | None
) -> list[dict]:
  """Runs the experiment and writes its files; returns the records."""
  # Everything that can be wrong is found before anything is written.
  settings = Settings.from_config(config)
  networks = load_extractors(settings)
  given = replies.load_checkpoint(settings)
  public_faces, faces = load_faces(settings, data_dir)
  shared = shared_fields(settings, records.config_hash(config))
  scene = Scene(settings, networks, faces)
  try:
    workdir.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise InputError(f'--workdir: {workdir}: {error.strerror}') from error

  # What the trainers learn from public people, before anybody is protected.
  public = replies.PublicPeople(
    settings, networks, public_faces, workdir / 'public_cloaks'
  )
  answers = replies.make(settings, networks, public, workdir, given)
  judge = Judge(scene, *answers)

  # Without any cloak: the errors that the recognizers make anyway.
  nothing = dict.fromkeys(('epsilon', 'dssim', 'psnr', 'linf'))
  nothing |= {'attack': 'none', 'surrogate': []}
  results, strips = judge.measure(faces.images, shared | nothing), []

  # Every attack on every surrogate, against every reply.
  progress = Progress(
    len(settings.surrogates) * len(settings.attacks) * settings.num_protected
  )
  for surrogate in settings.surrogates:
    scraped = {}
    for name in settings.attacks:
      found, strip, scraped[name] = run_attack(
        judge, name, surrogate, shared, workdir / 'cloaks', progress
      )
      results += found
      strips.append(strip)
    results += run_histories(judge, surrogate, scraped, shared)
  progress.close()

  # The report is made from the records (and the pictures) alone.
  records.write(workdir / 'records.jsonl', results)
  records.write_text(workdir / 'table.md', tables.markdown(results))
  html.write(workdir / 'report.html', results, strips)
  return results


def main(argv):
  """Runs --config and prints its table."""
  given = run_flags.parse(argv, 'orl.py')
  start = time.monotonic()
  try:
    results = run(*given)
  except Stopped as stop:
    print(stop)
    return
  print(tables.markdown(results))
  seconds = time.monotonic() - start
  print(f'{seconds:.0f} s. See {given.workdir}/report.html')


if __name__ == '__main__':
  cli.run(main)
