"""The answer of a study: what each move of the trainer leaves of a cloak."""

from collections import Counter

from fr_poison.report import drawing, grid
from fr_poison.report.drawing import Dots, Drawing

# What the trainer does, in the order of what it costs.
MOVES = {
  'baseline': 'takes the network that the cloak was made for',
  'oblivious': 'takes another of the networks tried',
  'adaptive': "trains on the public tool's output",
  'cleaning': 'cleans the pictures first',
  'detecting': 'drops what a detector finds',
}
_MOVE_OF = {
  'adversarial_training': 'adaptive',
  'top2': 'adaptive',
  'threshold': 'adaptive',
  'squeezing': 'cleaning',
  'purifying': 'cleaning',
}
_PROTECTS = 0.5  # of the pictures, before the network it was made for
_LIMITS = (
  'This holds for these pictures, networks and settings only: a cloak made on '
  'another network, or with a larger budget, may cross to networks that this '
  'one does not, and a detector may flag clean pictures of another camera.'
)
_CAPTION = """\
How many of the clean test pictures of cloaked people the recognizer gets
wrong, with the 95% interval, in this experiment. Large: what is left when the
trainer, who moves last, chooses best among what was tried; pale: their other
choices; hollow: of those still enrolled, where they dropped all pictures of
others. Grey: the errors made without any cloak. Recognizer: {}."""


def move(record: dict) -> str:
  """What the trainer did, one of `MOVES`, or the record's word for it."""
  first, _, _ = grid.clean(record['adversary']).partition(' ')
  first = first.removesuffix(':')
  if first in ('baseline', 'oblivious'):
    is_own = record['network'] in record['surrogate']
    return 'baseline' if is_own else 'oblivious'
  return _MOVE_OF.get(first, first)


def by_one_recognizer(records: list[dict]) -> list[dict]:
  """Those of the recognizer of which there are most.

  Without noise, raw pixels, and cloaks of several tools.
  """
  left_out = ('noise', 'history')
  found = [r for r in records if r['attack'] not in left_out]
  found = [r for r in found if r['network'] != grid.PIXELS]
  return _commonest(found, 'recognizer')


def comparable(records: list[dict]) -> list[dict]:
  """Of them, each attack at the budget of which there are most."""
  found = by_one_recognizer(records)
  attacks = dict.fromkeys(r['attack'] for r in found)
  split = ([r for r in found if r['attack'] == attack] for attack in attacks)
  return [r for same in split for r in _commonest(same, 'epsilon')]


def lowest(records: list[dict]) -> dict[str, dict[str, dict]]:
  """attack -> move -> the record of the choice that suits the trainer best.

  That is the least protection, for the trainer moves last. Where nobody is
  enrolled there is no rate, but the detector has found every cloak that was
  tried: none beats that.
  Without a cloak every network is there from the start, so that is the
  baseline's as well.
  """
  chosen = {r['attack']: {} for r in records if r['attack'] != 'none'}
  order = lambda r: r['protection_rate'] if _has_rate(r) else -1
  for record in sorted(records, key=order):
    trainer = move(record)
    cells = chosen.setdefault(record['attack'], {})
    cells.setdefault(trainer, record)
    if record['attack'] == 'none' and trainer == 'oblivious':
      cells.setdefault('baseline', record)
  return chosen


def protecting(records: list[dict]) -> list[dict]:
  """Without cloaks that fail before the very network they were made for.

  All of them where none does better, or where that was not tried.
  """
  best = lowest(records)
  failing = {
    attack
    for attack, cells in best.items()
    if attack != 'none' and _baseline(cells) < _PROTECTS
  }
  if failing == best.keys() - {'none'}:
    return records
  return [r for r in records if r['attack'] not in failing]


