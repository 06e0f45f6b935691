r"""What is left of a cloak's protection once the model trainer has moved.

  python experiments/evaluate.py --config=experiments/configs/orl.py

For each attack and surrogate network, cloaks the protected people's pictures;
for each network that a trainer may have, fits recognizers on the scraped
pictures and measures the error on the protected people's clean ones. Writes
records.jsonl, table.md, report.html and the cloaks into --workdir. Started
again, it goes on after the last person whose cloaks were finished. Cloaks that
another tool made are given with configs/my_cloaks.py.
"""

import pathlib
import time
from typing import NamedTuple

import cli
import given_cloaks
import numpy as np
import replies
import run_flags
import scraped
from given_cloaks import GivenCloaks
from judge import Judge
from progress import Progress
from public_people import PublicPeople
from scene import Scene, load_extractors, load_faces
from scraped import Scraped
from settings import Settings

from fr_poison import locks
from fr_poison.data.faces import FaceSet
from fr_poison.report import page, record_file, tables
from fr_poison.report.grid import arrange

_NUM_SHOWN = 4  # pictures in the report per attack and surrogate


def shared_fields(settings: Settings, config_hash: str) -> dict:
  """What all records of a run have in common."""
  not_tested = ['Cloaks after JPEG compression, resizing or screenshots.']
  if not settings.histories:
    not_tested.append('People of whom clean pictures are online as well.')
  return record_file.environment() | {
    'config_hash': config_hash,
    'seed': settings.seed,
    'num_people': settings.num_protected,
    'num_gallery_people': settings.num_evaluated,
    'num_public': settings.num_public,
    'num_targets': settings.num_targets,
    'wall_seconds': 0.0,
    'dataset': f'{settings.dataset}, {settings.num_evaluated} people',
    'split': (
      f'{settings.num_splits} random, {settings.test_fraction:.0%} of each '
      "person's pictures for testing"
    ),
    'not_tested': not_tested,
  }


def budget(settings: dict) -> str:
  """An attack's, as a caption says it."""
  if 'epsilon' not in settings:
    return "The recipe's own budget, as saved in 8 bits."
  return f'Budget {settings["epsilon"] * 255:.3g}/255, as saved in 8 bits.'


def show(
  scene: Scene, name: str, surrogate: str, caption: str, images: np.ndarray
) -> page.Strip:
  """Some cloaked pictures for the report, spread over the protected people."""
  last = len(scene.to_cloak) - 1
  shown = scene.to_cloak[np.linspace(0, last, _NUM_SHOWN).astype(int)]
  return page.Strip(
    name, surrogate, caption, scene.faces.images[shown], images[shown]
  )


def run_attack(
  judge: Judge, name: str, surrogate: str, shared: dict, folder, progress
) -> tuple[list[dict], page.Strip, Scraped]:
  """One attack on one surrogate: records, pictures to show, the scraped set."""
  scene = judge.scene
  found = scraped.cloaked(scene, name, surrogate, folder, progress)
  results = judge.measure_beside_noise(found, shared)
  caption = budget(scene.settings.attacks[name])
  return results, show(scene, name, surrogate, caption, found.images), found


def run_given(
  judge: Judge, cloaks: GivenCloaks, shared: dict
) -> tuple[list[dict], list[page.Strip]]:
  """Cloaks that were given as files: records, and pictures to show."""
  fields = cloaks.cloak_fields | {'attack': 'given'}
  fields |= judge.scene.distortion(cloaks.images)
  found = judge.measure_beside_noise(Scraped(cloaks.images, fields), shared)
  surrogate = '+'.join(cloaks.cloak_fields['surrogate'])
  caption = 'As the recognizers see them.'
  strip = show(judge.scene, 'given', surrogate, caption, cloaks.images)
  return found, [strip]


