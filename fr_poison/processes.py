"""Several processes of one run: who does what, and how they wait.

They talk through the service by which JAX's processes know each other, and not
through their devices: nothing is compiled, and hours of waiting are no matter,
where a collective may time out. JAX ends a process that waits for one that is
gone. All of them call these functions, in the same order.
"""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax
from jax._src import distributed  # There is no public name of the client.

from fr_poison.types import BusyError, InputError

_TURN = 1000  # ms of a wait, in which no signal is heard
_numbers = itertools.count()  # of what they have done together
_apart = []  # what process 0 is doing while the others wait


def is_alone() -> bool:
  """Whether no other process takes part in the work."""
  return bool(_apart) or distributed.global_state.num_processes == 1


def is_first() -> bool:
  """Whether this is the process that writes and prints."""
  return number() == 0


def number() -> int:
  """Which of the processes this is, from 0."""
  return distributed.global_state.process_id


def on_first(function: Callable[[], Any]) -> Any:
  """Gives what `function` does on process 0 to all, which wait for it.

  That is a JSON value; or its InputError, on all. Whatever it calls finds
  process 0 alone.
  """
  if is_alone():
    return function()
  jax.local_devices()  # Processes find their devices together, or wait.
  name = f'first/{next(_numbers)}'
  if is_first():
    _apart.append(name)
    try:
      result = function()
    except InputError as error:
      _set(name, {'is_busy': isinstance(error, BusyError)})
      raise
    finally:
      _apart.pop()
    _set(name, {'result': result})
    return result
  found = _get(name)
  if 'result' not in found:
    kind = BusyError if found['is_busy'] else InputError
    raise kind('process 0 gave up, see its message')
  return found['result']


def share(items: Iterable) -> Iterator:
  """Yields items that no other process gets, one as often as it is asked.

  So who is faster gets more of them. Whoever needs what the others made waits
  at a `barrier` afterwards.

  Args:
    items: the same on all processes, in the same order.
  """
  if is_alone():
    yield from items
    return
  client, name = distributed.global_state.client, f'share/{next(_numbers)}'
  draw = lambda: client.key_value_increment(name, 1) - 1
  mine = draw()
  for number, item in enumerate(items):
    if number == mine:
      yield item
      mine = draw()


def part(items: Sequence) -> Sequence:
  """Takes every n-th item of n processes: known before, and never asked for."""
  if is_alone():
    return items
  return items[number() :: distributed.global_state.num_processes]


def gather(value: Any) -> list:
  """Lists a JSON value of each process, in their order, on all."""
  if is_alone():
    return [value]
  state, name = distributed.global_state, f'gather/{next(_numbers)}'
  _set(f'{name}/{state.process_id}', value)
  return [_get(f'{name}/{i}') for i in range(state.num_processes)]


def barrier() -> None:
  """Waits until all processes are here."""
  gather(None)


def _set(name, value):
  distributed.global_state.client.key_value_set(name, json.dumps(value))


def _get(name):
  """Waits for another process's value."""
  client = distributed.global_state.client
  while True:
    try:
      return json.loads(client.blocking_key_value_get(name, _TURN))
    except jax.errors.JaxRuntimeError as error:
      if 'DEADLINE_EXCEEDED' not in str(error):
        raise
