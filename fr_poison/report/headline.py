"""The one sentence that a page begins with, and the figure that shows it."""

from fr_poison.report import moves, rounds, who_cloaks, words
from fr_poison.report.sources import Sources

_FAILS = 0.1  # of the pictures without a cloak, from which on that is said


def of(found: Sources) -> tuple[str, str]:
  """Writes what the records say in one sentence of three numbers at most.

  Returns:
    The sentence, and the name of the figure that shows the same, '' for none.
  """
  for name, write, records in (
    ('rounds', _rounds, found.protection),
    ('cells', _cells, found.protection),
    ('answer', _answer, found.protection + found.trainers),
    ('distractors', _strangers, found.distractors),
    ('roc', _detectors, found.detection),
    ('verification', _networks, found.verification),
  ):
    if text := write(records):
      return text, name
  return _say('nothing'), ''


def _answer(records):
  """Of the cloak that most trainers met, and of these the one they leave most.

  Of as many people as most records are of, and of trainers who drop nobody.
  """
  compared = moves.on_one_surrogate(moves.comparable(records))
  compared = [
    r for r in compared if moves.has_rate(r) and not r.get('not_enrolled_rate')
  ]
  if not any(r['attack'] != 'none' for r in compared):
    return ''
  compared = moves.commonest(compared, words.num_protected)
  best = moves.lowest(moves.protecting(compared))
  bare = best.pop('none', {})
  least = lambda cells: min(map(_rate, cells.values()))
  attack, cells = max(best.items(), key=lambda x: (len(x[1]), least(x[1])))
  move = min(cells, key=lambda x: _rate(cells[x]))
  key, name = 'moves', words.attack_name(attack)
  if 'baseline' not in cells:
    key = 'others'
  elif len(cells) == 1:
    key = 'one_move'
  text = _say(
    key,
    cloak=_say('strongest', cloak=name) if len(best) > 1 else name,
    own=words.percent(moves.baseline_rate(cells)),
    left=words.percent(_rate(cells[move])),
  )
  if move in bare and _rate(bare[move]) >= _FAILS:
    text += _say('bare', rate=words.percent(_rate(bare[move])))
  return f'{text}.'


def _cells(records):
  """Where more was cloaked than galleries, and trainers only wait."""
  trainers = {moves.move(r) for r in records if r['attack'] != 'none'}
  if not who_cloaks.is_compared(records) or trainers - {*moves.WAITING}:
    return ''
  best = who_cloaks.best(records)
  parts = [
    _say(cell, rate=words.percent(best[cell]))
    for cell in ('1A', '2B', '2A')
    if cell in best
  ]
  return _say('cells', parts=', '.join(parts)) if parts else ''


def _rounds(records):
  found = rounds.find(records)
  if not found:
    return ''
  most = [
    words.percent(max(map(_rate, same.values())))
    for _, same in sorted(found.moves.items())
  ]
  return _say('rounds', first=most[0], last=most[-1])


def _strangers(records):
  found = [r for r in records if r['attack'] != 'none']
  if not found:
    return ''
  most = max(r['num_distractors'] for r in found)
  rates = [_rate(r) for r in found if r['num_distractors'] == most]
  return _say('strangers', number=f'{most:,}', rates=words.range_of(rates))


def _detectors(records):
  best = {}
  for record in records:
    if not record['jpeg'] and not record.get('processing'):
      share = record['tpr_at_fpr'].get('0.01', 0)
      attack = record['test_attack']
      best[attack] = max(best.get(attack, 0), share)
  rates = words.range_of(best.values()) if best else ''
  return _say('detectors', rates=rates) if best else ''


def _networks(records):
  if not records:
    return ''
  best = max(records, key=lambda r: r['accuracy'])
  rate, pairs = f'{100 * best["accuracy"]:.1f}', f'{best["num_pairs"]:,}'
  network = words.clean(best['network'])
  return _say('networks', network=network, rate=rate, pairs=pairs)


def _rate(record):
  return record['protection_rate']


def _say(name, **values):
  return words.say('headline', name, **values)
