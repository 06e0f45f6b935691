r"""What is left of a cloak's protection once the model trainer has moved.

  python experiments/evaluate.py --config=experiments/configs/orl.py

For each attack and surrogate network, cloaks the protected people's pictures;
for each network that a trainer may have, fits recognizers on the scraped
pictures and measures the error on the protected people's clean ones. Writes
records.jsonl, table.md, report.html and the cloaks into --workdir. Pictures of
another data set than ORL are in --data_dir. Started again, it goes on after the
last person whose cloaks were finished. Cloaks that another tool made are given
with configs/my_cloaks.py.
"""

import pathlib
import time
from collections.abc import Sequence

import cli
import contest
import given_cloaks
import inputs
import numpy as np
import progress
import run_clock
import run_flags
import standard_cloaks
import trainers
from config_fields import entries
from inputs import Inputs
from settings import Settings

from fr_poison import evaluation, locks, processes, text
from fr_poison.data import squeeze
from fr_poison.evaluation import scrape
from fr_poison.report import page, prose, record_file, tables
from fr_poison.report.grid import by_cell

_NUM_SHOWN = 4  # pictures in the report per attack and surrogate


def shared_fields(found: Inputs, config_hash: str) -> dict:
  """Returns what all records of a run have in common."""
  settings = found.settings
  not_tested = ['Cloaks after JPEG compression, resizing or screenshots.']
  if settings.saved:
    ways = ', '.join(settings.saved)
    not_tested = [f'Cloaks after screenshots, or saved otherwise than: {ways}.']
  if not settings.histories:
    not_tested.append('People of whom clean pictures are online as well.')
  return record_file.environment() | {
    'config_hash': config_hash,
    'seed': settings.seed,
    'num_people': settings.num_protected,
    'num_protected': settings.num_protected,
    'num_public': settings.num_public,
    'num_targets': settings.num_targets,
    'wall_seconds': 0.0,
    'dataset': _dataset(found),
    'split': (
      f'{settings.num_splits} random, {settings.test_fraction:.0%} of each '
      "person's pictures for testing"
    ),
    'not_tested': not_tested,
    **found.fields,
  }


def _dataset(found):
  number, others = found.settings.num_evaluated, found.protocol.strangers
  text = f'{found.settings.dataset}, {number} people'
  if others is None:
    return text
  number = len(np.unique(others.labels))
  return f'{text}, with 1-NN among {number} strangers'


def measure(
  found: Inputs,
  version: evaluation.Scrape,
  answers: Sequence[trainers.Answer],
  shared: dict,
) -> list[dict]:
  """Measures every recognizer of every trainer in every cell, one record each.

  Without a cloak all cells are one, and that is measured.

  Args:
    found: people and settings.
    version: of the pictures, as they are scraped.
    answers: the trainers.
    shared: the fields that all these records have in common.
  """
  settings = found.settings
  cells = [name for name in settings.cells if name != '1B']
  if version.fields['attack'] == 'none':
    cells = ['1B']
  triples = [
    (name, label, trainer)
    for name in cells
    for label, kind, _ in entries(settings.recognizers, evaluation.RECOGNIZERS)
    for trainer in answers
    if trainer.can_use(kind, label)
  ]
  what = f'recognizers, {version.fields["attack"]}'
  shown = progress.over(what, 'recognizer', delay=5)
  return [
    shared | record(found, version, trainer, label, cell=name)
    for name, label, trainer in shown(triples, len(triples))
  ]


def record(
  found: Inputs,
  version: evaluation.Scrape,
  trainer: trainers.Answer,
  recognizer: str,
  cell: str = '1A',
  **options,
) -> dict:
  """Measures one recognizer of one trainer as the config says.

  Args:
    found: people and settings.
    version: of the pictures, as they are scraped.
    trainer: whose recognizer it is.
    recognizer: its label.
    cell: whose pictures are cloaked.
    **options: more of `evaluation.measure`.
  """
  settings = found.settings
  chosen = dict(settings.recognizers[recognizer])
  kind, own = chosen.pop('kind', recognizer), evaluation.CELLS[cell]
  if cell != '1B':
    own = own._replace(others=settings.others)
  result = evaluation.measure(
    found.protocol,
    version,
    trainer,
    kind,
    noise_control=settings.noise_control,
    controls=settings.controls,
    batch_size=settings.batch_size,
    retrieval=settings.retrieval and kind == 'nearest_neighbor',
    **own._asdict(),
    **chosen,
    **options,
  )
  recipe = {'recipe': recognizer} if recognizer != kind else {}
  return result.record() | recipe | contest.of_trainer(settings, trainer)


def measure_cloak(
  found: Inputs, cloak: evaluation.Scrape, answers: Sequence, shared: dict
) -> list[dict]:
  """Measures a cloak, and those controls and saved ones the config asks for."""
  settings, protocol = found.settings, found.protocol
  versions = [cloak]
  if settings.noise_control:
    made = evaluation.controls(protocol, cloak, settings.controls)
    versions += filter(None, made.values())
  for label, filters in settings.saved.items():
    save = squeeze.chain(filters)
    versions.append(evaluation.saved(protocol, cloak, save, label))
  return [r for each in versions for r in measure(found, each, answers, shared)]


