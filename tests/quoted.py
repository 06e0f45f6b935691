"""Numbers that a sentence quotes from a record, and says from which.

A Markdown page has them as `68%<!-- orl protection_rate attack=lowkey ... -->`:
a folder of docs/, a field, and what the record's other fields are. Cloaks that
were saved, controls, and strangers of a model are meant only where `saved`,
`control` or `num_distractors` is named, and of several numbers of people the
most where `num_people` is not. With `min` or `max` before the field it is that
of all such records, otherwise there is one; `.1` behind it is the second of a
list, `.NAME` what a table has under that name. A list is written with `+`, a
space with `_`, and another value than this with `!=`.
"""

import functools
import re
from typing import NamedTuple

from fr_poison.report import sources, words

_QUOTED = re.compile(r'(\d[\d.]*)(%?)<!--\s(.*?)\s-->', re.S)
_NOT_MEANT = 'saved', 'control', 'num_distractors'


class Quoted(NamedTuple):
  """A number as a page has it, and where it is from."""

  text: str
  is_percent: bool
  query: str


def read(page: str) -> list[Quoted]:
  """Lists the quoted numbers of a page."""
  return [
    Quoted(text, bool(sign), ' '.join(query.split()))
    for text, sign, query in _QUOTED.findall(page)
  ]


def rest(page: str) -> str:
  """Gives the page's sentences without quoted numbers, tables and code."""
  page = re.sub(r'```.*?```', '', page, flags=re.S)
  page = re.sub(r'^\|.*$', '', page, flags=re.M)
  return _QUOTED.sub('', page)


def expected(quoted: Quoted, docs) -> str:
  """Writes the number as the records in a folder of `docs` have it."""
  folder, *rest = quoted.query.split()
  of_all = rest.pop(0) if rest[0] in ('min', 'max') else None
  (field, _, index), *terms = rest[0].partition('.'), *rest[1:]
  records = _records(docs / folder)
  named = ' '.join(terms)
  terms += [f'{name}=None' for name in _NOT_MEANT if name not in named]
  found = [
    r
    for r in records
    if r.get(field) is not None and all(_holds(r, term) for term in terms)
  ]
  if 'num_people' not in named:
    people = [r.get('num_people', 0) for r in found]
    found = [r for r in found if r.get('num_people', 0) == max(people)]
  assert found and (of_all or len(found) == 1), (quoted, len(found))
  values = [_part(r[field], index) for r in found]
  value = {'max': max, 'min': min}[of_all](values) if of_all else values[0]
  if quoted.is_percent:
    return words.percent(value)
  digits = len(quoted.text.partition('.')[2])
  return f'{value:.{digits}f}'


def _part(value, index):
  if isinstance(value, dict):
    (index,) = (key for key in value if key.replace(' ', '_') == index)
    return value[index]
  return value[int(index)] if index else value


@functools.cache
def _records(folder):
  return sources.read(sorted(folder.glob('*.jsonl'))).all()


def _holds(record, term):
  name, sign, value = re.match(r'(\w+)(!?=)(.*)', term).groups()
  own = record.get(name)
  own = '+'.join(own) if isinstance(own, list) else str(own)
  return (own.replace(' ', '_') == value.replace(' ', '_')) == (sign == '=')
