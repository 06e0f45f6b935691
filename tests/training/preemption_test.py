import os
import signal
import subprocess
import sys

import hosts
import pytest

from fr_poison.training.preemption import Preemption

# Both count steps; the parent's SIGTERM (or Ctrl-C) goes to the second alone.
TWO = """
import sys, time
import jax
jax.config.update('jax_enable_preemption_service', False)  # as programs do
jax.distributed.initialize(f'127.0.0.1:{sys.argv[1]}', 2, int(sys.argv[2]))
from fr_poison.training.preemption import Preemption
with Preemption():
  pass  # of a network that was trained before
with Preemption() as preemption:
  print('ready', flush=True)
  for step in range(3000):
    if preemption.reached(step):
      print(step, preemption.requested)
      break
    time.sleep(0.01)
"""


@pytest.fixture(autouse=True)
def handlers():
  """Marked handlers, so that a signal too many fails a test, not the run."""
  received = []
  old = {
    number: signal.signal(number, lambda n, frame: received.append(n))
    for number in (signal.SIGINT, signal.SIGTERM)
  }
  yield received
  for number, handler in old.items():
    signal.signal(number, handler)


def _send(number):
  os.kill(os.getpid(), number)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_request_within_the_block_only(number, handlers, capfd):
  with Preemption() as preemption:
    assert not preemption.reached(0)
    _send(number)
    assert preemption.requested and preemption.reached(1)
    _send(signal.SIGTERM)  # impatient schedulers repeat it
    assert preemption.reached(2)
  assert handlers == []
  # A preempted machine has done its work; a person may want to know.
  assert preemption.status == (130 if number == signal.SIGINT else 0)
  _send(number)
  assert handlers == [number]
  is_noted = 'Ctrl-C again stops at once' in capfd.readouterr().err
  assert is_noted == (number == signal.SIGINT)


def test_a_second_interrupt_stops_at_once(handlers):
  with pytest.raises(KeyboardInterrupt):
    with Preemption() as preemption:
      _send(signal.SIGTERM)
      _send(signal.SIGINT)
      assert preemption.requested
      _send(signal.SIGINT)
  _send(signal.SIGINT)
  assert handlers == [signal.SIGINT]  # the old handlers are back


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_two_processes_stop_at_the_same_step(number):
  port = str(hosts.free_port())
  both = [
    subprocess.Popen(
      [sys.executable, '-c', TWO, port, rank],
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )
    for rank in '01'
  ]
  try:
    for process in both:
      assert process.stdout.readline() == 'ready\n'
    both[1].send_signal(number)
    (first, errors), (second, _) = (p.communicate(timeout=60) for p in both)
  finally:
    for process in both:
      process.kill()
  assert first == second, errors
  step, requested = first.split()
  assert 0 < int(step) < 2999 and requested == 'True'
