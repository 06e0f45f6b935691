"""What a reader is to take away, in plain sentences."""

import numpy as np

from fr_poison import extractors, intervals, text
from fr_poison.report import (
  headline,
  kinds,
  moves,
  strongest,
  who_cloaks,
  words,
)
from fr_poison.report.grid import Grid
from fr_poison.report.sources import Sources

_ANOTHER = 'another'  # the control that is a cloak
_NUM_SHOWN = 6  # recognizers in a sentence


def lead(found: Sources, grids: list[Grid]) -> list[str]:
  """Writes what a page begins with: one sentence, and then more exact ones.

  `grids` are those of the records of a protection.
  """
  if not found.all():
    return ['There are no records, so there is nothing to report.']
  *texts, _ = verdict(found.protection) or ['']  # less what is not tested
  if not texts:
    texts = [headline.of(found)[0]]
    texts += answer(found.protection + found.trainers)
  runs = {grid.run for grid in grids}
  if len(runs) > 1:
    texts.append(words.say('answer', 'runs', number=len(runs)))
  if found.skipped:
    texts.append('Some records were not used; why, is said below.')
  return texts


def answer(records: list[dict]) -> list[str]:
  """Writes of what the answer by moves is, what it leaves out, and its limits.

  Of records of the protection, and of trainers behind a detector; nothing where
  fewer than two moves were tried.
  """
  compared = moves.on_one_surrogate(moves.comparable(records))
  best = moves.lowest(moves.protecting(compared))
  if len(moves.tried(best)) < 2:
    return []
  datasets = [words.clean(r['dataset']) for r in records if r.get('dataset')]
  scope = f' on {" and ".join(dict.fromkeys(datasets))}' if datasets else ''
  say = lambda name, **values: words.say('answer', name, **values)
  attacks = '; '.join(moves.labels(best).values())
  texts = [say('result', attacks=attacks, scope=scope)]
  every = moves.lowest(compared)
  if failing := [a for a in every if a not in ('none', *best)]:
    rate = words.percent(max(moves.baseline_rate(every[a]) for a in failing))
    names = ', '.join(map(words.attack_name, failing))
    texts.append(say('failing', attacks=names, rate=rate))
  return [*texts, say('limits')]


def verdict(records: list[dict]) -> list[str]:
  """Writes whether given cloaks protect, how sure that is, what is untested.

  A cloak protects from a recognizer that gets most clean pictures wrong, and
  more than without a cloak or with noise instead. `Most` is meant with the
  whole 95% interval; raw pixels are no recognizer. Where somebody else's cloak
  does as much, it is aimed at nobody, and that is said: it protects, but so
  does what everybody knows. Of several cells one is judged, the first.
  Nothing where no cloak is `given`. What is left of it after saving is one
  sentence each way, and judged no further: it has no controls.
  """
  given, saved = [], {}
  tried = who_cloaks.tried(records)
  if tried:
    cell = '1A' if '1A' in tried else tried[0]
    records = moves.in_cell(records, cell)
  for record in records:
    if record['attack'] == 'given' and record['network'] != words.PIXELS:
      how = record.get('saved')
      (given if how is None else saved.setdefault(how, [])).append(record)
  if not given:
    return []
  bare = {strongest.place(r): r for r in records if r['attack'] == 'none'}
  judged = {kind: [] for kind in words.TEXTS['verdict']['kinds']}
  for record in given:
    judged[_kind(record, bare.get(strongest.place(record)))].append(record)
  with_kind = len(set(map(words.recognizer, given))) > 1
  is_usual = not tried or cell == '1A'
  texts = [] if is_usual else who_cloaks.threats(given)
  texts.append(_whether(judged, given, bare))
  texts.append(strongest.sentence(given, bare))
  for kind, found in judged.items():
    if found:
      label = words.TEXTS['verdict']['kinds'][kind].replace('\n', '')
      texts.append(f'{label}: {_list(found, with_kind)}.')
  texts.append(_certainty(given))
  for how, found in saved.items():
    values = {'label': words.clean(how), 'rates': _range(found)}
    texts.append(words.say('verdict', 'saved', **values))
  texts += [f'Beware: {x}.' for x in gathered(records, 'warnings')]
  if left_out := gathered(records, 'left_out'):
    path, reason = left_out[0]
    number = text.count(len(left_out), 'picture')
    texts.append(f'Left out: {number}, as {path}: {reason}.')
  return [*texts, f'Not tested: {" ".join(not_tested(records))}']


