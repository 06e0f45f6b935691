"""Killed processes, and several at once: with real ones."""

import json
import random
import signal
import subprocess
import sys
import time

import hosts
import jax
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from fr_poison.checkpoints import Checkpoints

# Restores what is there, on its one device, then saves until it is killed.
SAVES = """
import sys
import numpy as np
from fr_poison.checkpoints import Checkpoints

def state(step):
  return {'w': np.random.default_rng(step).standard_normal((300, 1000))}

checkpoints = Checkpoints(sys.argv[1])
start, restored = checkpoints.restore(state(0))
assert (restored['w'] == state(start)['w']).all()
for step in range(start + 1, 1000):
  checkpoints.save(step, state(step))
  print(step, flush=True)
"""

TWO = """
import json, sys
import jax
import numpy as np
port, process, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
jax.distributed.initialize(f'127.0.0.1:{port}', 2, process)
from fr_poison import checkpoints as room
from fr_poison.types import InputError

mesh = jax.make_mesh((2,), ('d',))
spec = lambda *names: jax.NamedSharding(mesh, jax.P(*names))
whole = jax.jit(lambda: {'w': jax.numpy.arange(4)}, out_shardings=spec())()
parts = jax.jit(lambda: {'w': jax.numpy.arange(4)}, out_shardings=spec('d'))()
seen = []

def refused(function, *arguments):
  try:
    function(*arguments)
  except InputError as error:
    seen.append(str(error).replace(folder, ''))

checkpoints = room.Checkpoints(folder, keep=1)
seen.append(checkpoints.restore(whole))
checkpoints.save(1, whole)
checkpoints.save(2, whole)
seen.append((room.pathlib.Path(folder) / '2' / 'manifest.json').exists())
refused(checkpoints.save, 2, whole)
refused(checkpoints.save, 3, parts)
step, state = checkpoints.restore({'w': np.zeros(4, np.int32)})
seen.append([step, state['w'].tolist()])
room.saved_step.write = lambda *args: 1 / 0
refused(checkpoints.save, 3, whole)
print(json.dumps(seen))
"""


def _state(step):
  return {'w': np.random.default_rng(step).standard_normal((300, 1000))}


def _start(code, *arguments):
  command = [sys.executable, '-c', code, *map(str, arguments)]
  return subprocess.Popen(
    command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
  )


@pytest.fixture
def started():
  processes = []

  def start(*arguments):
    processes.append(_start(*arguments))
    return processes[-1]

  yield start
  for process in processes:
    process.kill()
    process.communicate()


def test_a_killed_save_leaves_a_whole_step(started, tmp_path):
  mesh = jax.make_mesh((4,), ('d',))
  with jax.enable_x64(True):
    sharded = jax.device_put(
      _state(0)['w'], NamedSharding(mesh, PartitionSpec('d'))
    )
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(0, {'w': sharded})
  rng, last = random.Random(0), 0
  for _ in range(2):
    process = started(SAVES, tmp_path)
    for _ in range(3):
      line = process.stdout.readline()
    assert line, process.stderr.read()
    time.sleep(rng.uniform(0, 0.15))  # a save takes about 0.1 s
    process.send_signal(signal.SIGKILL)
    process.wait()
    checkpoints = Checkpoints(tmp_path)
    step, state = checkpoints.restore(_state(0))
    assert step >= int(line) > last
    np.testing.assert_array_equal(state['w'], _state(step)['w'])
    last = step


def test_two_processes_agree(started, tmp_path):
  port = hosts.free_port()
  both = [started(TWO, port, process, tmp_path) for process in (0, 1)]
  first, second = (_result(process) for process in both)
  parts = 'state: w is spread over several processes'
  failed = ': step 3 could not be saved (division by zero)'
  elsewhere = 'process 0 gave up, see its message'
  restored = [2, [0, 1, 2, 3]]
  assert first == [
    *(None, True, 'step: 2 is not new,  has 2', parts, restored, failed),
  ]
  assert second == [None, True, elsewhere, parts, restored, elsewhere]


def _result(process):
  output, errors = process.communicate(timeout=120)
  assert process.returncode == 0, errors
  return json.loads(output.splitlines()[-1])
