"""Every figure that records can fill."""

import operator
from typing import NamedTuple

import numpy as np

from fr_poison import extractors
from fr_poison.report import (
  drawing,
  moves,
  rounds,
  tables,
  who_cloaks,
  words,
)
from fr_poison.report.drawing import Drawing, Series
from fr_poison.report.sources import Sources
from fr_poison.types import Embeddings, InputError

_PANEL = 2.4  # inches, of a ROC curve
_MARKS = {
  '': '',
  '*': "*: weights from the user's own file. ",
  '†': '†: trained here; the year is the design’s. ',
}
_MAPPED = ('neighbours', 'clean', 'cloaked')  # points of an embedding map


class Figures(NamedTuple):
  """What was drawn, and a sentence on what was too much to draw."""

  drawings: list[Drawing]
  missing: list[str]


def draw_all(sources: Sources) -> Figures:
  """Draws every figure that the records can fill, the answer first."""
  records = sources.protection
  drawings, missing = [], []
  for name, draw, given in (
    ('answer', by_move, records + sources.trainers),
    ('cells', who_cloaks.by_cell, records),
    ('cell_budgets', who_cloaks.by_budget, records),
    ('rounds', rounds.by_move, records),
    ('timeline', timeline, records),
    ('epsilon', by_epsilon, records),
    ('distractors', by_distractors, sources.distractors),
    ('roc', roc, sources.detection),
    ('verification', verification, sources.verification),
    ('accuracy_robustness', trade_off, records),
    ('embedding_map', embedding_map, records),
  ):
    try:
      drawings.append(draw(given))
    except drawing.TooMuchError as error:
      title = words.TEXTS['figures'][name]['title']
      missing.append(f'{title}: {error}.')
  return Figures([*filter(None, drawings)], missing)


def by_move(records: list[dict]) -> Drawing | None:
  """Draws the protection rate by the trainer's move, one series an attack.

  None where fewer than two moves were tried.
  """
  compared = moves.on_one_surrogate(moves.comparable(records))
  compared = moves.protecting(compared)
  best = moves.lowest(compared)
  rows = list(map(_row, moves.tried(best)))
  if len(rows) < 2:
    return None
  labels = moves.labels(best) | {'none': 'no cloak'}
  series = [
    _attack_series(labels[attack], i, compared, attack, cells)
    for i, (attack, cells) in enumerate(best.items())
  ]
  figure = drawing.dot_plot(rows, series, words.RATE)
  return drawing.described('answer', figure, series, _recognizer(compared))


def _attack_series(label, i, compared, attack, cells):
  """The best record of every move, and the rates of the others."""
  faint = {}
  for record in filter(moves.has_rate, compared):
    if record['attack'] == attack:
      rates = faint.setdefault(_row(moves.move(record)), [])
      rates.append(record['protection_rate'])
  cells = {_row(move): cells[move] for move in moves.tried({'': cells})}
  hollow = [row for row, r in cells.items() if r.get('not_enrolled_rate')]
  style = drawing.look(None if attack == 'none' else i)
  return Series(label, cells, style, faint=faint, hollow=hollow)


def _row(move):
  return moves.MOVES.get(move, move)


def timeline(records: list[dict]) -> Drawing | None:
  """Draws the rate by network, old to new, of trainers who only wait.

  None where fewer than two networks of a known year were tried.
  """
  found = [
    r
    for r in moves.protecting(moves.comparable(records))
    if moves.move(r) in moves.WAITING
    and r['attack'] != 'none'
    and year_and_mark(r['network'])
  ]
  rows, cloaks = {}, {}
  for record in sorted(found, key=lambda r: r['protection_rate']):
    year, mark = year_and_mark(record['network'])
    row = f'{year} {words.clean(record["network"])}{mark}'
    rows[row] = mark
    cloak = words.cloak_of(record)
    cloaks.setdefault(cloak, {}).setdefault(row, record)
  if len(rows) < 2:
    return None
  series = [
    Series(
      cloak,
      dict(sorted(cells.items())),
      drawing.look(i),
      hollow=[x for x, r in cells.items() if moves.move(r) == 'baseline'],
    )
    for i, (cloak, cells) in enumerate(sorted(cloaks.items()))
  ]
  known = ''.join(_MARKS[mark] for mark in _MARKS if mark in rows.values())
  figure = drawing.dot_plot(sorted(rows), series, words.RATE)
  recognizer = _recognizer(found)
  return drawing.described('timeline', figure, series, known, recognizer)


def year_and_mark(network: str) -> tuple[int, str] | None:
  """Says when a network's weights were published, and whose they are.

  That is '' for weights that ship, '*' for a user's file, '†' if trained here;
  None where no network has that name, or nobody says when.
  """
  name, _, digest = network.removesuffix(extractors.MIRRORED).partition(' ')
  try:
    spec = extractors.spec(name)
  except InputError:
    return None
  if spec.year is None:
    return None
  if digest or not (spec.pretrained or spec.url):
    return spec.year, '†'
  return spec.year, '' if spec.pretrained else '*'


