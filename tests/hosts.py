"""Programs that run as two processes, each of them one host."""

import socket
import subprocess
import time

import programs

from fr_poison.report import record_file

# Differs between two runs, of one host or of two.
_OF_A_RUN = 'wall_seconds', 'train_seconds', 'run_seconds', 'device'
LOST = 'error: another process of this run ended, or was not heard of; '


def free_port() -> int:
  """A port of this machine that nothing listens at."""
  with socket.socket() as server:
    server.bind(('127.0.0.1', 0))
    return server.getsockname()[1]


def launch(name, config, *args, env) -> list[subprocess.Popen]:
  """Both processes of a program, as `programs.launch`, with little networks."""
  address = f'--coordinator_address=127.0.0.1:{free_port()}'
  hosts = [address, '--num_processes=2', '--host_timeout=10']
  return [
    programs.launch(
      name, config, *args, *hosts, f'--process_id={i}', env=env, little=True
    )
    for i in (0, 1)
  ]


def kill(both, number, is_time) -> str:
  """Kills one process when it is time; the last line of the other one."""
  while not is_time():
    for process in both:
      assert process.poll() is None, process.communicate()
    time.sleep(0.01)
  both[number].kill()
  start = time.monotonic()
  line = programs.finish(both[1 - number], status=1).splitlines()[-1]
  assert time.monotonic() - start < 60
  both[number].communicate()
  return line


def records(path) -> list[dict]:
  """Those of a file, without time and number of devices."""
  return [
    {k: v for k, v in record.items() if k not in _OF_A_RUN}
    for record in record_file.read(path)
  ]
