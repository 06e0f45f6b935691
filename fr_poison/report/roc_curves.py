"""ROC curves of detectors, a panel each attack."""

from fr_poison.report import drawing, grid
from fr_poison.report.drawing import Drawing

_CAPTION = """\
Cloaked pictures found against clean ones flagged, in %, of people whom the
detector never saw, a panel each attack. Dotted: guessing."""
_HEIGHT = 2.4  # inches, of a panel


def draw(records: list[dict]) -> Drawing | None:
  """The ROC curve of every detector, each attack at its own budget.

  Args:
    records: as in `detection`; those of pictures as they were saved, and of
      detectors that learned from all tools, or from none, are drawn.

  Returns:
    None where none of them has its curve.
  """
  found = [r for r in _plain(records) if 'roc' in r]
  if not found:
    return None
  attacks = list(dict.fromkeys(r['test_attack'] for r in found))
  names = list(dict.fromkeys(map(_name, found)))
  rows = -(-len(attacks) // 2)
  figure, axes = drawing.axes(_HEIGHT * rows, len(names), rows, 2)
  for i, axis in enumerate(axes.flat):
    if i >= len(attacks):
      axis.remove()
      continue
    axis.plot([0, 100], [0, 100], ':', color=drawing.GREY)
    axis.set_title(drawing.short(grid.attack_name(attacks[i])), fontsize=9)
    axis.set(aspect='equal', xticks=[0, 50, 100], yticks=[0, 50, 100])
    axis.set(xlabel='clean flagged, %', ylabel='cloaked found, %')
    for record in found:
      if record['test_attack'] == attacks[i]:
        fpr, tpr = ([100 * x for x in record['roc'][k]] for k in ('fpr', 'tpr'))
        style = drawing.look(names.index(_name(record))) | {'marker': ''}
        axis.plot(fpr, tpr, label=drawing.short(_name(record), 44), **style)
  drawing.legend(figure, axes[0, 0])
  return Drawing('roc', 'What detectors find', _CAPTION, _alt(found), figure)


def _plain(records):
  budgets = {}  # each attack's own one comes first
  for record in records:
    budgets.setdefault(record['test_attack'], record['epsilon'])
  tools = max((r['train_attack'].count('+') for r in records), default=0)
  return [
    r
    for r in records
    if not r['jpeg']
    and r['epsilon'] == budgets[r['test_attack']]
    and (r['train_attack'] == 'none' or r['train_attack'].count('+') == tools)
  ]


def _name(record):
  return f'{record["detector"]} ({record["features"]})'


def _alt(records):
  return '. '.join(
    f'{_name(r)} on {grid.attack_name(r["test_attack"])}: '
    f'area {grid.percent(r["auc"])}%'
    for r in records
  )
