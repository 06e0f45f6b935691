r"""What a gallery of strangers does to the protection, and to recognition.

  python experiments/distractors.py --config=experiments/configs/distractors.py

As evaluate.py, with 10 to 1,000,000 more faces in every gallery: pictures of
the public people, and draws of a model fitted to them, whose nearest faces are
compared with real ones. A probe nearest to a stranger is not recognised. Of
networks that differ in their training seed alone the first is asked.
With --strangers the real ones are those of embedding_store.py, of every network
of the config, instead of the public people.
Writes distractors.jsonl and distractors.md into --workdir.
"""

import pathlib
import time
from collections.abc import Callable, Iterator, Sequence

import cli
import config_fields
import evaluate
import inputs
import numpy as np
import progress
import run_clock
import run_flags
import trainers
from absl import flags
from inputs import Inputs
from settings import Settings

from fr_poison import checks, evaluation, extractors, locks, processes
from fr_poison.adversaries import purifying
from fr_poison.data.faces import FaceSet
from fr_poison.evaluation import gallery, scrape
from fr_poison.evaluation.trainer import members
from fr_poison.report import record_file, tables
from fr_poison.search import distractors, store
from fr_poison.text import show
from fr_poison.types import InputError

_STRANGERS = flags.DEFINE_string(
  'strangers', None, 'The --output of embedding_store.py: real strangers.'
)
_RECOGNIZER = 'nearest_neighbor'
_COMBINING = 'top2', 'threshold'
# Fields of a record, and every clean picture's distance [N] to a stranger.
Gallery = tuple[dict, np.ndarray]


def check_config(settings: Settings, counts: tuple[int, ...]) -> None:
  """Refuses what has no nearest stranger.

  Raises:
    InputError: naming the field.
  """
  for number in counts:
    checks.whole('config.num_distractors', number)
  if not counts:
    raise InputError('config.num_distractors: empty')
  one = settings.recognizers.get(_RECOGNIZER, {})
  more = max(one.get('k', 1), one.get('top_k', 1))
  if list(settings.recognizers) != [_RECOGNIZER] or more > 1:
    raise InputError('config.recognizers: expected 1-NN alone')
  for label, _, _ in config_fields.entries(settings.adversaries, _COMBINING):
    raise InputError(f'config.adversaries.{label}: has two nearest strangers')
  if extractors.PIXELS in settings.networks:
    raise InputError('config.networks: there is no model of raw pixels')
  for field, is_set in (
    ('noise_control', settings.noise_control),
    ('histories', settings.histories),
    ('saved', settings.saved),
    ('cells', settings.cells != ('1A',)),
    ('others', settings.others != 'clean'),
    ('retrieval', settings.retrieval),
    ('extractor.checkpoint', settings.extractor.get('checkpoint')),
  ):
    if is_set:
      raise InputError(f'config.{field}: not measured among strangers')
  config_fields.check_least('num_public', settings.num_public, 4)


def galleries(
  protocol: evaluation.Protocol,
  others: FaceSet,
  trainer: evaluation.Trainer,
  counts: Sequence[int],
  *,
  normalize: bool,
  batch_size: int = 20,
  stored: pathlib.Path | None = None,
) -> Iterator[Gallery]:
  """Yields galleries without strangers, with real ones, with the model's.

  Args:
    protocol: whose clean pictures are asked about.
    others: the real strangers, and those that the model is fitted to.
    trainer: whose network it is, and who filters and drops their pictures.
    counts: numbers of strangers.
    normalize: compare directions only.
    batch_size: pictures embedded at a time on an accelerator.
    stored: of embedding_store.py: the real strangers instead.

  Raises:
    InputError: `stored` has no embeddings of this network.
  """
  seed, near = protocol.seed, {'normalize': normalize}
  seen = trainer.filter if trainer.filter_probes else purifying.nothing
  size = {'batch_size': batch_size}
  probes = gallery.clean_embeddings(protocol, trainer, seen, **size)
  faces, labels = gallery.strangers(protocol, others, trainer, **size)
  tested = np.unique(np.concatenate([s.test for s in protocol.splits]))
  check = distractors.check(faces, labels, probes[tested], seed=seed, **near)
  real = store.read(stored, trainer.extractor) if stored else faces
  model = distractors.fit(faces)
  about = {'num_real': len(real)}
  about_model = {'check': check._asdict(), 'shrinkage': model.shrinkage}
  yield (
    {'num_distractors': 0, 'distractors': 'none'},
    np.full(len(probes), np.inf),
  )
  for kind, numbers, strangers, fields in (
    ('real', [n for n in counts if n <= len(real)], _dealt(real, seed), about),
    (
      'model',
      counts,
      lambda block: distractors.draw(model, distractors.BLOCK, seed, block),
      about | about_model,
    ),
  ):
    if not numbers:  # there are fewer real ones
      continue
    nearest = distractors.nearest_distances(probes, numbers, strangers, **near)
    for number, distances in zip(numbers, nearest, strict=True):
      yield fields | {'distractors': kind, 'num_distractors': number}, distances


