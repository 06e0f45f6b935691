"""Curves of the protection: by the cloak's budget, and among strangers."""

from typing import NamedTuple

from matplotlib import ticker

from fr_poison.report import answer, drawing, grid
from fr_poison.report.drawing import Drawing

_EPSILON_CAPTION = """\
Protection rate against the largest change of a pixel that the cloak may make,
with its 95% interval. Solid: on the network that the cloak was made for;
dashed: on that of the others which suits the trainer best. Recognizer: {}."""
_STRANGERS_CAPTION = """\
Protection rate when the gallery holds so many strangers as well, with its 95%
interval. Solid: pictures of real people; dashed: draws of a model fitted to
them. Grey: the errors made without any cloak."""


class _Line(NamedTuple):
  label: str
  kind: str  # solid or dashed, which the caption says
  points: list[tuple[float, dict]]  # x, record
  style: dict


def by_epsilon(records: list[dict]) -> Drawing | None:
  """Protection rate against the budget: on a cloak's own network, and others.

  Args:
    records: as in `records`.

  Returns:
    None where no attack was tried at two budgets.
  """
  found = [r for r in records if r['attack'] != 'none' and r['epsilon']]
  found, points = answer.by_one_recognizer(found), {}
  for epsilon in sorted({r['epsilon'] for r in found}):
    same = [r for r in found if r['epsilon'] == epsilon]
    for attack, cells in answer.lowest(same).items():
      for trainer in ('baseline', 'oblivious'):
        if trainer in cells:
          line = points.setdefault((attack, trainer), [])
          line.append((255 * epsilon, cells[trainer]))
  points = {key: line for key, line in points.items() if len(line) > 1}
  attacks = list(dict.fromkeys(attack for attack, _ in points))
  lines = []
  for (attack, trainer), line in points.items():
    style = drawing.look(attacks.index(attack))
    style['linestyle'] = '-' if trainer == 'baseline' else '--'
    lines.append(_Line(grid.attack_name(attack), trainer, line, style))
  if not lines:
    return None
  return Drawing(
    'epsilon',
    'Protection against the budget',
    _EPSILON_CAPTION.format(found[0]['recognizer'].replace('_', ' ')),
    _alt(lines, 'grey levels'),
    _plot(lines, 'largest change of a pixel, grey levels of 255'),
  )


def by_distractors(records: list[dict]) -> Drawing | None:
  """Protection rate against the number of strangers in the gallery.

  Args:
    records: of experiments/distractors.py.

  Returns:
    None where no cloak was tried among two numbers of strangers.
  """
  points = {}
  for record in sorted(records, key=lambda r: r['num_distractors']):
    cloak = grid.attack_name(record['attack'])
    if record['surrogate']:
      cloak = f'{cloak} for {grid.surrogate_name(record)}'
    kind = record['distractors']
    for k in ('real', 'model') if kind == 'none' else (kind,):
      line = points.setdefault((cloak, record['network'], k), [])
      line.append((record['num_distractors'], record))
  points = {key: line for key, line in points.items() if len(line) > 1}
  names = list(dict.fromkeys(key[:2] for key in points))
  lines = []
  for (cloak, network, kind), line in points.items():
    style = drawing.look(names.index((cloak, network)))
    style['linestyle'] = '-' if kind == 'real' else '--'
    if cloak == 'none':
      style['color'], cloak = drawing.GREY, 'no cloak'
    lines.append(_Line(f'{cloak}, {network}', kind, line, style))
  if not lines:
    return None
  return Drawing(
    'distractors',
    'Protection among strangers',
    _STRANGERS_CAPTION,
    _alt(lines, 'strangers'),
    _plot(lines, 'strangers in the gallery', 'symlog'),
  )


def _plot(lines, label, scale='linear'):
  figure, [[axis]] = drawing.axes(3, len({line.label for line in lines}))
  for line in lines:
    x, cells = zip(*line.points, strict=True)
    rates = [100 * r['protection_rate'] for r in cells]
    low, high = zip(*(r['protection_ci'] for r in cells), strict=True)
    style = line.style | {'markersize': 5}
    axis.plot(x, rates, label=drawing.short(line.label, 44), **style)
    axis.vlines(
      x, [100 * y for y in low], [100 * y for y in high], style['color'], lw=1
    )
  axis.set(ylim=(-3, 103), xlabel=label, ylabel='protection rate, %')
  axis.set_xscale(scale)
  if scale == 'symlog':
    axis.set_xlim(left=-0.5)
  axis.set_xticks(sorted({x for line in lines for x, _ in line.points}))
  axis.set_xticks([], minor=True)
  axis.xaxis.set_major_formatter(ticker.EngFormatter(sep=''))
  drawing.legend(figure, axis)
  return figure


def _alt(lines, unit):
  texts = []
  for line in lines:
    rates = ', '.join(
      f'{grid.percent(r["protection_rate"])}% at {x:.3g}'
      for x, r in line.points
    )
    texts.append(f'{line.label}, {line.kind}: {rates} {unit}')
  return '. '.join(texts)
