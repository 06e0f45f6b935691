"""What a study's report shows: every figure that its records can fill."""

from typing import NamedTuple

from fr_poison.report import (
  answer,
  curves,
  detection,
  distractors,
  embedding_map,
  exports,
  grid,
  roc_curves,
  summary,
  tables,
  timeline,
  trade_off,
)
from fr_poison.report import sources as sources_lib
from fr_poison.report.drawing import Drawing
from fr_poison.report.sources import Sources

# What draws, from which records, and what they lack where it draws nothing.
_FIGURES = (
  (
    answer.draw,
    ('protection', 'trainers'),
    "Protection by the trainer's move: fewer than two moves were tried.",
  ),
  (
    timeline.draw,
    ('protection',),
    'Timeline: fewer than two networks whose year is known.',
  ),
  (
    curves.by_epsilon,
    ('protection',),
    'Protection against the budget: no attack was tried at two budgets.',
  ),
  (
    curves.by_distractors,
    ('distractors',),
    'Among strangers: no records of experiments/distractors.py.',
  ),
  (
    roc_curves.draw,
    ('detection',),
    'Detectors: no records of experiments/detect.py.',
  ),
  (
    trade_off.draw,
    ('protection',),
    'Accuracy against robustness: fewer than two choices of a trainer.',
  ),
  (
    embedding_map.draw,
    ('protection',),
    'Map of embeddings: no record holds one.',
  ),
)
COLUMNS = (
  *('Cloak', 'Budget', 'Made for', 'Network', 'Trainer', 'Recognizer'),
  *('Measured', '%', '95% interval', 'Accuracy, %', '95% interval', 'Seed'),
)


class Figures(NamedTuple):
  """What was drawn, and a sentence on what was not."""

  drawings: list[Drawing]
  missing: list[str]


def figures(sources: Sources) -> Figures:
  """Every figure that the records can fill, the answer first."""
  found = Figures([], [])
  for draw, kinds, lacking in _FIGURES:
    drawing = draw([r for kind in kinds for r in getattr(sources, kind)])
    if drawing:
      found.drawings.append(drawing)
    else:
      found.missing.append(lacking)
  return found


def sentences(sources: Sources, runs: dict[str, list[dict]]) -> list[str]:
  """What a page begins with: the answer, and what it is made from.

  Args:
    sources: the records.
    runs: of `sources.runs`.
  """
  if not sources.all():
    return ['There are no records, so there is nothing to report.']
  text = answer.sentence(sources.protection + sources.trainers)
  found = [text] if text else []
  if not found and len(runs) == 1:
    found = summary.sentences(sources.protection)
  if len(runs) > 1:
    found.append(
      f'Here are {len(runs)} runs, of other seeds or configurations: the '
      'figures hold them all, each has tables of its own.'
    )
  if sources.skipped:
    found.append('Some records were not used; why, is said below.')
  return found


def not_tested(sources: Sources) -> list[str]:
  """As `summary.not_tested`, of every kind of record; and ORL's limits."""
  records = sources.protection + sources.trainers
  told = summary.not_tested(records)
  if any(r.get('dataset', '').startswith('orl') for r in records):
    told.append(
      'Large galleries, colour, cameras of today: ORL is 40 people, grey, and '
      'of 1992 to 1994.'
    )
  if sources.detection:
    told.append(
      'Detectors before clean pictures that something else was done to: noise '
      'of a camera, sharpening, another size. They may take it for a cloak.'
    )
  return told


def rows(records: list[dict]) -> list[tuple[str, list[str], dict[str, str]]]:
  """The table of all records: anchor, `COLUMNS`, and every field."""
  return [
    (
      exports.anchor(r),
      [grid.clean(cell) for cell in _cells(r)],
      {k: grid.clean(v) for k, v in exports.flat(r).items()},
    )
    for r in records
  ]


def _cells(record):
  """Every kind of record in the same words."""
  is_detector = 'detector' in record
  network, trainer = record.get('network'), record.get('adversary')
  rate, ci = 'protection_rate', 'protection_ci'
  if is_detector:
    network = record['features']
    trainer = f'{record["detector"]} trained on {record["train_attack"]}'
    rate, ci = 'auc', 'auc_ci'
  return [
    grid.attack_name(record.get('attack') or record['test_attack']),
    grid.levels(record['epsilon']),
    ' + '.join(record.get('surrogate', [])),
    network,
    trainer,
    record.get('recognizer', '').replace('_', ' '),
    'AUC' if is_detector else 'protection',
    *_rate(record, rate, ci),
    *_rate(record, 'accuracy', 'accuracy_ci'),
    str(record.get('seed', '')),
  ]


def _rate(record, rate, ci):
  if record.get(rate) is None:
    return '', ''
  return grid.percent(record[rate]), grid.interval(record[ci], '–')


def texts(sources: Sources) -> dict[str, str]:
  """Tables for files: table.md, table.tex and records.csv.

  Raises:
    InputError: as `sources.runs`.
  """
  runs = sources_lib.tables(sources.protection)
  head = lambda mark, title: f'{mark} {title}\n\n' if title else ''
  parts = [head('##', k) + tables.markdown(run) for k, run in runs.items()]
  for records, markdown in (
    (sources.trainers, detection.trainers_markdown),
    (sources.detection, detection.markdown),
    (sources.distractors, distractors.markdown),
  ):
    parts += [markdown(records)] if records else []
  latex = [head('%', k) + exports.latex(run) for k, run in runs.items()]
  return {
    'table.md': '\n'.join(parts) or 'No records.\n',
    'table.tex': '\n'.join(latex),
    'records.csv': exports.csv_text(sources.all()),
  }
