"""Every figure that records can fill."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fr_poison import extractors
from fr_poison.report import drawing, kinds, moves, prose, tables, words
from fr_poison.report.drawing import Drawing, Series
from fr_poison.report.sources import Sources
from fr_poison.types import Embeddings, InputError

_PANEL = 2.4  # inches, of a ROC curve

_MARKS = {
  '': '',
  '*': "*: weights from the user's own file. ",
  '†': '†: trained here; the year is the design’s. ',
}


class Figures(NamedTuple):
  """What was drawn, and a sentence on what was not."""

  drawings: list[Drawing]
  missing: list[str]


def draw_all(sources: Sources) -> Figures:
  """Draws every figure that the records can fill, the answer first."""
  found, records = Figures([], []), sources.protection
  for name, drawn in {
    'answer': by_move(records + sources.trainers),
    'timeline': timeline(records),
    'epsilon': by_epsilon(records),
    'distractors': by_distractors(sources.distractors),
    'roc': roc(sources.detection),
    'accuracy_robustness': trade_off(records),
    'embedding_map': embedding_map(records),
  }.items():
    if drawn:
      found.drawings.append(drawn)
    else:
      found.missing.append(words.TEXTS['figures'][name]['lacking'])
  return found


def by_move(records: list[dict]) -> Drawing | None:
  """Draws the protection rate by the trainer's move, one series an attack.

  Args:
    records: of the protection, and of trainers behind a detector.

  Returns:
    None where fewer than two moves were tried.
  """
  text = prose.answer(records)
  if not text:
    return None
  found = moves.protecting(moves.comparable(records))
  best = moves.lowest(found)
  tried = dict.fromkeys([*moves.MOVES, *map(moves.move, found)])
  rows = [m for m in tried if any(m in cells for cells in best.values())]
  series = []
  for i, (attack, cells) in enumerate(best.items()):
    bare, faint = attack == 'none', {}
    for record in filter(moves.has_rate, found):
      if record['attack'] == attack:
        rates = faint.setdefault(moves.move(record), [])
        rates.append(record['protection_rate'])
    points = _points({m: r for m, r in cells.items() if moves.has_rate(r)})
    series.append(
      Series(
        'no cloak' if bare else words.attack_name(attack),
        points,
        drawing.look(None if bare else i),
        faint=faint,
        notes={m: 'nobody enrolled' for m in cells if m not in points},
        hollow=[m for m, r in cells.items() if r.get('not_enrolled_rate')],
      )
    )
  figure = drawing.dot_plot(rows, series, 'protection rate, %')
  return _drawing('answer', figure, text, _recognizer(found))


def timeline(records: list[dict]) -> Drawing | None:
  """Draws the rate by network, old to new, of trainers who just wait.

  Returns:
    None where fewer than two networks of a known year were tried.
  """
  found = [
    r
    for r in moves.protecting(moves.comparable(records))
    if moves.move(r) in ('baseline', 'oblivious')
    and r['attack'] != 'none'
    and year_and_mark(r['network'])
  ]
  rows, marks, series = {}, set(), {}
  for record in sorted(found, key=lambda r: r['protection_rate']):
    network = record['network']
    year, mark = year_and_mark(network)
    rows[network] = f'{year} {words.clean(network)}{mark}'
    marks.add(mark)
    cloak = words.cloak_name(record['attack'], words.surrogate_name(record))
    series.setdefault(cloak, {}).setdefault(rows[network], record)
  if len(rows) < 2:
    return None
  series = [
    Series(
      cloak,
      _points(dict(sorted(cells.items()))),
      drawing.look(i),
      hollow=[x for x, r in cells.items() if moves.move(r) == 'baseline'],
    )
    for i, (cloak, cells) in enumerate(sorted(series.items()))
  ]
  known = ''.join(text for mark, text in _MARKS.items() if mark in marks)
  rows = sorted(rows.values())
  figure = drawing.dot_plot(rows, series, 'protection rate, %')
  return _drawing('timeline', figure, _alt(series), known, _recognizer(found))


def year_and_mark(network: str) -> tuple[int, str] | None:
  """Says when a network's weights were published, and whose they are.

  Returns:
    The year, and '' for weights that ship, '*' for a user's file, '†' if
    trained here; None where no network has that name.
  """
  name, _, digest = network.partition(' ')
  try:
    spec = extractors.spec(name)
  except InputError:
    return None
  if digest or not (spec.pretrained or spec.url):
    return spec.year, '†'
  return spec.year, '' if spec.pretrained else '*'


def by_epsilon(records: list[dict]) -> Drawing | None:
  """Draws the rate against the budget: on the cloak's own network, and others.

  Returns:
    None where no attack was tried at two budgets.
  """
  found = [r for r in records if r['attack'] != 'none' and r['epsilon']]
  found, lines = moves.by_one_recognizer(found), {}
  for epsilon in sorted({r['epsilon'] for r in found}):
    same = [r for r in found if r['epsilon'] == epsilon]
    for attack, cells in moves.lowest(same).items():
      for move in ('baseline', 'oblivious'):
        if move in cells:
          line = lines.setdefault((words.attack_name(attack), move), {})
          line[255 * epsilon] = cells[move]
  if not (series := _lines(lines, 'baseline')):
    return None
  label = 'largest change of a pixel, grey levels of 255'
  figure = drawing.line_plot(series, label)
  return _drawing('epsilon', figure, _alt(series), _recognizer(found))


def by_distractors(records: list[dict]) -> Drawing | None:
  """Draws the rate against the number of strangers in the gallery.

  Args:
    records: of experiments/distractors.py.

  Returns:
    None where no cloak was tried among two numbers of strangers.
  """
  lines = {}
  ordered = sorted(records, key=lambda r: r['num_distractors'])
  for record, cloak, kind in tables.among_strangers(ordered):
    line = lines.setdefault((f'{cloak}, {record["network"]}', kind), {})
    line[record['num_distractors']] = record
  if not (series := _lines(lines, 'real')):
    return None
  figure = drawing.line_plot(series, 'strangers in the gallery', 'symlog')
  return _drawing('distractors', figure, _alt(series))


def roc(records: list[dict]) -> Drawing | None:
  """Draws the ROC curve of every detector, a panel each attack.

  Args:
    records: of detectors; of those with a curve the ones at an attack's own
      budget, of pictures as they were saved and of detectors that learned from
      all tools, or from none.

  Returns:
    None where there are none.
  """
  variants = zip(records, tables.variants(records), strict=True)
  found = [r for r, variant in variants if 'roc' in r and not any(variant)]
  if not found:
    return None
  attacks = list(dict.fromkeys(r['test_attack'] for r in found))
  names = list(dict.fromkeys(map(words.detector_name, found)))
  rows = -(-len(attacks) // 2)
  figure, axes = drawing.axes(_PANEL * rows, len(names), rows, 2)
  for axis in axes.flat[len(attacks) :]:
    axis.remove()
  for attack, axis in zip(attacks, axes.flat, strict=False):
    axis.plot([0, 100], [0, 100], ':', color=drawing.GREY)
    axis.set_title(words.short(words.attack_name(attack)), fontsize=9)
    axis.set(aspect='equal', xticks=[0, 50, 100], yticks=[0, 50, 100])
    axis.set(xlabel='clean flagged, %', ylabel='cloaked found, %')
    for record in found:
      if record['test_attack'] == attack:
        fpr, tpr = (np.multiply(100, record['roc'][x]) for x in ('fpr', 'tpr'))
        name = words.detector_name(record)
        style = drawing.look(names.index(name)) | {'marker': ''}
        axis.plot(fpr, tpr, label=words.short(name, 44), **style)
  alt = '. '.join(
    f'{words.detector_name(r)} on {words.attack_name(r["test_attack"])}: '
    f'area {words.percent(r["auc"])}%'
    for r in found
  )
  return _drawing('roc', drawing.legend(figure, axes[0, 0]), alt)


def trade_off(records: list[dict]) -> Drawing | None:
  """Draws clean accuracy and worst-case robustness of each trainer's choice.

  Returns:
    None where fewer than two choices were tried, with a cloak and without.
  """
  found = moves.comparable(records)
  accurate, worst = {}, {}
  for record in found:
    name, rate = words.column(record), record['protection_rate']
    if record['attack'] == 'none':
      accurate.setdefault(name, (record['accuracy'], record['accuracy_ci']))
    elif name not in worst or 1 - rate < worst[name][0]:
      low, high = record['protection_ci']
      worst[name] = (1 - rate, (1 - high, 1 - low))
  rows = sorted(accurate.keys() & worst.keys(), key=lambda n: (-worst[n][0], n))
  if len(rows) < 2:
    return None
  series = [
    Series(label, {row: points[row] for row in rows}, drawing.look(i))
    for i, (label, points) in enumerate(
      [('robustness', worst), ('accuracy', accurate)]
    )
  ]
  figure = drawing.dot_plot(rows, series, '%')
  name = 'accuracy_robustness'
  return _drawing(name, figure, _alt(series), _recognizer(found))


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
  return dict(zip(kinds.MAPPED, split, strict=True)) | {
    'explained': float(share)
  }


def embedding_map(records: list[dict]) -> Drawing | None:
  """Draws the map of the cloak that protects best, of those with one.

  Args:
    records: `project` made the field `embedding_map` of some.

  Returns:
    None where none has one.
  """
  records = [r for r in records if 'embedding_map' in r]
  if not records:
    return None
  record = max(records, key=lambda r: r['protection_rate'])
  places = record['embedding_map']
  figure, [[axis]] = drawing.axes(3.6, len(kinds.MAPPED))
  looks = [drawing.look(None) | {'marker': '.'}, *map(drawing.look, (0, 1))]
  for kind, style in zip(kinds.MAPPED, looks, strict=True):
    style = style | {'linestyle': 'none'}
    axis.plot(*np.transpose(places[kind]), label=kind, **style)
  axis.set_aspect('equal', adjustable='datalim')
  axis.set(xticklabels=[], yticklabels=[])
  drawing.legend(figure, axis)
  centre = {k: np.mean(places[k], 0) for k in ('clean', 'cloaked')}
  moved = np.linalg.norm(centre['cloaked'] - centre['clean'])
  spread = np.linalg.norm(np.subtract(places['clean'], centre['clean']), axis=1)
  return _drawing(
    'embedding_map',
    figure,
    f'The cloak moves the middle of the pictures by {moved:.3g}; clean ones '
    f'are {spread.mean():.3g} from theirs.',
    100 * places['explained'],
    words.attack_name(record['attack']),
    words.clean(record['network']),
  )


def _drawing(name, figure, alt, *filled):
  texts = words.TEXTS['figures'][name]
  caption = texts['caption'].format(*filled)
  return Drawing(name, texts['title'], caption, alt, figure)


def _points(cells):
  return {
    x: (r['protection_rate'], r['protection_ci']) for x, r in cells.items()
  }


def _lines(lines, solid):
  """(label, kind) -> number -> record, as series of two points or more."""
  lines = {key: cells for key, cells in lines.items() if len(cells) > 1}
  labels = list(dict.fromkeys(label for label, _ in lines))
  series = []
  for (label, kind), cells in lines.items():
    style = drawing.look(labels.index(label))
    style['linestyle'] = '-' if kind == solid else '--'
    if label.startswith('no cloak'):
      style['color'] = drawing.GREY
    series.append(Series(label, _points(cells), style, kind))
  return series


def _recognizer(records):
  return words.plain(records[0]['recognizer'])


def _alt(series: Sequence[Series]) -> str:
  return '. '.join(one.alt() for one in series)
