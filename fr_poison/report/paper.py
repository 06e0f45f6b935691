"""What the paper found, beside what the same questions gave here.

Radiya-Dixit et al., "Data Poisoning Won't Save You From Facial Recognition",
ICLR 2022; its numbers, and which records are like them: paper.toml.
"""

import pathlib
import tomllib

import numpy as np

from fr_poison import evaluation
from fr_poison.report import moves, words
from fr_poison.report.sources import Sources
from fr_poison.report.table import Table
from fr_poison.types import InputError

_PAPER = tomllib.loads(
  pathlib.Path(__file__).with_suffix('.toml').read_text(encoding='utf-8')
)
# Both of the paper, and as it has them.
_ATTACKS = 'fawkes_v1', 'lowkey'


def beside(found: Sources) -> list[Table]:
  """Makes a table of the paper's rates and those of records that ask the same.

  None where there is no record of an attack as the paper has it.
  """
  records = [
    {'attack': r.get('test_attack'), 'surrogate': []} | r
    for r in found.protection + found.detection
    if not r.get('saved') and not r.get('jpeg') and not r.get('processing')
    if 'detector' in r or moves.in_cell([r])
  ]
  cloaks = dict.fromkeys(
    (r['attack'], words.surrogate_name(r))
    for r in sorted(records, key=lambda r: len(r['surrogate']))
    if r['attack'] in _ATTACKS and 'network' in r
  )
  rows = []
  for row in _PAPER['rows']:
    alike = {}
    for record in records:
      if _is_like(record, row['here']):
        alike.setdefault(_whose(record), []).append(record)
    cells = [_here(row, alike, *cloak) for cloak in cloaks]
    if any(cells):
      paper = [row.get('paper', {}).get(attack, '') for attack in _ATTACKS]
      rows.append([row['name'], *paper, *cells])
  names = [f'{words.attack_name(attack)}, paper' for attack in _ATTACKS]
  head = ['the trainer', *names, *(words.cloak_name(*x) for x in cloaks)]
  return [Table('paper', head, rows, _legend(found.protection))] * bool(rows)


def _is_like(record, wanted):
  return all(
    record.get(name) in (value if isinstance(value, list) else [value])
    for name, value in wanted.items()
  )


def _whose(record):
  """Attack and surrogate; the network, where there is no attack."""
  is_bare = record['attack'] == 'none'
  own = record.get('network') if is_bare else words.surrogate_name(record)
  return record['attack'], own


def _here(row, alike, attack, surrogate):
  """The cell of a row and cloak; '' where nothing asked that."""
  if row.get('cloaked', True):
    same = alike.get((attack, surrogate), [])
  else:
    own = dict.fromkeys(surrogate.split(' + '))
    same = [r for name in own for r in alike.get(('none', name), [])]
  if not same:
    return ''
  if 'network' not in same[0]:
    return words.cell(same[0], row['rate'])
  if len(same) > 1:
    return _best(sorted(same, key=lambda r: r['protection_rate']))
  return f'{words.cell(same[0], "protection")}, {_network(same[0])}'


def _best(records):
  """Writes the best, chosen on people it is not reported of, and the range.

  The range alone where the records are not of the same people.
  """
  ends = ' to '.join(
    f'{words.percent(r["protection_rate"])} {_network(r)}'
    for r in (records[0], records[-1])
  )
  counts = [np.array(r.get('protection_counts') or [[-1]]) for r in records]
  if len({tuple(own[:, 0]) for own in counts}) > 1 or counts[0].shape[1] < 3:
    return ends
  _, wrong, totals = np.moveaxis(counts, -1, 0)
  try:
    best = evaluation.best_network(wrong, totals)
  except InputError:  # counts that cannot be
    return ends
  chosen = dict.fromkeys(_network(records[x.network]) for x in best.halves)
  interval = words.interval((best.interval.low, best.interval.high))
  return (
    f'{words.percent(best.rate)} ({interval}), {" or ".join(chosen)}; {ends}'
  )


def _network(record):
  return words.clean(record['network'])


def _legend(records):
  """Of how many people the rates are."""
  nearest = [r for r in records if r['recognizer'] == 'nearest_neighbor']
  gallery = [r.get('num_gallery_people', 'not said how many') for r in nearest]
  listed = lambda found: ' or '.join(map(str, dict.fromkeys(found)))
  return _PAPER['legend'].format(
    people=listed(map(words.num_protected, records)), gallery=listed(gallery)
  )
