"""Several processes, one a host: the same command on each, with its number."""

import jax
from absl import flags

from fr_poison.types import InputError

_DISTRIBUTED = flags.DEFINE_bool(
  'distributed', False, 'One of many processes, on a cluster that JAX knows.'
)
_ADDRESS = flags.DEFINE_string(
  'coordinator_address', None, 'host:port of process 0, free there.'
)
_NUM = flags.DEFINE_integer('num_processes', None, 'On all hosts together.')
_ID = flags.DEFINE_integer('process_id', None, "This one's number, from 0.")


def is_given() -> bool:
  """Whether the flags speak of other processes."""
  values = (_ADDRESS.value, _NUM.value, _ID.value)
  return _DISTRIBUTED.value or any(value is not None for value in values)


def start() -> None:
  """Finds the other processes that the flags speak of, if they do.

  Call it before anything else touches a device.

  Raises:
    InputError: some of the three flags without the others, a number out of
      range, or the others were not found.
  """
  given = {flag.name: flag.value for flag in (_ADDRESS, _NUM, _ID)}
  missing = [name for name, value in given.items() if value is None]
  if not is_given():
    return
  if 0 < len(missing) < 3:
    raise InputError(f'--{missing[0]}: missing, all of {list(given)} expected')
  if not missing:
    if _NUM.value < 1:
      raise InputError(f'--num_processes: {_NUM.value} is below 1')
    if not 0 <= _ID.value < _NUM.value:
      raise InputError(
        f'--process_id: {_ID.value} is outside 0..{_NUM.value - 1}'
      )
  try:
    jax.distributed.initialize(**{} if missing else given)
  except (RuntimeError, ValueError) as error:
    flag = '--distributed' if missing else '--coordinator_address'
    raise InputError(f'{flag}: {error}') from error
