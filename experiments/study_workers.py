"""One process a device: which there are, and how work is shared among them."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from absl import flags

from fr_poison.types import InputError, Stopped

_PROCESSES = flags.DEFINE_integer(
  'processes', None, 'On this host; default: one a GPU or TPU chip, else one.'
)
_SHARE = flags.DEFINE_string('share', None, 'Of a phase, for its workers.')
_ACCELERATORS = ('/dev/nvidia0', '/dev/accel0', '/dev/vfio/0')


class Share(NamedTuple):
  """What one process does of a phase: every `count`-th piece or so."""

  phase: str
  index: int
  count: int


def given_share() -> Share | None:
  """Of this process, if a study has started it."""
  if _SHARE.value is None:
    return None
  phase, index, count = _SHARE.value.split(':')
  return Share(phase, int(index), int(count))


def end_with_parent() -> None:
  """Ends this process as soon as the one that started it is gone.

  However that ended: nobody else keeps a second study out of the folder.
  """

  def watch():
    sys.stdin.read()  # comes back when the other end of the pipe is closed
    os._exit(1)

  threading.Thread(target=watch, daemon=True).start()


def run_quietly(work: Callable[[], None]) -> None:
  """A worker's share; who started it says how it was stopped."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)  # comes to the starter, too
  try:
    work()
  except Stopped as stop:
    print(stop)
    sys.exit(1)  # a phase is not over because a worker stops


def num_local() -> int:
  """Processes of this host.

  Raises:
    InputError: --processes is below 1.
  """
  if _SHARE.value is not None:
    return 1
  if _PROCESSES.value is not None:
    if _PROCESSES.value < 1:
      raise InputError(f'--processes: {_PROCESSES.value} is below 1')
    return _PROCESSES.value
  if not any(map(os.path.exists, _ACCELERATORS)):
    return 1
  # In a process of its own: whoever counts devices keeps their memory.
  code = 'import jax; print(jax.default_backend(), jax.local_device_count())'
  command = [sys.executable, '-c', code]
  told = subprocess.run(command, capture_output=True, text=True, check=False)
  backend, _, number = told.stdout.strip().rpartition(' ')
  return int(number) if backend in ('gpu', 'tpu') else 1


def run(phase: str, num_here: int, host: int, num_hosts: int) -> None:
  """The same command once a process, each with its share and device.

  Args:
    phase: of the study.
    num_here: processes of this host, as of every other.
    host: this one's number.
    num_hosts: with the same --workdir.

  Raises:
    InputError: one of them failed; what it said is on stderr.
  """
  workers = []
  for i in range(num_here):
    share = f'{phase}:{host * num_here + i}:{num_here * num_hosts}'
    command = [sys.executable, *_own_command(), f'--share={share}']
    env = os.environ | _device(i, num_here)
    worker = subprocess.Popen(command, env=env, stdin=subprocess.PIPE)
    workers.append(worker)
  try:
    codes = [worker.wait() for worker in workers]
  finally:
    for worker in workers:
      worker.kill()
      worker.stdin.close()
      worker.wait()
  if any(codes):
    raise InputError(f'{phase}: a process failed, see its message')


def _own_command() -> Sequence[str]:
  """Without the flags that only say where the other hosts are."""
  left_out = ('coordinator_address', 'num_processes', 'process_id')
  left_out += ('distributed', 'processes')
  words = iter(sys.argv[1:])
  kept = [str(pathlib.Path(sys.argv[0]).resolve())]
  for word in words:
    name, mark, _ = word.lstrip('-').partition('=')
    if name not in left_out:
      kept.append(word)
    elif not mark and name != 'distributed':
      next(words, None)
  return kept


def _device(index, count):
  """The environment in which a process sees one device, or its cores."""
  visible = os.environ.get('CUDA_VISIBLE_DEVICES', '')
  known = [name for name in visible.split(',') if name]
  threads = max(1, len(os.sched_getaffinity(0)) // count)
  return {
    'CUDA_VISIBLE_DEVICES': (known[index : index + 1] or [str(index)])[0],
    'TPU_VISIBLE_CHIPS': str(index),
    'TPU_CHIPS_PER_PROCESS_BOUNDS': '1,1,1',
    'TPU_PROCESS_BOUNDS': '1,1,1',
    'OMP_NUM_THREADS': str(threads),
  }
