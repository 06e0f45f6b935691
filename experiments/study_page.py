"""The page of a study: records of all runs, each once, pictures, maps."""

import json

import evaluate
import inputs
import numpy as np
from inputs import Inputs

from fr_poison import evaluation, extractors
from fr_poison.evaluation.gallery import clean_embeddings
from fr_poison.report import figures, page, record_file, sources
from fr_poison.report.table import Table

_NUM_NEIGHBOURS = 3  # people nearest to the clean pictures, and to the cloaked


def write(study) -> sources.Sources:
  """Gathers the records of all finished runs and makes the report.

  Args:
    study: a `study.Study`.
  """
  records, strips, paths, missing, shown = [], [], [], [], set()
  for run in study.runs.values():
    if not study.is_done(run):
      missing.append(run.name)
    elif run.program == 'evaluate':
      own = record_file.read(study.workdir / run.name / 'records.jsonl')
      _name_networks(own, run.checkpoint_of)
      strips += _show(study, run, own, shown)
      records += own
    else:
      paths += [study.workdir / run.name / name for name in study.files(run)]
  for record in records:
    record['not_tested'] = record['not_tested'] + study.left_out
  path = study.workdir / 'records.jsonl'
  record_file.write(path, list(_distinct(records)))
  gathered = sources.read([path, *paths])
  if missing:
    gathered.skipped.append(f'Runs not made yet: {", ".join(missing)}.')
  page.write_folder(gathered, study.workdir, strips)
  record_file.write_text(study.workdir / 'runs.md', _durations(study))
  return gathered


def _durations(study) -> str:
  """A table of what each finished run took."""
  done = filter(study.is_done, study.runs.values())
  seconds = {run.name: study.note(run)['seconds'] for run in done}
  rows = [[name, f'{taken:.0f}'] for name, taken in seconds.items()]
  return Table(
    'runs',
    ['run', 'seconds'],
    [*rows, ['all', f'{sum(seconds.values()):.0f}']],
    'Of a run that went on after a stop, since then; what two runs share is '
    'made by the first.\n',
  ).markdown()


def _show(study, run, records, shown) -> list[page.Strip]:
  """Pictures of a run's cloaks that no run before it has, and their maps."""
  names = {
    label: json.dumps([label, chosen, run.config['surrogates']])
    for label, chosen in run.config['attacks'].items()
  }
  new = {label for label, name in names.items() if name not in shown}
  shown |= set(names.values())
  if not new:
    return []
  strips, found = [], study.load(run)
  for label, surrogate, cloak in inputs.cloaks(found, study.workdir):
    if label in new:
      caption = evaluate.budget(found.settings.attacks[label])
      strips.append(evaluate.show(found, cloak, caption))
      _add_map(found, surrogate, cloak, records)
  return strips


def _distinct(records):
  """Runs may have a record in common, such as a baseline's."""
  fields = (
    *('attack', 'surrogate', 'epsilon', 'dssim', 'control_of', 'history'),
    *('control', 'saved', 'group', 'gallery', 'probe', 'others'),
    *('round', 'cloak_round'),
    *('adversary', 'network', 'recognizer', 'recipe'),
  )
  found = {}
  for record in records:
    cell = [record.get(name) for name in fields]
    found.setdefault(json.dumps(cell), record)
  return found.values()


def _name_networks(records, checkpoint_of):
  """A network trained here is called by the run that trained it."""
  for record in records:
    for digest in record['weights'].values():
      if checkpoint_of and record['network'].endswith(f' {digest[:8]}'):
        old = record['network']
        name = f'{old.removesuffix(digest[:8])}trained here: {checkpoint_of}'
        weights = record['weights'].items()
        record['network'] = name
        record['weights'] = {name if k == old else k: v for k, v in weights}


def _add_map(found: Inputs, surrogate, cloak, records):
  """Adds the map of one face to the record of the cloak's own network."""
  names = ('attack', 'epsilon', 'dssim', 'surrogate', 'network', 'recognizer')
  fields = [cloak.fields[name] for name in names[:3]]
  own = *fields, [surrogate], surrogate, 'nearest_neighbor'
  for record in records:
    is_own = tuple(record[name] for name in names) == own
    is_own = is_own and record.get('saved') is None
    if is_own and record['adversary'] == 'baseline':
      trainer = evaluation.Trainer(found.networks[surrogate])
      record['embedding_map'] = embedding_map(found, trainer, cloak)


def embedding_map(
  found: Inputs, trainer: evaluation.Trainer, cloak: evaluation.Scrape
) -> dict:
  """Returns the record field `embedding_map` of the first protected person.

  Args:
    found: the people.
    trainer: whose network is shown.
    cloak: the pictures that are scraped.
  """
  protocol, size = found.protocol, found.settings.batch_size
  person, labels = protocol.protected[0], protocol.faces.labels
  own = protocol.to_cloak[labels[protocol.to_cloak] == person]
  clean = clean_embeddings(protocol, trainer, batch_size=size)
  cloaked = extractors.embed(trainer.extractor, cloak.images[own], size)
  others = np.setdiff1d(np.unique(labels), [person])
  centres = np.stack([clean[labels == p].mean(0) for p in others])
  near = set()
  for embeddings in (clean[own], cloaked):
    distances = np.linalg.norm(centres - embeddings.mean(0), axis=1)
    near |= set(others[np.argsort(distances)[:_NUM_NEIGHBOURS]].tolist())
  return figures.project(
    clean[own], cloaked, clean[np.isin(labels, sorted(near))]
  )
