"""Flags of several processes, one a host, of which each does its share.

The same command is started on all of them. They share the folder that is
written to, where the first process alone writes results; and it alone prints
them. One that is gone ends all, in a line.
"""

import sys

import interruption
import jax
from absl import flags

from fr_poison import checks, processes
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
_TIMEOUT = flags.DEFINE_integer(
  'host_timeout',
  100,
  'Seconds after which a process that is not heard of is gone.',
  lower_bound=10,
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
  # SIGTERM stays ours, but while a network is trained: see `Preemption`.
  jax.config.update('jax_enable_preemption_service', False)
  interruption.on_abort()
  try:
    jax.distributed.initialize(
      **given,
      heartbeat_timeout_seconds=_TIMEOUT.value,
      shutdown_timeout_seconds=interruption.PATIENCE,
    )
  except (RuntimeError, ValueError) as error:
    flag = '--coordinator_address' if given else '--distributed'
    raise InputError(f'{flag}: {error}') from error
  if not processes.is_first():
    sys.stdout = None  # Its results are the same.
