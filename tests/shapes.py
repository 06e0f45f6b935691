"""Holds annotations against calls: what jaxtyping's import hook checks with."""

from beartype import BeartypeConf, beartype

_checked = beartype(conf=BeartypeConf(is_pep484_tower=True))  # int for float


def check(function):
  """Checks the arguments and results of all calls but of states' own.

  Under vmap or eval_shape a state holds more axes, or shapes alone.
  """
  is_state = function.__qualname__.endswith('State.__init__')
  return function if is_state else _checked(function)
