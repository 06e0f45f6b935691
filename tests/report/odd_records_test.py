"""An odd value in a record costs that record, whichever field it is in."""

import dataclasses
import html
import json
import types
import typing
from typing import Annotated, Literal

import pytest

from fr_poison import checks, strict_json
from fr_poison.report import kinds, page, record_file, sources
from fr_poison.types import InputError

KINDS = (
  *(kinds.Protection, kinds.Distractors, kinds.Trainers, kinds.Detection),
  kinds.Verification,
)
_DEEP = json.loads('[' * 400 + ']' * 400)
NUMBERS = [5, -1, 1e308, -1e308, 5e-324, 10**400, 1e999, True]
TEXTS = ['', ' ', 'NaN', 'y' * 5000]
OTHERS = [None, [], [[]], [None], ['x'], {}, {'x': 1}, {'': None}, _DEEP]


def _example(kind):
  """A value that a field of this annotation may have."""
  origin, args = typing.get_origin(kind), typing.get_args(kind)
  if found := origin is Annotated and checks.ranges(kind):
    return 1 if found[0].is_whole else 0.5
  if origin is Literal:
    return args[0]
  if origin is dict:
    keys = 'a', '0.01', '0.001'
    return dict.fromkeys(keys, _example(args[1]))
  if origin in (list, tuple):
    return [_example(args[0])] * (len(args) if origin is tuple else 1)
  if origin in (types.UnionType, typing.Union):
    return _example(args[0])
  return _whole(kind) if dataclasses.is_dataclass(kind) else 'a'


def _whole(kind):
  """A record of a kind that has all its fields."""
  return {f.name: _example(f.type) for f in dataclasses.fields(kind)}


def _odd(value, odd):
  """(name, the same with something odd in its place) for every place in it."""
  yield '', odd
  if isinstance(value, list | dict):
    for key in value if isinstance(value, dict) else range(len(value)):
      for name, inner in _odd(value[key], odd):
        copy = value.copy()
        copy[key] = inner
        yield (f'.{key}{name}' if isinstance(value, dict) else name), copy


def _records(kind, oddities):
  """Name of the field, what it was, and a record in which one value is odd."""
  whole = _whole(kind)
  for field, value in whole.items():
    for odd in oddities:
      for name, changed in _odd(value, odd):
        yield field + name, odd, whole | {field: changed}


@pytest.mark.parametrize('kind', KINDS[1:])  # the second has all of the first
def test_whatever_is_odd_is_refused_by_the_name_of_its_field(kind, tmp_path):
  kinds.validate(_whole(kind))
  records = [*_records(kind, NUMBERS + TEXTS + OTHERS)]
  path = tmp_path / 'a.jsonl'
  path.write_text(''.join(f'{json.dumps(r)}\n' for *_, r in records))
  found = record_file.scan(path)
  refused = 0
  for (name, odd, _), (_, said) in zip(records, found, strict=True):
    if isinstance(said, Exception):
      assert isinstance(said, InputError)
      field = name.partition('.')[0].removesuffix('_ci').removesuffix('_rate')
      word = 'nested' if odd is _DEEP else 'Inf' if odd == 1e999 else field
      assert word in str(said) or field in ('attack', 'recognizer')
      assert len(str(said)) < 300
      refused += 1
  assert refused > 0.7 * len(records)


@pytest.mark.parametrize('kind', KINDS)
def test_no_field_takes_another_type(kind):
  odd = {
    str: [5, True, 1e308, [], {}, _DEEP],
    int: [True, 0.5, 10**400, 'x', [], {}, _DEEP],
    float: [True, 1e308, -1e308, 10**400, 'x', [], {}, _DEEP],
    list: [5, True, 'x', {'x': 1}],
    dict: [5, True, 'x', ['x']],
  }
  for field, value in _whole(kind).items():
    for wrong in odd[type(value)]:
      with pytest.raises(InputError):
        kinds.validate(_whole(kind) | {field: wrong})


def test_what_is_taken_is_drawn_and_what_is_not_is_named(tmp_path):
  taken, refused = [], []
  for kind in KINDS:
    for name, _, record in _records(kind, [5, -1, 5e-324, None, [], {'x': 1}]):
      is_taken = _is_taken(record)
      i = len(taken)  # Each has its own cell in a full table.
      place = {'network': f'n{i % 16}', 'surrogate': [f's{i // 16}']}
      if kind != kinds.Verification:
        place.pop(name.partition('.')[0], None)
        record = record | place
      (taken if is_taken else refused).append(record)
  for i, odd in enumerate(NUMBERS[:-2] + TEXTS + OTHERS[:-1]):
    # Fields that no kind has.
    names = 'num_splits', 'normalize', 'protect', 'extra'
    record = _whole(kinds.Protection) | {'attack': 'none', 'network': f'n{i}'}
    taken.append(record | dict.fromkeys(names, odd))
  path = tmp_path / 'odd\n.jsonl'
  path.write_text(''.join(f'{json.dumps(x)}\n' for x in taken + refused[::9]))
  found = sources.read([path])
  page.write_folder(found, tmp_path / 'out')
  text = html.unescape((tmp_path / 'out' / 'report.html').read_text())
  assert len(taken) > 200 and len(refused) > 500
  assert len(found.all()) == len(taken)
  for said in found.skipped:
    assert said.startswith('odd .jsonl, line ') and said in text


def _is_taken(record):
  try:
    kinds.validate(strict_json.loads(json.dumps(record).encode()))
  except InputError:
    return False
  return True
