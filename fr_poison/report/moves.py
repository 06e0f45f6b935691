"""What the trainer did, and which of their choices leaves least of a cloak."""

from collections import Counter
from collections.abc import Callable

from fr_poison import extractors
from fr_poison.report import words

MOVES = words.TEXTS['moves']  # in the order of what they cost
_MOVE_OF = {
  'adversarial_training': 'adaptive',
  'top2': 'adaptive',
  'threshold': 'adaptive',
  'squeezing': 'cleaning',
  'purifying': 'cleaning',
  'puface': 'cleaning',
  'dyntracker': 'following',
}
# Of those who only take another network: how near it is to the cloak's.
OTHERS = 'same family', 'another family', 'oblivious'
WAITING = 'baseline', *OTHERS
_PROTECTS = 0.5  # of the pictures, before the network it was made for


def move(record: dict) -> str:
  """Says what the trainer did: one of `MOVES`, or the record's word for it."""
  first = kind(record)
  if first in ('baseline', 'oblivious'):
    network = record['network'].removesuffix(extractors.MIRRORED)
    is_own = network in record['surrogate']
    if is_own:
      return 'baseline'
    relation = record.get('relation') or extractors.relation(
      [network], record['surrogate']
    )
    return relation if relation in OTHERS else 'oblivious'
  return _MOVE_OF.get(first, first)


def kind(record: dict) -> str:
  """Says what kind of trainer it is: the first word, unless a field has it."""
  first, _, _ = words.clean(record['adversary']).partition(' ')
  return words.clean(record.get('kind') or first.removesuffix(':'))


def by_one_recognizer(records: list[dict], cell: str = '1A') -> list[dict]:
  """Selects those of the recognizer of which there are most, in one cell.

  Without noise, raw pixels, cloaks of several tools, saved ones, and strangers
  of a model. Records without a cloak are of every cell.
  """
  found = [
    r
    for r in in_cell(records, cell)
    if r['attack'] not in ('noise', 'history')
    and r['network'] != words.PIXELS
    and r.get('saved') is None
    and not r.get('num_distractors')
  ]
  return commonest(found, words.recognizer)


def in_cell(records: list[dict], cell: str = '1A') -> list[dict]:
  """Selects those of a cell in which other people are not cloaked."""
  return [
    r
    for r in records
    if words.cell_name(r) in (cell, '1B')
    and r.get('others', 'clean') == 'clean'
  ]


def comparable(records: list[dict]) -> list[dict]:
  """Selects of them each attack at the budget of which there are most."""
  return at_one_budget(by_one_recognizer(records))


def at_one_budget(records: list[dict]) -> list[dict]:
  """Selects each attack at the budget of which there are most."""
  return _each_attack(records, lambda record: record.get('epsilon'))


def on_one_surrogate(records: list[dict]) -> list[dict]:
  """Selects each attack on the surrogate that most trainers met."""
  return _each_attack(records, words.surrogate_name)


def lowest(records: list[dict]) -> dict[str, dict[str, dict]]:
  """Finds attack -> move -> the record that suits the trainer best.

  That is the least protection, for the trainer moves last. Where nobody is
  enrolled there is no rate, but the detector has found every cloak that was
  tried: none beats that. Under 'none' stand the errors that the trainers so
  chosen make without a cloak, of several the most.
  """
  chosen = {r['attack']: {} for r in records if r['attack'] != 'none'}
  order = lambda r: r['protection_rate'] if has_rate(r) else -1
  for record in sorted(records, key=order):
    if record['attack'] != 'none':
      chosen[record['attack']].setdefault(move(record), record)
  bare = {words.column(r): r for r in records if r['attack'] == 'none'}
  beside = {}
  for cells in chosen.values():
    for name, record in cells.items():
      own = [beside.get(name), bare.get(words.column(record))]
      if any(own):
        beside[name] = max(filter(None, own), key=order)
  return chosen | ({'none': beside} if beside else {})


def protecting(records: list[dict]) -> list[dict]:
  """Leaves out cloaks that fail before the network that they were made for.

  None where no cloak does better, or where that was not tried.
  """
  rates = {a: baseline_rate(cells) for a, cells in lowest(records).items()}
  rates.pop('none', None)
  if all(rate < _PROTECTS for rate in rates.values()):
    return records
  return [r for r in records if rates.get(r['attack'], 1) >= _PROTECTS]


def baseline_rate(cells: dict[str, dict]) -> float:
  """Returns the rate before the cloak's own network, 1 where not tried."""
  record = cells.get('baseline')
  return record['protection_rate'] if record and has_rate(record) else 1


def tried(best: dict[str, dict[str, dict]]) -> list[str]:
  """Lists the moves that any cloak of `lowest` met, the cheapest first."""
  met = [m for a, cells in best.items() if a != 'none' for m in cells]
  return [m for m in dict.fromkeys([*MOVES, *met]) if m in met]


def labels(best: dict[str, dict[str, dict]]) -> dict[str, str]:
  """Names the attacks of `lowest`, with their people where these differ."""
  people = {
    attack: sorted(set(map(words.num_protected, cells.values())))
    for attack, cells in best.items()
    if attack != 'none'
  }
  several = len(set(map(tuple, people.values()))) > 1
  count = lambda x: f', {" or ".join(map(str, x))} people' if several else ''
  return {a: words.attack_name(a) + count(x) for a, x in people.items()}


def has_rate(record: dict) -> bool:
  """Says whether anybody is enrolled, so that there is a rate."""
  return record['protection_rate'] is not None


def _each_attack(records, of):
  attacks = {}
  for record in records:
    attacks.setdefault(record['attack'], []).append(record)
  return [r for same in attacks.values() for r in commonest(same, of)]


def commonest(records: list[dict], of: Callable[[dict], object]) -> list[dict]:
  """Selects those of which `of` says what it says of most."""
  chosen = Counter(map(of, records)).most_common(1)
  return [r for r in records if of(r) == chosen[0][0]]
