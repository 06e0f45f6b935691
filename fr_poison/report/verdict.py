"""Do given cloaks protect? The answer in plain words, from the records."""

from fr_poison import metrics
from fr_poison.report import prose, record_file, words

_NUM_SHOWN = 6  # recognizers in a sentence
_KINDS = {
  'yes': 'Protected against',
  'no': 'Not protected against',
  'unsure': 'Too few pictures to tell, against',
  'blind': 'Wrong about these people without a cloak, too, or by mere noise',
}


def sentences(records: list[dict]) -> list[str]:
  """The answer, how sure it is, and what was not tested; [] without `given`.

  A cloak protects from a recognizer that gets most clean pictures wrong, and
  more than without a cloak or with noise instead. `Most` is meant with the
  whole 95% interval; raw pixels are no recognizer.

  Args:
    records: valid records, see `records`.
  """
  given = [
    r
    for r in records
    if r['attack'] == 'given' and r['network'] != words.PIXELS
  ]
  if not given:
    return []
  bare = {_place(r): r for r in records if r['attack'] == 'none'}
  kinds = {kind: [] for kind in _KINDS}
  for record in given:
    kinds[_kind(record, bare.get(_place(record)))].append(record)
  texts = [_headline(kinds, given)]
  with_kind = len({r['recognizer'] for r in given}) > 1
  for kind, found in kinds.items():
    if found:
      texts.append(f'{_KINDS[kind]}: {_list(found, with_kind)}.')
  texts.append(_certainty(given))
  texts += [f'Beware: {x}.' for x in prose.gathered(records, 'warnings')]
  if left_out := prose.gathered(records, 'left_out'):
    path, reason = left_out[0]
    texts.append(f'Left out: {len(left_out)} pictures, as {path}: {reason}.')
  untested = prose.not_tested(records)
  return [*texts, f'Not tested: {" ".join(untested)}']


def _place(record):
  return words.column(record), record['recognizer']


def _kind(record, bare) -> str:
  low, high = record['protection_ci']
  if high < 0.5:
    return 'no'
  if low <= 0.5:
    return 'unsure'
  others = [record.get('noise_protection_ci')]
  others.append(bare and bare['protection_ci'])
  return 'blind' if any(ci and ci[1] >= low for ci in others) else 'yes'


def _headline(kinds, given) -> str:
  yes, no, unsure = kinds['yes'], kinds['no'], kinds['unsure']
  tried = f'of the {len(given)} recognizers tried here'
  if not yes and not no:
    return (
      'Nothing can be said for sure: too few pictures, or recognizers that do '
      'not work on them.'
    )
  if not yes:
    rest = f', but {len(unsure)} of them cannot be told' if unsure else ''
    return f'These cloaks protect against none {tried}{rest}.'
  networks = sorted({r['network'] for r in yes})
  own = set(yes[0]['surrogate'])
  names = ' and '.join(map(words.clean, networks))
  if own >= set(networks):
    return (
      f'These cloaks protect only against what they were made for, {names}: do '
      'not count on them. A trainer who takes another network recognises '
      'these people, or may.'
    )
  if len(networks) == 1 and own == {record_file.UNKNOWN}:
    return (
      f'These cloaks protect against one network only, {names}, as a cloak '
      'does from the network it was made for: do not count on them.'
    )
  if len(yes) == len(given):
    return (
      f'These cloaks protect against all {tried}. That is no promise for '
      'others: a trainer can choose later than you.'
    )
  return (
    f'These cloaks protect against {len(yes)} {tried}, and not for sure '
    f'against the other {len(given) - len(yes)}. The trainer chooses, and '
    'after you: do not count on them.'
  )


def _list(found, with_kind) -> str:
  order = sorted(found, key=lambda r: -r['protection_rate'])
  texts = []
  for record in order[:_NUM_SHOWN]:
    column, recognizer = _place(record)
    name = f'{column}, {recognizer.replace("_", " ")}' if with_kind else column
    rate = words.percent(record['protection_rate'])
    ci = words.interval(record['protection_ci'], ' to ')
    texts.append(f'{name} {rate}% ({ci}%)')
  more = len(found) - _NUM_SHOWN
  return '; '.join(texts + ([f'{more} more'] if more > 0 else []))


def _certainty(given) -> str:
  count = given[0]['num_test_images']
  num_people = given[0]['num_people']
  widest = max(r['protection_ci'][1] - r['protection_ci'][0] for r in given)
  text = (
    'The percentages are of clean pictures that the recognizer gets wrong, '
    f'with 95% intervals, from {count} pictures of '
    f'{num_people} {"person" if num_people == 1 else "people"}; the intervals '
    f'are up to {100 * widest:.0f} points wide.'
  )
  low, _ = metrics.wilson_interval(count, count)
  if low <= 0.5:
    text += (
      f' With {count} test pictures, not even all of them wrong would prove '
      'protection: give more.'
    )
  return text