def by_epsilon(records: list[dict]) -> Drawing | None:
  """Draws the rate against the budget: on the cloak's own network, and others.

  None where no attack was tried at two budgets.
  """
  found = [r for r in records if r['attack'] != 'none' and r['epsilon']]
  found, lines = moves.by_one_recognizer(found), {}
  rate, budgets = operator.itemgetter('protection_rate'), {}
  for record in found:
    budgets.setdefault(record['epsilon'], []).append(record)
  for epsilon, same in sorted(budgets.items()):
    for attack, cells in moves.lowest(same).items():
      others = [cells[move] for move in moves.OTHERS if move in cells]
      found_at = {'baseline': cells.get('baseline')}
      found_at['oblivious'] = min(others, key=rate, default=None)
      for move, record in found_at.items():
        if record:
          line = lines.setdefault((words.attack_name(attack), move), {})
          line[255 * epsilon] = record
  label = words.BUDGET
  return _curves('epsilon', found, lines, 'baseline', label)


def by_distractors(records: list[dict]) -> Drawing | None:
  """Draws the rate against the number of strangers in the gallery.

  None where no cloak was tried among two numbers of strangers.
  """
  lines = {}
  ordered = sorted(records, key=lambda r: r['num_distractors'])
  surrogates = {words.surrogate_name(r) for r in records} - {''}
  for record, cloak, kind in tables.among_strangers(ordered):
    if len(surrogates) == 1 and record['attack'] != 'none':
      cloak = words.attack_name(record['attack'])  # for no other network
    name = words.AND.join((cloak, words.column(record)))
    line = lines.setdefault((name, kind), {})
    line[record['num_distractors']] = record
  label = 'strangers whom the recognizer knows as well'
  return _curves('distractors', records, lines, 'real', label, 'symlog')


