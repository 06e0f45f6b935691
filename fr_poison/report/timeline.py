"""The network's year against the protection: what waiting gains the trainer."""

from fr_poison import extractors
from fr_poison.report import answer, drawing, grid
from fr_poison.report.drawing import Dots, Drawing
from fr_poison.types import InputError

_CAPTION = """\
How many of the clean test pictures of cloaked people a recognizer built on
each network gets wrong, with the 95% interval; networks from old to new, by
the year in which their weights were published. Hollow: a network that the
cloak was made for. {}Recognizer: {}."""
_MARKS = {
  '': '',
  '*': "*: weights from the user's own file. ",
  '†': '†: trained here; the year is the design’s. ',
}


def draw(records: list[dict]) -> Drawing | None:
  """Protection rate by network, of trainers who just wait.

  Args:
    records: as in `records`.

  Returns:
    None where fewer than two networks of a known year were tried.
  """
  found = [
    r
    for r in answer.protecting(answer.comparable(records))
    if answer.move(r) in ('baseline', 'oblivious')
    and r['attack'] != 'none'
    and year(r['network'])
  ]
  rows = {r['network']: _row(r['network']) for r in found}
  if len(rows) < 2:
    return None
  series = {}
  for record in sorted(found, key=lambda r: r['protection_rate']):
    cloak = grid.cloak_name(
      grid.attack_name(record['attack']), grid.surrogate_name(record)
    )
    cells = series.setdefault(cloak, {})
    cells.setdefault(rows[record['network']], record)
  marks = {mark(name) for name in rows}
  told = ''.join(text for m, text in _MARKS.items() if m in marks)
  recognizer = found[0]['recognizer'].replace('_', ' ')
  return Drawing(
    'timeline',
    'Does waiting for a newer network help?',
    _CAPTION.format(told, recognizer),
    _alt(series),
    drawing.dot_plot(
      sorted(rows.values()),
      [_dots(*item) for item in sorted(series.items())],
      'protection rate, %',
    ),
  )


def year(network: str) -> int | None:
  """In which the network's weights were published; None: not known."""
  try:
    return extractors.spec(network.partition(' ')[0]).year
  except InputError:
    return None


def mark(network: str) -> str:
  """'' for weights that ship, '*' for a user's file, '†' if trained here."""
  name, _, digest = network.partition(' ')
  spec = extractors.spec(name)
  if digest or not (spec.pretrained or spec.url):
    return '†'
  return '' if spec.pretrained else '*'


def _row(network):
  return f'{year(network)} {grid.clean(network)}{mark(network)}'


def _dots(cloak, cells):
  return Dots(
    cloak,
    drawing.protection(cells),
    hollow={row for row, r in cells.items() if answer.move(r) == 'baseline'},
  )


def _alt(series):
  rates = lambda cells: ', '.join(
    f'{row} {grid.percent(r["protection_rate"])}%'
    for row, r in sorted(cells.items())
  )
  return '. '.join(
    f'{cloak}: {rates(cells)}' for cloak, cells in series.items()
  )