def run_attacks(
  judge: Judge, shared: dict, folder: pathlib.Path
) -> tuple[list[dict], list[page.Strip]]:
  """Every attack on every surrogate: records, and pictures to show."""
  settings, results, strips = judge.scene.settings, [], []
  progress = Progress(
    len(settings.surrogates) * len(settings.attacks) * settings.num_protected,
    'person',
  )
  for surrogate in settings.surrogates:
    cloaks = {}
    for name in settings.attacks:
      found, strip, cloaks[name] = run_attack(
        judge, name, surrogate, shared, folder, progress
      )
      results += found
      strips.append(strip)
    for name in settings.histories:
      mixed = scraped.several_tools(judge.scene, name, surrogate, cloaks)
      results += judge.measure(mixed, shared)
  progress.close()
  return results, strips


class Loaded(NamedTuple):
  """What a run starts from."""

  scene: Scene
  public: FaceSet
  candidates: FaceSet  # whom cloaks may be made to look like
  trained: replies.Reply | None  # the network of a checkpoint
  cloaks: GivenCloaks | None
  fields: dict  # of all records, about the pictures
  left_out: list[list[str]]  # pictures and reasons


def load(config: dict, data_dir: str | None) -> Loaded:
  """Reads everything, and refuses what is wrong with it."""
  if 'originals' in config:
    source, settings = given_cloaks.split_config(config)
  else:
    source, settings = None, Settings.from_config(config)
  networks = load_extractors(settings)
  trained = replies.load_checkpoint(settings)
  if source is None:
    found = load_faces(settings, data_dir)
    replies.check_unseen(settings, trained, found.faces)
    fields = {'alignment': found.faces.alignment, 'warnings': found.warnings}
    scene = Scene(
      found.settings, networks, found.faces, candidates=found.candidates
    )
    people = found.public, found.candidates
    return Loaded(scene, *people, trained, None, fields, found.left_out)
  cloaks = given_cloaks.load(source, settings, data_dir)
  replies.check_unseen(settings, trained, cloaks.faces)
  scene = Scene(cloaks.settings, networks, cloaks.faces, cloaks.protected)
  people = cloaks.public, cloaks.candidates
  return Loaded(scene, *people, trained, cloaks, cloaks.fields, cloaks.left_out)


def run(
  config: dict, workdir: pathlib.Path, data_dir: str | None
) -> list[dict]:
  """Runs the experiment and writes its files; returns the records."""
  # Everything that can be wrong is found before anything is written.
  loaded = load(config, data_dir)
  with locks.held(workdir):
    return _run(loaded, record_file.config_hash(config), workdir)


def _run(loaded, config_hash, workdir):
  scene, public_faces, candidates, trained, cloaks, fields, left_out = loaded
  settings, networks = scene.settings, scene.extractors
  shared = shared_fields(settings, config_hash) | fields

  # What the trainers learn from public people, before anybody is protected.
  public = PublicPeople(
    settings, networks, public_faces, candidates, workdir / 'public_cloaks'
  )
  given = [trained] if trained else []
  answers = replies.make(settings, networks, public, workdir, given)
  judge = Judge(scene, *answers)

  # Without any cloak: the errors that the recognizers make anyway.
  if cloaks:
    shared['not_tested'] = shared['not_tested'] + cloaks.not_tested
  results = judge.measure(scraped.untouched(scene), shared)
  results[0]['left_out'] = left_out

  # The cloaks that were given, or every attack, against every reply.
  if cloaks:
    found, strips = run_given(judge, cloaks, shared)
  else:
    found, strips = run_attacks(judge, shared, workdir / 'cloaks')
  results += found

  # The report is made from the records (and the pictures) alone.
  record_file.write(workdir / 'records.jsonl', results)
  grid = arrange(results)
  record_file.write_text(workdir / 'table.md', tables.protection(grid))
  page.write(workdir / 'report.html', grid, strips)
  return results


def main(argv):
  """Runs --config and prints its table."""
  given = run_flags.parse(argv, 'orl.py')
  start = time.monotonic()
  results = run(*given)
  print(tables.protection(arrange(results)))
  seconds = time.monotonic() - start
  print(f'{seconds:.0f} s. See {given.workdir}/report.html')


if __name__ == '__main__':
  cli.run(main, kept='cloaks and networks that are finished stay in --workdir')
