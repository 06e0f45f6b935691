"""What processes of one run share, give each other and wait for.

And verify.py, a program that does nothing else together.
"""

import json
import os
import subprocess
import sys

import hosts
import lfw_tree
import little_networks
import numpy as np
import verify
from configs import lfw_verification

from fr_poison import extractors, locks, processes
from fr_poison.search import store

# What each of two processes sees of it.
TWO = """
import json, pathlib, sys, time
import jax
import numpy as np
port, process = int(sys.argv[1]), int(sys.argv[2])
folder = pathlib.Path(sys.argv[3])
jax.distributed.initialize(f'127.0.0.1:{port}', 2, process)
import processes_test as here
from fr_poison import locks, processes
from fr_poison.types import BusyError

mine = list(processes.share(iter('abcdefg')))
seen = {'share': sorted(sum(processes.gather(mine), []))}
seen['part'] = processes.part('abcde')
seen['gather'] = processes.gather(process)
if process:
  time.sleep(1.5)  # longer than a wait is
  (folder / 'late').touch()
processes.barrier()
seen['late'] = (folder / 'late').exists()

def apart():
  # Nobody answers: the other one waits.
  return [processes.is_alone(), processes.gather(1), *processes.share('ab')]

seen['apart'] = processes.on_first(apart)
try:
  with locks.held(folder / 'busy'):
    pass
except BusyError as error:
  seen['busy'] = str(error).replace(str(folder), '')
with locks.turn_together(folder / 'turn'):
  seen['store'] = here.fill(folder / 'two')
here.verified(folder, 'two')
processes.barrier()
print(json.dumps(seen))
"""


def fill(folder):
  """Embeds 70 pictures; says what was computed."""
  images = np.random.default_rng(0).integers(0, 256, (70, 16, 16, 3), np.uint8)
  parts = lambda size: (images[i : i + size] for i in range(0, 70, size))
  with little_networks.instead():
    network = extractors.load('mobileface')
    return store.fill(folder, network, parts, 70, block_size=8)[1:]


def verified(folder, name):
  """Runs verify.py on the pictures in the folder."""
  config = lfw_verification.get_config('smoke').to_dict() | {'align': 'none'}
  with little_networks.instead():
    return verify.run(config, folder / name / 'pairs', str(folder / 'lfw'))


def test_two_processes_share_what_there_is(tmp_path, monkeypatch):
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'tfds'))
  lfw_tree.make(tmp_path / 'lfw')
  port = hosts.free_port()
  command = [sys.executable, '-c', TWO, str(port)]
  with locks.held(tmp_path / 'busy'):
    both = [
      subprocess.Popen(
        [*command, str(i), str(tmp_path)],
        env=os.environ | {'PYTHONPATH': os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
      )
      for i in (0, 1)
    ]
    try:
      outputs = [process.communicate(timeout=300)[0] for process in both]
    finally:
      for process in both:
        process.kill()
  first, second = (json.loads(output.splitlines()[-1]) for output in outputs)
  assert first.pop('part') == 'ace' and second.pop('part') == 'bd'
  assert 'another run is writing there' in first.pop('busy')
  assert second.pop('busy') == 'process 0 gave up, see its message'
  assert first == second
  assert first == {
    'share': [*'abcdefg'],
    'gather': [0, 1],
    'late': True,
    'apart': [True, [1], 'a', 'b'],
    'store': [9, []],
  }
  fill(tmp_path / 'one')
  verified(tmp_path, 'one')
  two, one = (
    hosts.records(tmp_path / name / 'pairs' / 'records.jsonl')
    for name in ('two', 'one')
  )
  assert two == one and one
  found, expected = (
    {
      str(p.relative_to(tmp_path / n)): p.read_bytes()
      for p in (tmp_path / n).rglob('*')
      if p.is_file() and p.name != 'records.jsonl'
    }
    for n in ('two', 'one')
  )
  # Two stores, a table and a curve.
  assert found == expected and len(found) == 6


def test_one_process_has_all_of_it():
  assert [*processes.share('ab')] == ['a', 'b'] == [*processes.part('ab')]
  assert processes.gather(3) == [3] and processes.on_first(lambda: 4) == 4
