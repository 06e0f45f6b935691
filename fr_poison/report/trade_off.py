"""Accuracy on clean pictures against robustness: the trainer's own choice."""

from fr_poison.report import answer, drawing, grid
from fr_poison.report.drawing import Dots, Drawing

_CAPTION = """\
What a trainer gives for robustness, a row each choice. Robustness: the cloaked
people's clean pictures that they get right under the cloak that harms them
most, of those tried. Accuracy: everybody else's, nobody having cloaked. With
95% intervals. Recognizer: {}."""


def draw(records: list[dict]) -> Drawing | None:
  """Clean accuracy and worst-case robustness of each trainer's choice.

  Args:
    records: as in `records`.

  Returns:
    None where fewer than two choices were tried, with a cloak and without.
  """
  found = [r for r in answer.comparable(records) if 'accuracy' in r]
  accurate, worst = {}, {}
  for record in found:
    name, rate = grid.column(record), record['protection_rate']
    if record['attack'] == 'none':
      accurate.setdefault(name, (record['accuracy'], record['accuracy_ci']))
    elif name not in worst or 1 - rate < worst[name][0]:
      low, high = record['protection_ci']
      worst[name] = (1 - rate, (1 - high, 1 - low))
  rows = sorted(accurate.keys() & worst.keys(), key=lambda n: (-worst[n][0], n))
  if len(rows) < 2:
    return None
  figure = drawing.dot_plot(
    rows, [Dots('robustness', worst), Dots('accuracy', accurate)], '%'
  )
  recognizer = found[0]['recognizer'].replace('_', ' ')
  return Drawing(
    'accuracy_robustness',
    'Accuracy against robustness',
    _CAPTION.format(recognizer),
    '. '.join(
      f'{row}: robustness {grid.percent(worst[row][0])}%, '
      f'accuracy {grid.percent(accurate[row][0])}%'
      for row in rows
    ),
    figure,
  )
