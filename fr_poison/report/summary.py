"""The result in plain sentences, and the facts beside it, from records."""

from fr_poison.report import grid as grid_lib
from fr_poison.report import records as records_lib

_ADVERSARIES = {
  'baseline': 'using the network the cloak was made for (baseline)',
  'oblivious': 'using another network (oblivious)',
  'adaptive': "training on the public tool's own output (adaptive)",
  'adversarial_training': 'attacking the network while it trains',
  'detecting': 'spotting cloaked pictures and dropping them (detecting)',
  'purifying': 'cleaning cloaked pictures first (purifying)',
}


def sentences(records: list[dict], limit: int = 6) -> list[str]:
  """The result, one sentence for each cloak, at most `limit`.

  Each says the rate against the cloak's own network, and the best and the
  worst one against others (raw pixels aside), every one beside its noise.

  Raises:
    InputError: as `grid.arrange`.
  """
  rows = grid_lib.arrange(records).rows
  texts = []
  for row, control in zip(rows, [*rows[1:], None], strict=True):
    if row.kind == 'attack':
      is_control = control is not None and control.kind == 'noise'
      texts.append(_sentence(row, control.cells if is_control else {}))
  return texts[:limit]


def not_tested(records: list[dict]) -> list[str]:
  """What a reader might think was measured, and was not, a sentence each.

  Trainers and recognizers that no record has, and the records' `not_tested`.
  """
  # 'purifying: blur' is one of those who purify.
  adversaries = {r['adversary'].partition(':')[0] for r in records}
  recognizers = {record['recognizer'] for record in records}
  trainers = [x for name, x in _ADVERSARIES.items() if name not in adversaries]
  kinds = [x for x in records_lib.RECOGNIZERS if x not in recognizers]
  sentences = [f'A trainer {x}.' for x in trainers]
  if kinds:
    sentences.append(f'Recognizers: {", ".join(kinds).replace("_", " ")}.')
  sentences += [
    'Commercial face recognition services, and networks not in the table.',
    'People, cameras and poses other than those of these pictures.',
  ]
  return list(dict.fromkeys(sentences + gathered(records, 'not_tested')))


def gathered(records: list[dict], name: str) -> list:
  """What the records' lists of that name hold, each once."""
  found = [x for record in records for x in record.get(name, [])]
  return [*{str(x): x for x in found}.values()]


def provenance(records: list[dict]) -> dict[str, list[str]]:
  """Where the numbers come from: each field's distinct values, as text."""
  pairs = lambda name: [
    f'{key} {value}'
    for record in records
    for key, value in sorted(record[name].items())
  ]
  fields = {
    'Device': [record['device'] for record in records],
    'Versions': pairs('versions'),
    'Configuration': [record['config_hash'] for record in records],
    'Weights, by SHA-256': pairs('weights'),
    'Seed': [str(record['seed']) for record in records],
    'Wall time': [
      f'{max(r["wall_seconds"] for r in records):.0f} s for the slowest row'
    ],
  }
  return {name: list(dict.fromkeys(xs)) for name, xs in fields.items() if xs}


def values(records: list[dict], name: str) -> str:
  """A field's values in all records that have it, as text, or ''."""
  found = dict.fromkeys(str(r[name]) for r in records if name in r)
  return ' or '.join(found)


def _sentence(row, noise):
  epsilon = grid_lib.levels(row.record['epsilon'])
  own = [n for n in row.cells if row.is_own(n)]
  others = [n for n in row.cells if n not in own and n != grid_lib.PIXELS]
  others.sort(key=lambda n: -row.cells[n]['protection_rate'])
  ends = list(dict.fromkeys(others[:1] + others[-1:]))
  cloak = grid_lib.attack_name(row.record['attack'])
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
  made_for = grid_lib.surrogate_name(row.record)
  _, _, told = row.label.partition(', ')  # recognizer, history
  made_for += f' ({told})' if told else ''
  return f'{cloak} made for {made_for}: {"; ".join(parts) or "not tried"}.'


def _rate(cell, relation, ci_label, noise, noise_label):
  """'100% on mobileface (95% interval 98 to 100%; noise 0%)'."""
  detail = f'{ci_label}{grid_lib.interval(cell["protection_ci"], " to ")}%'
  if noise is not None:
    detail += f'; {noise_label} {grid_lib.percent(noise["protection_rate"])}%'
  rate = grid_lib.percent(cell['protection_rate'])
  return f'{rate}% {relation} {grid_lib.column(cell)} ({detail})'
