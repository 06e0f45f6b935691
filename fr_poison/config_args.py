"""Typed arguments of config files: `--config=configs/orl.py:smoke,seed=3`."""

from typing import Any

from fr_poison import checks
from fr_poison.types import InputError

_BOOLS = {'true': True, 'false': False, '1': True, '0': False}


def parse(arg: str | None, **defaults: Any) -> dict[str, Any]:
  """The defaults, replaced by what `arg` says; each keeps its type.

  Args:
    arg: 'name=value,flag'; a name alone sets a bool to True. None or '': no
      change.
    defaults: the known names with bool, int, float or str values; a tuple has
      all that there are to choose from, the default first.

  Raises:
    InputError: a name without a default, or a value of another type.
  """
  choices = {n: v for n, v in defaults.items() if isinstance(v, tuple)}
  defaults |= {name: known[0] for name, known in choices.items()}
  values = dict(defaults)
  for part in filter(None, (arg or '').split(',')):
    name, _, text = part.partition('=')
    if name not in defaults:
      raise InputError(
        f'config argument {name!r} is unknown'
        f'{checks.suggestion(name, defaults) or ";"} '
        f'known: {", ".join(sorted(defaults))}'
      )
    kind = type(defaults[name])
    try:
      is_flag = kind is bool
      values[name] = _BOOLS[(text or 'true').lower()] if is_flag else kind(text)
    except (KeyError, ValueError) as error:
      raise InputError(
        f'config argument {name}: {text!r} is not {kind.__name__}'
      ) from error
    if values[name] not in choices.get(name, (values[name],)):
      raise InputError(
        f'config argument {name}: {text!r} is unknown'
        f'{checks.suggestion(text, choices[name]) or ";"} '
        f'known: {", ".join(choices[name])}'
      )
  return values
