r"""What a gallery of strangers does to the protection, and to recognition.

  python experiments/distractors.py --config=experiments/configs/distractors.py

As evaluate.py, with 10 to 1,000,000 more faces in every gallery: pictures of
the public people, and draws of a model fitted to them, whose nearest faces are
compared with real ones. A probe nearest to a stranger is not recognised.
With --strangers the real ones are those of embedding_store.py, of every network
of the config, instead of the public people.
Writes distractors.jsonl and distractors.md into --workdir.
"""

import pathlib
import time

import cli
import evaluate
import run_flags
import scraped
from absl import flags
from progress import Progress
from replies import Reply
from scene import Scene, load_extractors, load_faces
from settings import Settings
from strangers import StrangersJudge, check_config

from fr_poison import locks
from fr_poison.report import record_file, tables

_STRANGERS = flags.DEFINE_string(
  'strangers', None, 'The --output of embedding_store.py: real strangers.'
)


def run(
  config: dict,
  workdir: pathlib.Path,
  data_dir: str | None,
  *,
  cloaks: pathlib.Path | None = None,
  strangers: pathlib.Path | None = None,
) -> list[dict]:
  """Runs the experiment and writes its files; returns the records.

  Args:
    config: see configs/distractors.py.
    workdir: gets the files.
    data_dir: the data set's own folders, or None.
    cloaks: another run's --workdir, whose cloaks are taken and added to.
    strangers: the --output of embedding_store.py: real ones, of people who are
      not evaluated; None for the public people.
  """
  # Everything that can be wrong is found before anything is written.
  config_hash = record_file.config_hash(config)
  counts = tuple(config.pop('num_distractors', ()))
  settings = Settings.from_config(config)
  check_config(settings, counts)
  networks = load_extractors(settings)
  found = load_faces(settings, data_dir)
  shared = evaluate.shared_fields(settings, config_hash)
  scene = Scene(settings, networks, found.faces, candidates=found.candidates)
  with locks.held(workdir):
    # Every network's nearest strangers, real and of the model.
    answers = [Reply('', name, networks[name]) for name in settings.networks]
    judge = StrangersJudge(scene, answers, found.public, counts, strangers)
    results = judge.measure(scraped.untouched(scene), shared)
    results += _measure_attacks(judge, shared, (cloaks or workdir) / 'cloaks')
    record_file.write(workdir / 'distractors.jsonl', results)
    record_file.write_text(
      workdir / 'distractors.md', tables.distractors(results)
    )
  return results


def _measure_attacks(judge, shared, folder):
  """Every attack on every surrogate, among them."""
  settings, found = judge.scene.settings, []
  progress = Progress(
    len(settings.surrogates) * len(settings.attacks) * settings.num_protected,
    'person',
  )
  for surrogate in settings.surrogates:
    for name in settings.attacks:
      found += evaluate.run_attack(
        judge, name, surrogate, shared, folder, progress
      )[0]
  progress.close()
  return found


def main(argv):
  """Runs --config and prints its tables."""
  start = time.monotonic()
  given = run_flags.parse(argv, 'distractors.py')
  strangers = pathlib.Path(_STRANGERS.value) if _STRANGERS.value else None
  print(tables.distractors(run(*given, strangers=strangers)))
  print(f'{time.monotonic() - start:.0f} s. See {given.workdir}')


if __name__ == '__main__':
  cli.run(main, kept='cloaks that are finished stay in --workdir')
