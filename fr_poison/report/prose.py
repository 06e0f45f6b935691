"""The result in plain sentences, and the facts beside it, from records."""

from fr_poison.report import answer, record_file, words
from fr_poison.report.grid import Grid, arrange
from fr_poison.report.sources import Sources

_NUM_SENTENCES = 6
_ADVERSARIES = {
  'baseline': 'using the network the cloak was made for (baseline)',
  'oblivious': 'using another, later network (oblivious)',
  'adaptive': "training on the public tool's own output (adaptive)",
  'adversarial_training': 'attacking his own network while he trains it',
  'detecting': 'spotting cloaked pictures and dropping them (detecting)',
  'purifying': 'cleaning cloaked pictures first (purifying)',
}


def lead(found: Sources, grids: list[Grid]) -> list[str]:
  """Writes what a page begins with: the answer, and what it is made from.

  Args:
    found: the records.
    grids: of those of a protection.
  """
  if not found.all():
    return ['There are no records, so there is nothing to report.']
  text = answer.sentence(found.protection + found.trainers)
  texts = [text] if text else []
  runs = {grid.run for grid in grids}
  if not texts and len(runs) == 1:
    texts = sentences(arrange(found.protection))
  if len(runs) > 1:
    texts.append(
      f'Here are {len(runs)} runs, of other seeds or configurations: the '
      'figures hold them all, each has tables of its own.'
    )
  if found.skipped:
    texts.append('Some records were not used; why, is said below.')
  return texts


def sentences(grid: Grid) -> list[str]:
  """Writes the result, one sentence for each cloak, at most a few.

  Each says the rate against the cloak's own network, and the best and the
  worst one against others (raw pixels aside), every one beside its noise.
  """
  texts = []
  for row, control in zip(grid.rows, [*grid.rows[1:], None], strict=True):
    if row.kind == 'attack':
      is_control = control is not None and control.kind == 'noise'
      texts.append(_sentence(row, control.cells if is_control else {}))
  return texts[:_NUM_SENTENCES]


def not_tested(records: list[dict]) -> list[str]:
  """Writes what a reader might think was measured, a sentence each.

  Trainers and recognizers that no record has, and the records' `not_tested`.
  """
  # 'purifying: blur' is one of those who purify.
  adversaries = {r['adversary'].partition(':')[0] for r in records}
  recognizers = {record['recognizer'] for record in records}
  trainers = [x for name, x in _ADVERSARIES.items() if name not in adversaries]
  kinds = [x for x in record_file.RECOGNIZERS if x not in recognizers]
  sentences = [f'A trainer {x}.' for x in trainers]
  if kinds:
    sentences.append(f'Recognizers: {", ".join(kinds).replace("_", " ")}.')
  sentences += [
    'Commercial face recognition services, and networks not in the table.',
    'People, cameras and poses other than those of these pictures.',
  ]
  return list(dict.fromkeys(sentences + gathered(records, 'not_tested')))


def limits(found: Sources) -> list[str]:
  """Writes the same of every kind of record, and ORL's limits."""
  records = found.protection + found.trainers
  texts = not_tested(records)
  if any(r.get('dataset', '').startswith('orl') for r in records):
    texts.append(
      'Large galleries, colour, cameras of today: ORL is 40 people, grey, and '
      'of 1992 to 1994.'
    )
  return texts


def gathered(records: list[dict], name: str) -> list:
  """Lists what the records' lists of that name hold, each once."""
  found = [x for record in records for x in record.get(name, [])]
  return [*{str(x): x for x in found}.values()]


def _sentence(row, noise):
  epsilon = words.levels(row.record['epsilon'])
  own = [n for n in row.cells if row.is_own(n)]
  others = [n for n in row.cells if n not in own and n != words.PIXELS]
  others.sort(key=lambda n: -row.cells[n]['protection_rate'])
  ends = list(dict.fromkeys(others[:1] + others[-1:]))
  cloak = words.attack_name(row.record['attack'])
  cloak += f' at {epsilon}' if epsilon else ''
  parts = [
    _rate(
      row.cells[place],
      'on' if i else 'protected against a recognizer built on',
      '95% interval ',
      noise.get(place),
      'plain noise of the same strength',
    )
    for i, place in enumerate(own)
  ]
  if ends:
    order = ', best and worst' if len(others) > 2 else ''
    rates = [_rate(row.cells[n], 'on', '', noise.get(n), 'noise') for n in ends]
    parts.append(
      f'on networks it was not made for{order}: {" and ".join(rates)}'
    )
  made_for = words.surrogate_name(row.record)
  _, _, told = row.label.partition(', ')  # recognizer, history
  made_for += f' ({told})' if told else ''
  return f'{cloak} made for {made_for}: {"; ".join(parts) or "not tried"}.'


def _rate(cell, relation, ci_label, noise, noise_label):
  """'100% on mobileface (95% interval 98 to 100%; noise 0%)'."""
  detail = f'{ci_label}{words.interval(cell["protection_ci"], " to ")}%'
  if noise is not None:
    detail += f'; {noise_label} {words.percent(noise["protection_rate"])}%'
  rate = words.percent(cell['protection_rate'])
  return f'{rate}% {relation} {words.column(cell)} ({detail})'
