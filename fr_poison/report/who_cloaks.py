"""Who is cloaked, and what each cell gave: in figures and in words."""

from fr_poison.report import drawing, moves, words
from fr_poison.report.drawing import Drawing, Series

CELLS = ('1B', '1A', '2A', '2B')  # the control first
_CLAIMS = words.TEXTS['claims']


def tried(records: list[dict]) -> list[str]:
  """Lists the cells that cloaks were measured in."""
  found = {words.cell_name(r) for r in records if r['attack'] != 'none'}
  return [name for name in CELLS if name in found]


def best(records: list[dict]) -> dict[str, float]:
  """Finds the largest rate by cell, on the network that a cloak is made for."""
  found = {}
  for name in tried(records):
    cells = _by_attack(records, name).values()
    rates = [own['protection_rate'] for own, _ in cells if own]
    found |= {name: max(rates)} if rates else {}
  return found


def is_compared(records: list[dict]) -> bool:
  """Whether more was cloaked than galleries."""
  return tried(records) not in ([], ['1A'])


def groups(records: list[dict]) -> list[str]:
  """Writes which cloaks were made for people, and which of these are masks."""
  persons = {}
  for record in records:
    if record.get('group') == 'person' and record['attack'] != 'noise':
      name = words.attack_name(record['attack'])
      persons[name] = words.has_mask(record)
  if not persons:
    return []
  masks = [name for name, has_mask in persons.items() if has_mask]
  text = words.say('groups', 'all', attacks=', '.join(persons))
  if masks:
    text += words.say('groups', 'masks', attacks=', '.join(masks))
  return [text]


def asked(records: list[dict]) -> str:
  """Says of which pictures the rates of one cell are."""
  name, *_ = [*tried(records), '1A']
  return words.TEXTS['asked'][name]


def threats(records: list[dict]) -> list[str]:
  """Writes which threat each cell is, of those measured."""
  names = tried(records) or ['1A']
  return [words.say('threats', name) for name in names]


def by_cell(records: list[dict]) -> Drawing | None:
  """Draws each cloak's rate by cell; None where only galleries were cloaked."""
  names = tried(records)
  if not is_compared(records):
    return None
  found, rows = {}, {name: words.TEXTS['cells'][name] for name in CELLS}
  for name in names:
    for attack, (own, others) in _by_attack(records, name).items():
      if own:
        found.setdefault(attack, {})[name] = own, others
  series = [
    Series(
      words.attack_name(attack),
      {rows[name]: own for name, (own, _) in cells.items()},
      drawing.look(i),
      faint={
        rows[name]: [r['protection_rate'] for r in others]
        for name, (_, others) in cells.items()
      },
      hollow=[rows[name] for name in cells if not _is_claimed(attack, name)],
    )
    for i, (attack, cells) in enumerate(found.items())
  ]
  bare = [r for r in moves.by_one_recognizer(records) if r['attack'] == 'none']
  if bare:
    worst = max(bare, key=lambda r: r['protection_rate'])
    cells = {rows['1B']: worst}
    series.append(Series('no cloak', cells, drawing.look(None)))
  if not found:
    return None
  shown = [rows[name] for name in CELLS if name in names or name == '1B']
  figure = drawing.dot_plot(shown, series, words.RATE)
  return drawing.described('cells', figure, series, _recognizer(series))


def by_budget(records: list[dict]) -> Drawing | None:
  """Draws rates on the cloaks' own network over budgets, a panel each cell.

  None where no cloak was tried at two, or only galleries were cloaked.
  """
  if not is_compared(records):
    return None
  panels = {name: _curves(records, name) for name in tried(records)}
  panels = {name: lines for name, lines in panels.items() if lines}
  if not panels:
    return None
  attacks = list(dict.fromkeys(a for x in panels.values() for a in x))
  figure, axes = drawing.axes(2.2 * len(panels), len(attacks), len(panels))
  every = []
  for (name, lines), axis in zip(panels.items(), axes[:, 0], strict=True):
    series = [
      Series(
        words.attack_name(attack),
        line,
        drawing.look(attacks.index(attack)),
        words.TEXTS['cells'][name],
      )
      for attack, line in lines.items()
    ]
    drawing.lines(axis, series)
    axis.set_title(words.TEXTS['cells'][name], fontsize=9)
    every += series
  axes[-1, 0].set(xlabel=words.BUDGET)
  figure = drawing.legend(figure, *axes[:, 0])
  return drawing.described('cell_budgets', figure, every, _recognizer(every))


def _by_attack(records, name):
  """Attack -> the record on its own network or None, and those on others."""
  found, chosen = moves.by_one_recognizer(records, name), {}
  for record in found:
    if record['attack'] != 'none':
      chosen.setdefault(record['attack'], []).append(record)
  result = {}
  for attack, same in chosen.items():
    same = moves.on_one_surrogate(_at_its_budget(attack, same))
    waiting = [r for r in same if moves.move(r) in moves.WAITING]
    is_own = lambda r: moves.move(r) == 'baseline'
    own = next(filter(is_own, waiting), None)
    if waiting:
      result[attack] = own, [r for r in waiting if not is_own(r)]
  return result


def _at_its_budget(attack, records):
  """The authors' budget, or the one of which there are most records."""
  own = _CLAIMS.get(attack, {}).get('epsilon')
  found = [r for r in records if r.get('epsilon') in (None, _budget(own))]
  return found or moves.at_one_budget(records)


def _budget(levels):
  return None if levels is None else levels / 255


def _is_claimed(attack, name):
  return name in _CLAIMS.get(attack, {'cells': CELLS})['cells']


def _curves(records, name):
  """Attack -> budget in grey levels -> record, of two budgets or more."""
  lines = {}
  found = [r for r in records if r['attack'] != 'none' and r.get('epsilon')]
  if not found:
    return {}
  for record in moves.by_one_recognizer(found, name):
    if moves.move(record) == 'baseline':
      line = lines.setdefault(record['attack'], {})
      line.setdefault(255 * record['epsilon'], record)
  return {
    attack: dict(sorted(line.items()))
    for attack, line in lines.items()
    if len(line) > 1
  }


def _recognizer(series):
  return words.recognizer(next(iter(series[0].cells.values())))
