"""Strict JSON, and objects that carry a sum of themselves.

The sum finds a digit that rots into another digit. It is no seal against
forgers: anybody can compute it.
"""

import hashlib
import itertools
import json
from typing import Any

from fr_poison.types import InputError

SUM = 'checksum'  # its field
_DEEPEST = 32  # lists and objects in each other
_TOO_DEEP = f'nested more than {_DEEPEST} deep'


def dumps(value: Any) -> str:
  """Writes one text for one value: sorted keys, NumPy scalars as numbers.

  InputError: JSON cannot say it, as NaN.
  """
  try:
    return json.dumps(
      value,
      allow_nan=False,
      sort_keys=True,
      separators=(',', ':'),
      default=lambda x: x.item(),  # NumPy scalars
    )
  except (AttributeError, TypeError, ValueError, RecursionError) as error:
    raise InputError(f'not strict JSON: {error}') from error


def digest(value: Any) -> str:
  """Returns 16 hexadecimal digits of the SHA-256 of `dumps`."""
  return hashlib.sha256(dumps(value).encode()).hexdigest()[:16]


def sealed(content: dict) -> dict:
  """Adds to an object its sum, which is of what will be read back."""
  return content | {SUM: digest(json.loads(dumps(content)))}


def loads(text: bytes) -> Any:
  """Reads what was written, of `sealed` without its sum.

  Raises:
    ValueError: not strict JSON, as NaN, or not UTF-8.
    InputError: nested too deeply for who works with it, or an object whose sum
      is of something else. One without a sum is taken as it is: older versions
      wrote none.
  """
  try:
    value = json.loads(text.decode(), parse_constant=_refuse)
  except RecursionError:
    raise InputError(_TOO_DEEP) from None
  _check_depth(value)
  if not isinstance(value, dict) or SUM not in value:
    return value
  return _vouched_for(value)


def unsealed(text: bytes) -> dict:
  """Reads an object that `sealed` has written, without its sum.

  InputError: it is altered or has no sum, or is something else.
  """
  try:
    return _vouched_for(json.loads(text.decode(), parse_constant=_refuse))
  except InputError:
    raise
  except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
    raise InputError('damaged') from None


def _vouched_for(value):
  body = {name: x for name, x in value.items() if name != SUM}
  if value[SUM] != digest(body):
    raise InputError(f'altered, its {SUM} is of something else')
  return body


def _check_depth(value):
  level = [[value]]
  for _ in range(_DEEPEST + 1):
    values = (x.values() if isinstance(x, dict) else x for x in level)
    inner = itertools.chain.from_iterable(values)
    level = [x for x in inner if isinstance(x, dict | list)]
  if level:
    raise InputError(_TOO_DEEP)


def _refuse(constant):
  raise InputError(f'{constant} is not strict JSON')
