"""What each trainer leaves of a cloak among few strangers and among many."""

from fr_poison.report import moves, words
from fr_poison.report.sources import Sources
from fr_poison.report.table import Table, crossed

_WAITS = 'waits'


def by_trainer(found: Sources) -> list[Table]:
  """Makes the table of cloaks and networks by trainer and gallery.

  Of the largest numbers of strangers, real ones and draws of a model. None
  where nothing was asked among strangers.
  """
  asked, most, rows, places = [], {}, {}, {}
  for record in found.distractors:
    kind, number = record['distractors'], record['num_distractors']
    if record['attack'] != 'none' and number:
      asked.append(record)
      most[kind] = max(most.get(kind, 0), number)
  for record in asked + found.trainers:
    kind = record.get('distractors', 'real')
    if kind in most and _number(record) == most[kind]:
      cloak = words.cloak_of(record)
      name = words.AND.join((cloak, words.clean(record['network'])))
      trainer = words.plain(words.clean(record['adversary']))
      trainer = _WAITS if moves.move(record) in moves.WAITING else trainer
      rows.setdefault((name,), {})[trainer, kind] = _left(record)
      places[trainer, kind] = f'{trainer}, {most[kind]:,} {kind}'
  if not asked:
    return []
  trainers = dict.fromkeys([_WAITS, *(x for x, _ in places)])
  order = {trainer: i for i, trainer in enumerate(trainers)}
  shown = sorted(places, key=lambda x: (order[x[0]], x[1] == 'model'))
  columns = {key: places[key] for key in shown}
  head, body = crossed(['cloak, network'], rows, columns)
  return [Table('galleries', head, body, words.TEXTS['tables']['galleries'])]


def _number(record):
  """Of strangers; behind a detector they are the rest of the gallery."""
  if 'num_distractors' in record:
    return record['num_distractors']
  known = record.get('num_gallery_people')
  return known and known - record['num_people']


def _left(record):
  text, gone = words.cell(record, 'protection'), record.get('not_enrolled_rate')
  if gone is None:
    return text
  return f'{text or "nobody"}; not enrolled {words.percent(gone)}'