def roc(records: list[dict]) -> Drawing | None:
  """Draws the ROC curve of every detector, a panel each attack.

  Each at its own budget, of pictures as they were saved, and of detectors that
  learned from all tools, or from none. None where no record has a curve.
  """
  variants = zip(records, tables.variants(records), strict=True)
  found = [r for r, variant in variants if 'roc' in r and not any(variant)]
  if not found:
    return None
  attacks, names = {}, {}
  for record in found:
    attacks.setdefault(record['test_attack'], []).append(record)
    names.setdefault(words.detector_name(record), len(names))
  rows = -(-len(attacks) // 2)
  figure, axes = drawing.axes(_PANEL * rows, len(names), rows, 2)
  for axis in axes.flat[len(attacks) :]:
    axis.remove()
  for (attack, same), axis in zip(attacks.items(), axes.flat, strict=False):
    axis.plot([0, 100], [0, 100], ':', color=drawing.GREY)
    axis.set_title(words.short(words.attack_name(attack)), fontsize=9)
    axis.set(aspect='equal', xticks=[0, 50, 100], yticks=[0, 50, 100])
    axis.set(xlabel='uncloaked flagged, %', ylabel='cloaked found, %')
    for record in same:
      fpr, tpr = (np.multiply(100, record['roc'][x]) for x in ('fpr', 'tpr'))
      name = words.detector_name(record)
      style = drawing.look(names[name]) | {'marker': ''}
      axis.plot(fpr, tpr, label=words.short(name, 44), **style)
  alt = '. '.join(
    f'{words.detector_name(r)} on {words.attack_name(r["test_attack"])}: '
    f'area {words.percent(r["auc"])}%'
    for r in found
  )
  return drawing.described('roc', drawing.legend(figure, axes[0, 0]), alt)


def verification(records: list[dict]) -> Drawing | None:
  """Draws the ROC curve of every network on pairs of pictures, the best first.

  From one false accept on, in logarithms. None without records.
  """
  if not records:
    return None
  figure, [[axis]] = drawing.axes(3, len(records))
  found = sorted(records, key=lambda r: -r['accuracy'])
  for i, record in enumerate(found):
    fpr, tpr = (np.multiply(100, record['roc'][x]) for x in ('fpr', 'tpr'))
    style = drawing.look(i) | {'marker': ''}
    axis.plot(fpr, tpr, label=words.short(record['network'], 44), **style)
  least = min(min(filter(None, r['roc']['fpr']), default=1) for r in found)
  axis.set(xscale='log', xlim=(100 * min(least, 0.1), 100), ylim=(-3, 103))
  axis.xaxis.set_major_formatter('{x:g}')
  axis.set(
    xlabel='pairs of two people taken for one, %',
    ylabel='pairs of one person accepted, %',
  )
  alt = '. '.join(
    f'{words.clean(r["network"])}: {100 * r["accuracy"]:.1f}% right'
    for r in found
  )
  one = found[0]
  return drawing.described(
    'verification',
    drawing.legend(figure, axis),
    alt,
    one['num_pairs'],
    words.clean(one['dataset']),
  )


def trade_off(records: list[dict]) -> Drawing | None:
  """Draws clean accuracy and worst-case robustness of each trainer's choice.

  None where fewer than two choices were tried, with a cloak and without.
  """
  found = moves.comparable(records)
  accurate, worst = {}, {}
  as_rate = lambda rate, ci: {'protection_rate': rate, 'protection_ci': ci}
  for record in sorted(found, key=lambda r: -r['protection_rate']):
    name, (low, high) = words.column(record), record['protection_ci']
    if record['attack'] != 'none':
      rate = as_rate(1 - record['protection_rate'], (1 - high, 1 - low))
      worst.setdefault(name, rate)
  for record in found:
    if record['attack'] == 'none':
      rate = as_rate(record['accuracy'], record['accuracy_ci'])
      accurate.setdefault(words.column(record), rate)
  rows = [name for name in sorted(accurate) if name in worst]
  rows.sort(key=lambda name: -worst[name]['protection_rate'])
  if len(rows) < 2:
    return None
  series = [
    Series('robustness', {row: worst[row] for row in rows}, drawing.look(0)),
    Series('accuracy', {row: accurate[row] for row in rows}, drawing.look(1)),
  ]
  figure = drawing.dot_plot(
    rows, series, 'pictures that the recognizer gets right, %'
  )
  name = 'accuracy_robustness'
  return drawing.described(name, figure, series, _recognizer(found))


def project(
  clean: Embeddings, cloaked: Embeddings, neighbours: Embeddings
) -> dict:
  """Makes the record field `embedding_map`: points in the plane, no faces.

  Principal components of all of them together (Pearson 1901).

  Args:
    clean: [N, D].
    cloaked: [N, D], of the same pictures.
    neighbours: [M, D], of other people.

  Raises:
    InputError: an array is empty or of another D.
  """
  parts = [np.asarray(x, np.float64) for x in (neighbours, clean, cloaked)]
  if len({x.shape[1:] for x in parts}) > 1 or not all(x.size for x in parts):
    shapes = [list(x.shape) for x in parts]
    raise InputError(f'embedding_map: expected [N, D] of each, got {shapes}')
  points = np.concatenate(parts)
  points -= points.mean(0)
  _, singular, axes = np.linalg.svd(points, full_matrices=False)
  share = np.sum(singular[:2] ** 2) / max(np.sum(singular**2), 1e-12)
  ends = np.cumsum([len(x) for x in parts])[:-1]
  split = [x.round(4).tolist() for x in np.split(points @ axes[:2].T, ends)]
  return dict(zip(_MAPPED, split, strict=True), explained=float(share))


def embedding_map(records: list[dict]) -> Drawing | None:
  """Draws the map of the cloak that protects best, None where none has one."""
  records = [r for r in records if 'embedding_map' in r]
  if not records:
    return None
  record = max(records, key=lambda r: r['protection_rate'])
  places = record['embedding_map']
  figure, [[axis]] = drawing.axes(3.6, len(_MAPPED))
  looks = [drawing.look(None) | {'marker': '.'}, *map(drawing.look, (0, 1))]
  for kind, style in zip(_MAPPED, looks, strict=True):
    style = style | {'linestyle': 'none'}
    axis.plot(*np.transpose(places[kind]), label=kind, **style)
  axis.set_aspect('equal', adjustable='datalim')
  axis.set(xticklabels=[], yticklabels=[])
  drawing.legend(figure, axis)
  centre = {k: np.mean(places[k], 0) for k in ('clean', 'cloaked')}
  moved = np.linalg.norm(centre['cloaked'] - centre['clean'])
  spread = np.linalg.norm(np.subtract(places['clean'], centre['clean']), axis=1)
  return drawing.described(
    'embedding_map',
    figure,
    f'The cloak moves the middle of the pictures by {moved:.3g}; clean ones '
    f'are {spread.mean():.3g} from theirs.',
    100 * places['explained'],
    words.attack_name(record['attack']),
    words.clean(record['network']),
  )


def _curves(name, records, lines, solid, label, scale='linear'):
  """(cloak, kind) -> number -> record, as lines of two points or more."""
  lines = {key: cells for key, cells in lines.items() if len(cells) > 1}
  if not lines:
    return None
  cloaks = list(dict.fromkeys(cloak for cloak, _ in lines))
  series = []
  for (cloak, kind), cells in lines.items():
    style = drawing.look(cloaks.index(cloak))
    style['linestyle'] = '-' if kind == solid else '--'
    if cloak.startswith('no cloak'):
      style['color'] = drawing.GREY
    series.append(Series(cloak, cells, style, kind))
  figure = drawing.line_plot(series, label, scale)
  return drawing.described(name, figure, series, _recognizer(records))


def _recognizer(records):
  return words.recognizer(records[0])
