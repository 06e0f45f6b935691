"""Numbers from outside: in their range, or refused with name and range.

A parameter or field declares its range once, in its annotation, and `checked`
or `check_fields` reads it there:

    @checks.checked
    def crop(fraction: checks.PositiveShare) -> Transform: ...

What refuses raises InputError.
"""

import dataclasses
import difflib
import functools
import inspect
import math
import numbers
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, NamedTuple

import jax

from fr_poison.types import InputError

_MOST_LISTED = 16  # names in a message


class Range(NamedTuple):
  """Which numbers are meant, between finite or infinite ends.

  Attributes:
    low: where the range begins.
    high: where it ends.
    ends: '[]' with both, '(]' without low, '[)' without high, '()'.
    is_whole: whole numbers alone.
    hint: what the message ends with.
  """

  low: float = 0.0
  high: float = math.inf
  ends: str = '[]'
  is_whole: bool = False
  hint: str = ''

  def check(self, name: str, value: Any) -> float | int:
    """Gives the value as a plain number, or refuses it, called `name`.

    Infinity, NaN and bools are in no range.
    """
    low, high, ends, is_whole, hint = self
    if isinstance(value, jax.core.Tracer):
      raise InputError(
        f'{name}: a traced number; a plain one expected, since a setting is a '
        'part of the program'
      )
    kind, number = (numbers.Integral, int) if is_whole else (object, float)
    try:
      found = number(value)
      inside = bool(low <= value <= high and abs(value) < math.inf)
    except (TypeError, ValueError, OverflowError):  # an array, a huge int
      inside = False
    if inside:
      inside = not (ends[0] == '(' and found == low)
      inside &= not (ends[1] == ')' and found == high)
    if inside and isinstance(value, kind) and not isinstance(value, bool):
      return value if type(value) is int else found  # 1 stays 1 in digests
    if is_whole:
      top = '' if high == math.inf else f' to {high}'
      raise InputError(
        f'{name}: {_shown(value)}; a whole number from {low}{top} expected'
      )
    opened = '(' if low == -math.inf else ends[0]
    close = ')' if high == math.inf else ends[1]
    raise InputError(
      f'{name}: {_shown(value)} is outside {opened}{low:g}, '
      f'{high:g}{close}{hint}'
    )


Count = Annotated[int, Range(1, is_whole=True)]
CountOrZero = Annotated[int, Range(0, is_whole=True)]
# jax.random.key takes 2**32 for 0.
Seed = Annotated[int, Range(0, 2**32 - 1, is_whole=True)]
Number = Annotated[float, Range(-math.inf)]
NotNegative = Annotated[float, Range()]
Positive = Annotated[float, Range(ends='(]')]
Share = Annotated[float, Range(0, 1)]
PositiveShare = Annotated[float, Range(0, 1, '(]')]
ShareBelowOne = Annotated[float, Range(0, 1, '[)')]
Between = Annotated[float, Range(0, 1, '()')]
Quality = Annotated[int, Range(1, 100, is_whole=True)]  # libjpeg's
Epsilon = Annotated[
  float,
  Range(
    *(0, 1, '(]'),
    hint='; it is in units of the whole pixel range, 8 grey levels are 8/255',
  ),
]


def number(
  name: str, value: Any, low: float = 0.0, high: float = math.inf, **more
) -> float:
  """Gives the value as a float, if it is in the `Range` of the others."""
  return float(Range(low, high, **more).check(name, value))


def whole(name: str, value: Any, low: int = 1, high: float = math.inf) -> int:
  """Gives the value, if it is a whole number from `low` to `high`."""
  return Range(low, high, is_whole=True).check(name, value)


def suggestion(given: str, known: Iterable[str], form: str = '{!r}') -> str:
  """Gives '; did you mean ...?' for a mistyped name, or ''.

  `form` is that of a name in the result.
  """
  found = difflib.get_close_matches(given, list(known), 1, 0.7)
  return f'; did you mean {form.format(found[0])}?' if found else ''


def known(name: str, value: str, names: Iterable[str]) -> None:
  """Refuses a value, called `name`, that is not among `names`; lists them.

  Of many the first ones: the nearest is suggested.
  """
  if value not in names:
    hint = suggestion(value, names) if isinstance(value, str) else ''
    listed = list(names)
    if rest := len(listed[_MOST_LISTED:]):
      listed[_MOST_LISTED:] = [f'and {rest} more']
    raise InputError(
      f'{name}: {value!r} is unknown{hint or ";"} known: {", ".join(listed)}'
    )


def declared(owner: Callable) -> dict[str, Any]:
  """Gives the types of the parameters that declare ranges, by name."""
  parameters = inspect.signature(owner).parameters.values()
  return {p.name: p.annotation for p in parameters if ranges(p.annotation)}


def checked(function: Callable) -> Callable:
  """Makes a function refuse numbers outside their declared ranges.

  What it gets are plain numbers, of whatever type they were given.
  """
  signature, known = inspect.signature(function), declared(function)

  @functools.wraps(function)
  def call(*args, **kwargs):
    try:
      bound = signature.bind(*args, **kwargs)
    except TypeError:  # Python's own words are better
      return function(*args, **kwargs)
    for name, value in bound.arguments.items():
      bound.arguments[name] = _check(name, known.get(name), value)
    return function(*bound.args, **bound.kwargs)

  return call


def check_fields(settings: Any, prefix: str = '') -> None:
  """Refuses a dataclass instance with a number outside its declared range.

  The prefix is that of its fields' names in messages.
  """
  for field in dataclasses.fields(settings):
    _check(prefix + field.name, field.type, getattr(settings, field.name))


def check_settings(function: Callable, settings: Mapping, prefix: str) -> None:
  """Refuses settings that a `checked` function would, when given them later.

  They are keyword-only parameters, some of which may be missing; the prefix is
  that of their names in messages.
  """
  parameters = inspect.signature(function).parameters.values()
  known = {p.name: p.annotation for p in parameters if p.kind is p.KEYWORD_ONLY}
  for name, value in settings.items():
    if name not in known:
      raise InputError(f'{prefix}{name}: unknown; known: {sorted(known)}')
    _check(prefix + name, known[name], value)


def ranges(annotation: Any) -> list[Range]:
  """Lists all ranges in an annotation, outermost first."""
  if typing.get_origin(annotation) is Annotated:
    return [m for m in annotation.__metadata__ if isinstance(m, Range)]
  return [r for arg in typing.get_args(annotation) for r in ranges(arg)]


def _check(name, annotation, value):
  """The value, its numbers in the ranges of the annotation."""
  found = ranges(annotation)
  origin, args = typing.get_origin(annotation), typing.get_args(annotation)
  if not found:
    return value
  if origin is Annotated:
    return found[0].check(name, value)
  if origin in (typing.Union, types.UnionType):
    (arg,) = [arg for arg in args if ranges(arg)]
    is_none = value is None and type(None) in args
    return None if is_none else _check(name, arg, value)
  if origin is dict or origin is Mapping:
    if not isinstance(value, Mapping):
      raise InputError(f'{name}: {_shown(value)}; names with numbers expected')
    return {k: _check(f'{name}.{k}', args[1], v) for k, v in value.items()}
  if isinstance(value, str) or not hasattr(value, '__iter__'):
    raise InputError(f'{name}: {_shown(value)}; a list of numbers expected')
  return tuple(_check(name, args[0], v) for v in value)


def _shown(value):
  """The value on a part of one line."""
  return ' '.join(repr(value).split())[:80]
