"""The answer of a study: what each move of the trainer leaves of a cloak."""

from collections import Counter

from fr_poison.report import words

# What the trainer does, in the order in which it costs him more.
MOVES = {
  'baseline': 'takes the network that the cloak was made for',
  'oblivious': 'takes another network',
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


def move(record: dict) -> str:
  """What the trainer did, one of `MOVES`, or his own word for it."""
  first, _, _ = words.clean(record['adversary']).partition(' ')
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
  found = [r for r in found if r['network'] != words.PIXELS]
  return _commonest(found, 'recognizer')


def comparable(records: list[dict]) -> list[dict]:
  """Of them, each attack at the budget of which there are most."""
  found = by_one_recognizer(records)
  attacks = dict.fromkeys(r['attack'] for r in found)
  split = ([r for r in found if r['attack'] == attack] for attack in attacks)
  return [r for same in split for r in _commonest(same, 'epsilon')]


def lowest(records: list[dict]) -> dict[str, dict[str, dict]]:
  """attack -> move -> the record of the choice that suits the trainer best.

  That is the least protection, for he moves last. Where nobody is enrolled
  there is no rate, but his detector has found every cloak: none beats that.
  Without a cloak every network is there from the start, so that is the
  baseline's as well.
  """
  chosen = {r['attack']: {} for r in records if r['attack'] != 'none'}
  order = lambda r: r['protection_rate'] if has_rate(r) else -1
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
    records: of the protection, and of trainers behind a detector.
  """
  everything = comparable(records)
  found, every = lowest(protecting(everything)), lowest(everything)
  errors = [
    r['protection_rate']
    for r in filter(has_rate, found.pop('none', {}).values())
  ]
  tried = [m for m in MOVES if any(m in cells for cells in found.values())]
  if len(tried) < 2:
    return ''
  parts = [_part(m, [c[m] for c in found.values() if m in c]) for m in tried]
  names = ', '.join(map(words.attack_name, found))
  text = (
    f'Of the clean pictures of cloaked people ({names}), a trainer who chooses '
    f'well gets wrong: {"; ".join(parts)}'
  )
  if errors:
    text += f'. Without a cloak: at most {words.percent(max(errors))}%'
  failing = [a for a in every if a != 'none' and a not in found]
  if failing:
    names = ', '.join(map(words.attack_name, failing))
    rate = words.percent(max(_baseline(every[a]) for a in failing))
    text += (
      f'. Not counted: {names}, at most {rate}% even before the network that '
      'they were made for'
    )
  return text + '.'


def _baseline(cells):
  record = cells.get('baseline')
  return record['protection_rate'] if record and has_rate(record) else 1


def _commonest(records, name):
  chosen = Counter(r[name] for r in records).most_common(1)
  return [r for r in records if r[name] == chosen[0][0]]


def _part(trainer, cells):
  known = sorted(r['protection_rate'] for r in filter(has_rate, cells))
  nobody = [words.attack_name(r['attack']) for r in cells if not has_rate(r)]
  text = 'nobody is enrolled'
  if known:
    ends = dict.fromkeys(map(words.percent, (known[0], known[-1])))
    text = ' to '.join(ends) + '%'
    if any(r.get('not_enrolled_rate') for r in cells):
      text += ' of those still enrolled'
      text += f' (nobody with {", ".join(nobody)})' if nobody else ''
  return f'{text} when he {MOVES[trainer]} ({trainer})'


def has_rate(record: dict) -> bool:
  """Says whether anybody is enrolled, so that there is a rate."""
  return record['protection_rate'] is not None
