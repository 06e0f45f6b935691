"""Numbers from outside: in their range, or refused with name and range."""

import difflib
import math
import numbers
from collections.abc import Iterable
from typing import Any

from fr_poison.types import InputError


def number(
  name: str,
  value: Any,
  low: float = 0.0,
  high: float = math.inf,
  *,
  ends: str = '[]',
  hint: str = '',
) -> float:
  """The value, if it is a finite number in the range.

  Args:
    name: what to call it in the message.
    value: anything; NaN and bools are in no range.
    low: where the range begins.
    high: where it ends.
    ends: '[]' with both, '(]' without low, '[)' without high, '()'.
    hint: what the message ends with.

  Raises:
    InputError: it is not.
  """
  try:
    inside = low <= value <= high and abs(value) < math.inf
  except TypeError:
    inside = False
  outside = (ends[0] == '(' and value == low) or (
    ends[1] == ')' and value == high
  )
  if isinstance(value, bool) or not inside or outside:
    close = ')' if high == math.inf else ends[1]
    raise InputError(
      f'{name}: {value!r} is outside {ends[0]}{low:g}, {high:g}{close}{hint}'
    )
  return float(value)


def whole(name: str, value: Any, low: int = 1, high: float = math.inf) -> int:
  """The value, if it is a whole number from `low` to `high`.

  Raises:
    InputError: it is not.
  """
  is_whole = isinstance(value, numbers.Integral)
  if isinstance(value, bool) or not is_whole or not low <= value <= high:
    top = '' if high == math.inf else f' to {high:g}'
    raise InputError(
      f'{name}: {value!r}; a whole number from {low}{top} expected'
    )
  return int(value)


def suggestion(given: str, known: Iterable[str], form: str = '{!r}') -> str:
  """'; did you mean ...?' for a name that is mistyped, or ''.

  Args:
    given: the name.
    known: those that there are.
    form: of a name in the result.
  """
  found = difflib.get_close_matches(given, list(known), 1, 0.7)
  return f'; did you mean {form.format(found[0])}?' if found else ''