def _dealt(faces, seed) -> Callable[[int], np.ndarray]:
  """Blocks of them, in an order that the seed draws."""
  order = np.random.default_rng(seed).permutation(len(faces))
  size = distractors.BLOCK
  return lambda block: faces[order[block * size : (block + 1) * size]]


def among(
  found: Inputs,
  trainer: trainers.Answer,
  counts: Sequence[int],
  stored: pathlib.Path | None = None,
) -> list[Gallery]:
  """Lists the galleries of a run for the first network of a trainer.

  The strangers are those of a standard, or else the public people.

  Args:
    found: people and settings.
    trainer: of one network, or of several by training seed.
    counts: as of `galleries`, and `stored`.
    stored: see there.
  """
  settings, protocol = found.settings, found.protocol
  others, (first, *_) = protocol.strangers, members(trainer).values()
  return list(
    galleries(
      protocol,
      found.public.faces if others is None else others,
      first,
      counts,
      normalize=settings.recognizers[_RECOGNIZER].get('normalize', False),
      batch_size=settings.batch_size,
      stored=stored,
    )
  )


def measure(
  found: Inputs,
  version: evaluation.Scrape,
  galleries_of: Sequence[tuple[trainers.Answer, list[Gallery]]],
  shared: dict,
) -> list[dict]:
  """Measures 1-NN among strangers, a record a network and gallery."""
  return [
    shared
    | evaluate.record(
      found, version, trainer, _RECOGNIZER, strangers=distances, num_seeds=1
    )
    | fields
    for trainer, own in galleries_of
    for fields, distances in own
  ]


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
  counts = tuple(config.get('num_distractors', ()))
  rest = {k: v for k, v in config.items() if k != 'num_distractors'}
  settings = Settings.from_config(rest)
  check_config(settings, counts)
  folder = cloaks or workdir
  seconds = run_clock.start(workdir, folder)
  found = inputs.load(settings, data_dir, folder)
  shared = evaluate.shared_fields(found, record_file.config_hash(config))
  with locks.held(workdir):
    found, made = trainers.answer(found)
    shown = progress.over('nearest strangers', 'trainer', delay=5)
    answers = [
      (trainer, among(found, trainer, counts, strangers))
      for trainer in shown(made, len(made))
    ]
    results = measure(found, scrape.clean(found.protocol), answers, shared)
    for *_, cloak in inputs.cloaks(found, folder):
      results += measure(found, cloak, answers, shared)
    results[0]['run_seconds'] = seconds()
    processes.on_first(lambda: _write(workdir, results))
  return results


def _write(workdir, results):
  record_file.write(workdir / 'distractors.jsonl', results)
  record_file.write_text(
    workdir / 'distractors.md', tables.distractors(results)
  )


def main(argv):
  """Runs --config and prints its tables."""
  start = time.monotonic()
  given = run_flags.parse(argv, 'distractors.py')
  strangers = pathlib.Path(_STRANGERS.value) if _STRANGERS.value else None
  show(tables.distractors(run(*given, strangers=strangers)))
  show(f'{time.monotonic() - start:.0f} s. See {given.workdir}')


if __name__ == '__main__':
  cli.run(main, kept='cloaks that are finished stay in --workdir')