def not_tested(records: list[dict]) -> list[str]:
  """Writes what a reader might think was measured, a sentence each.

  Trainers and recognizers that no record has, and the records' `not_tested`.
  """
  adversaries = set(map(moves.kind, records))
  adversaries |= {'cleaning'} & set(map(moves.move, records))
  recognizers = {record['recognizer'] for record in records}
  texts = words.TEXTS['not_tested']
  found = [x for k, x in texts['trainers'].items() if k not in adversaries]
  if missing := [x for x in kinds.RECOGNIZERS if x not in recognizers]:
    found.append(f'Recognizers: {words.plain(", ".join(missing))}.')
  found += texts['always'] + gathered(records, 'not_tested')
  return list(dict.fromkeys(found))


def limits(found: Sources) -> list[str]:
  """Writes the same of every kind of record, with their common limits."""
  records = found.protection + found.trainers
  texts = not_tested(records)
  if any(r.get('dataset', '').startswith('orl') for r in records):
    texts.append(words.say('not_tested', 'orl'))
  if found.detection and not any(
    'false_positive_rates' in record for record in found.detection
  ):
    texts.append(words.say('not_tested', 'detection'))
  return texts


def next_step(found: Sources) -> tuple[str, str]:
  """Chooses what to try next: a sentence, and the command."""
  tried = set(map(moves.kind, found.protection + found.trainers))
  tried |= {r['attack'] for r in found.protection if r['attack'] == 'given'}
  tried |= {'detecting'} if found.detection else set()
  tried |= {'strangers'} if found.distractors else set()
  for step in words.TEXTS['next']:
    if step['missing'] not in tried and {*step.get('only', ())} <= tried:
      return step['text'], f'python experiments/{step["command"]}'
  return '', ''


def gathered(records: list[dict], name: str) -> list:
  """Lists what the records' lists of that name hold, each once."""
  found = [x for record in records for x in record.get(name, [])]
  return [*{str(x): x for x in found}.values()]


def _range(records):
  return f'{words.range_of(r["protection_rate"] for r in records)}%'


def _kind(record, bare):
  low, high = record['protection_ci']
  if high < 0.5:
    return 'no'
  if low <= 0.5:
    return 'unsure'
  as_much = lambda ci: ci and ci[1] >= low
  noise = [words.control(record, n)[1] for n in kinds.CONTROLS if n != _ANOTHER]
  if any(map(as_much, [*noise, bare and bare['protection_ci']])):
    return 'blind'
  return 'aimless' if as_much(words.control(record, _ANOTHER)[1]) else 'yes'


def _whether(judged, given, bare):
  """Says in one sentence whether given cloaks protect, and from whom."""
  yes, unsure = judged['yes'] + judged['aimless'], len(judged['unsure'])
  same = sum(
    r['protection_rate'] <= without['protection_rate']
    for r in judged['unsure']
    if (without := bare.get(strongest.place(r)))
  )
  networks = {r['network'] for r in yes}
  own = set(yes[0]['surrogate'] or [extractors.UNKNOWN]) if yes else set()
  if not yes:
    key = 'none_but' if unsure else 'none'
    key = key if judged['no'] else 'useless' if same else 'nothing'
  elif own >= networks:
    key = 'own'
  elif len(networks) == 1 and own == {extractors.UNKNOWN}:
    key = 'one'
  else:
    key = 'all' if len(yes) == len(given) else 'some'
  return words.say(
    'verdict',
    key,
    tried=f'of the {len(given)} recognizers tried here',
    names=' and '.join(map(words.clean, sorted(networks))),
    given=len(given),
    yes=len(yes),
    unsure=unsure,
    same='all' if same == len(given) else same,
    rest=len(given) - len(yes),
  )


def _list(found, with_kind):
  order = sorted(found, key=lambda r: r['protection_rate'])  # strongest first
  texts = []
  for record in order[:_NUM_SHOWN]:
    column, recognizer = strongest.place(record)
    name = f'{column}, {recognizer}' if with_kind else column
    rate, ci = words.rate(record, 'protection', ' to ')
    texts.append(f'{name} {rate}% ({ci}%)')
  more = len(found) - _NUM_SHOWN
  return '; '.join(texts + ([f'{more} more'] if more > 0 else []))


def _certainty(given):
  pictures, people = given[0]['num_test_images'], words.num_protected(given[0])
  widest = max(r['protection_ci'][1] - r['protection_ci'][0] for r in given)
  # Of more people nothing is unsure.
  all_wrong = np.full(min(people, 1000), pictures / people)
  is_few = intervals.interval(all_wrong, all_wrong).low <= 0.5
  people = text.count(people, 'person', 'people')
  given = {'pictures': pictures, 'people': people, 'width': 100 * widest}
  keys = ['certainty', 'too_few'][: 1 + is_few]
  return ''.join(words.say('verdict', key, **given) for key in keys)
