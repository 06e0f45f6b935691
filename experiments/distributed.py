"""Flags of what trains: several processes, one a host, and event files."""

import jax
from absl import flags

from fr_poison import checks
from fr_poison.types import InputError

_DISTRIBUTED = flags.DEFINE_bool(
  'distributed', False, 'One of many processes, on a cluster that JAX knows.'
)
_FLAGS = (
  flags.DEFINE_string(
    'coordinator_address', None, 'host:port of process 0, free there.'
  ),
  flags.DEFINE_integer('num_processes', None, 'On all hosts together.'),
  flags.DEFINE_integer('process_id', None, "This one's number, from 0."),
)


# Here, since the programs that train are those that run on several hosts.
TENSORBOARD = flags.DEFINE_bool(
  'tensorboard', False, 'Write event files beside metrics.jsonl.'
)


def is_given() -> bool:
  """Says whether the flags speak of other processes."""
  return _DISTRIBUTED.value or any(flag.value is not None for flag in _FLAGS)


def start() -> None:
  """Finds the other processes that the flags speak of, if they do.

  Call it before anything else touches a device.

  Raises:
    InputError: some of the three flags without the others, a number out of
      range, or the others were not found.
  """
  if not is_given():
    return
  given = {flag.name: flag.value for flag in _FLAGS if flag.value is not None}
  for flag in _FLAGS if given else ():
    if flag.name not in given:
      names = [x.name for x in _FLAGS]
      raise InputError(f'--{flag.name}: missing, all of {names} expected')
  if given:
    count = checks.whole('--num_processes', given['num_processes'])
    checks.whole('--process_id', given['process_id'], 0, count - 1)
  try:
    jax.distributed.initialize(**given)
  except (RuntimeError, ValueError) as error:
    flag = '--coordinator_address' if given else '--distributed'
    raise InputError(f'{flag}: {error}') from error