def sentence(records: list[dict]) -> str:
  """The answer in a sentence or two; '' where fewer than two moves were tried.

  Args:
    records: as in `draw`.
  """
  everything = comparable(records)
  found, every = lowest(protecting(everything)), lowest(everything)
  errors = [
    r['protection_rate']
    for r in filter(_has_rate, found.pop('none', {}).values())
  ]
  tried = [m for m in MOVES if any(m in cells for cells in found.values())]
  if len(tried) < 2:
    return ''
  parts = [_part(m, [c[m] for c in found.values() if m in c]) for m in tried]
  names = ', '.join(map(grid.attack_name, found))
  text = (
    f'Of the clean pictures of cloaked people ({names}), a trainer who chooses '
    f'well among what was tried{_scope(records)} gets wrong: {"; ".join(parts)}'
  )
  if errors:
    text += f'. Without a cloak: at most {grid.percent(max(errors))}%'
  failing = [a for a in every if a != 'none' and a not in found]
  if failing:
    names = ', '.join(map(grid.attack_name, failing))
    rate = grid.percent(max(_baseline(every[a]) for a in failing))
    text += (
      f'. Not counted: {names}, with the settings of this run at most {rate}% '
      'even before the network that they were made for'
    )
  return f'{text}. {_LIMITS}'


def draw(records: list[dict]) -> Drawing | None:
  """Protection rate by the trainer's move, one series an attack.

  Args:
    records: as in `records`, and of trainers behind a detector.

  Returns:
    None where fewer than two moves were tried.
  """
  text = sentence(records)
  if not text:
    return None
  found = protecting(comparable(records))
  best = lowest(found)
  tried = dict.fromkeys([*MOVES, *map(move, found)])
  rows = [m for m in tried if any(m in cells for cells in best.values())]
  series = [_dots(attack, cells, found) for attack, cells in best.items()]
  recognizer = found[0]['recognizer'].replace('_', ' ')
  return Drawing(
    'answer',
    "What the trainer's move leaves of the protection",
    _CAPTION.format(recognizer),
    text,
    drawing.dot_plot(rows, series, 'protection rate, %'),
  )


def _scope(records):
  """' on orl, 40 people': the pictures, if the records name them."""
  named = [r['dataset'] for r in records if r.get('dataset')]
  found = dict.fromkeys(map(grid.clean, named))
  return f' on {" and ".join(found)}' if found else ''


def _baseline(cells):
  record = cells.get('baseline')
  return record['protection_rate'] if record and _has_rate(record) else 1


def _commonest(records, name):
  chosen = Counter(r[name] for r in records).most_common(1)
  return [r for r in records if r[name] == chosen[0][0]]


def _part(trainer, cells):
  known = sorted(r['protection_rate'] for r in filter(_has_rate, cells))
  nobody = [grid.attack_name(r['attack']) for r in cells if not _has_rate(r)]
  text = 'nobody is enrolled'
  if known:
    ends = dict.fromkeys(map(grid.percent, (known[0], known[-1])))
    text = ' to '.join(ends) + '%'
    if any(map(_is_partial, cells)):
      text += ' of those still enrolled'
      text += f' (nobody with {", ".join(nobody)})' if nobody else ''
  return f'{text} when the trainer {MOVES[trainer]} ({trainer})'


def _dots(attack, cells, records):
  faint = {}
  for record in filter(_has_rate, records):
    if record['attack'] == attack:
      faint.setdefault(move(record), []).append(record['protection_rate'])
  known = {m: r for m, r in cells.items() if _has_rate(r)}
  return Dots(
    'no cloak' if attack == 'none' else grid.attack_name(attack),
    drawing.protection(known),
    faint,
    {m: 'nobody enrolled' for m in cells if m not in known},
    {m for m, r in cells.items() if _is_partial(r)},
    is_grey=attack == 'none',
  )


def _has_rate(record):
  return record['protection_rate'] is not None


def _is_partial(record):
  """Whether the trainer lost people, having dropped all their pictures."""
  return bool(record.get('not_enrolled_rate'))