def measure_attacks(
  found: Inputs, folder: pathlib.Path, answers: Sequence, shared: dict
) -> tuple[list[dict], list[page.Strip]]:
  """Measures every attack on every surrogate: records, pictures to show."""
  settings, results, strips, made = found.settings, [], [], {}
  for label, surrogate, cloak in inputs.cloaks(found, folder):
    own = shared | contest.of_cloak(settings, label, surrogate)
    results += measure_cloak(found, cloak, answers, own)
    strips.append(show(found, cloak, budget(settings.attacks[label])))
    if settings.histories:
      made.setdefault(surrogate, {})[label] = cloak
  # As people leave it who cloaked with several tools over the years.
  for tools in made.values():
    for name, shares in settings.histories.items():
      fields = next(iter(tools.values())).fields
      mixed = evaluation.mixed(
        found.protocol,
        shares,
        tools,
        history=name,
        surrogate=fields['surrogate'],
        weights=fields['weights'],
      )
      results += measure(found, mixed, answers, shared)
  return results, strips


def budget(settings: dict) -> str:
  """Returns an attack's budget as a caption says it."""
  if 'epsilon' not in settings:
    return "The recipe's own budget, as saved in 8 bits."
  return f'Budget {settings["epsilon"] * 255:.3g}/255, as saved in 8 bits.'


def show(found: Inputs, cloak: evaluation.Scrape, caption: str) -> page.Strip:
  """Picks cloaked pictures for the page, spread over the protected people."""
  rows = found.protocol.to_cloak
  rows = rows[np.linspace(0, len(rows) - 1, _NUM_SHOWN).astype(int)]
  return page.Strip(
    cloak.fields['attack'],
    '+'.join(cloak.fields['surrogate']),
    caption,
    found.protocol.faces.images[rows],
    cloak.images[rows],
  )


def load(
  config: dict, folder: pathlib.Path, data_dir: str | None
) -> tuple[Inputs, given_cloaks.GivenCloaks | None]:
  """Reads everything, and refuses what is wrong with it."""
  if not {'originals', 'cloaked'} & config.keys():
    return inputs.load(Settings.from_config(config), data_dir, folder), None
  reader = standard_cloaks if config.get('standard') else given_cloaks
  source, settings = reader.split_config(config)
  networks = inputs.load_networks(settings)
  given = reader.load(source, settings, data_dir)
  settings, faces = given.settings, given.faces
  networks = inputs.on_frame(networks, faces)
  protocol = inputs.draw_protocol(
    *(settings, faces, given.candidates, folder),
    given.protected,
    given.strangers,
  )
  public = inputs.public_people(
    settings, networks, given.public, given.candidates, folder
  )
  found = Inputs(
    settings, networks, protocol, public, given.fields, given.left_out
  )
  return found, given


def run(
  config: dict,
  workdir: pathlib.Path,
  data_dir: str | None,
  *,
  cloaks: pathlib.Path | None = None,
) -> list[dict]:
  """Runs the experiment and writes its files; returns the records.

  Args:
    config: see configs/orl.py.
    workdir: gets the files.
    data_dir: the data set's own folders, or None.
    cloaks: another run's --workdir, whose cloaks and networks are taken and
      added to.
  """
  folder = cloaks or workdir
  seconds = run_clock.start(workdir, folder)
  # Everything that can be wrong is found before anything is written.
  found, given = load(config, folder, data_dir)
  settings = found.settings
  trained = inputs.load_checkpoint(settings, found.protocol.faces)
  with locks.held(workdir):
    # What trainers learn from public people, before anybody is protected.
    found, answers = trainers.answer(found, trained)
    shared = shared_fields(found, record_file.config_hash(config))
    if given:
      shared['not_tested'] = shared['not_tested'] + given.not_tested
    # Without any cloak: the errors that the recognizers make anyway.
    clean = scrape.clean(found.protocol)
    results = measure(found, clean, answers, shared)
    results[0]['left_out'] = found.left_out
    # The cloaks that were given, or every attack, against every trainer.
    if given:
      cloak = _given_scrape(found, given)
      more = measure_cloak(found, cloak, answers, shared)
      strips = [show(found, cloak, 'As the recognizers see them.')]
    else:
      more, strips = measure_attacks(found, folder, answers, shared)
    results[0]['run_seconds'] = seconds()
    processes.on_first(lambda: _write(workdir, results + more, strips))
  return results + more


def _given_scrape(found, given):
  made_for = given.cloak_fields['surrogate']  # cloaks may be for any network
  networks = [found.networks[n] for n in made_for if n in found.networks]
  weights = {n.spec.name: n.sha256 for n in networks if n.sha256}
  return scrape.cloaked(
    found.protocol, given.images, weights=weights, **given.cloak_fields
  )


def _write(workdir, results, strips):
  """The report is made from the records (and the pictures) alone."""
  record_file.write(workdir / 'records.jsonl', results)
  grids = by_cell(results)
  record_file.write_text(workdir / 'table.md', tables.by_cell(grids))
  page.write(workdir / 'report.html', grids, strips)


def main(argv):
  """Runs --config and prints its table."""
  given = run_flags.parse(argv, 'orl.py')
  start = time.monotonic()
  results = run(*given)
  text.show(tables.by_cell(by_cell(results)))
  # Where a terminal ends, too: whether given cloaks protect, and who breaks
  # them.
  for sentence in prose.verdict(results)[:2]:
    text.show(sentence)
  seconds = time.monotonic() - start
  text.show(f'{seconds:.0f} s. See {given.workdir}/report.html')


if __name__ == '__main__':
  cli.run(main, kept='cloaks and networks that are finished stay in --workdir')
