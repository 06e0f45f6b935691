"""Programs of experiments/ as a user starts them, but sharing what they can."""

import os
import pathlib
import subprocess
import sys

import numpy as np

from fr_poison import checkpoints

EXPERIMENTS = pathlib.Path(__file__).parents[1] / 'experiments'
LITTLE = pathlib.Path(__file__).with_name('little_networks.py')


def environment(tmp_path_factory, num_devices: int = 4) -> dict:
  """With one copy of the pictures and of each compiled program a session.

  Args:
    tmp_path_factory: pytest's.
    num_devices: by default as many as the tests' own processes have: for any
      other number all is compiled anew.
  """
  folder = tmp_path_factory.getbasetemp() / 'programs'
  compiled = {
    # A session of pytest has its own, see conftest.py.
    'JAX_COMPILATION_CACHE_DIR': str(folder / 'compiled'),
    'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
  }
  return (compiled | os.environ) | {
    'TFDS_DATA_DIR': str(folder / 'tfds'),
    'JAX_DISABLE_MOST_OPTIMIZATIONS': 'True',  # compiles in a third of the time
    'JAX_NUM_CPU_DEVICES': str(num_devices),
  }


def start(name, config, folder, *args, **options) -> subprocess.Popen:
  """`launch` of a program that writes into `folder`, its --workdir."""
  return launch(name, config, f'--workdir={folder}', *args, **options)


def launch(name, config, *args, env, little=False) -> subprocess.Popen:
  """experiments/<name>.py with a config file's `smoke` argument.

  Args:
    name: of the program.
    config: one of experiments/configs, or a path; None: it takes none.
    *args: other flags.
    env: see `environment`.
    little: with `little_networks` in the place of those that ship.
  """
  if config is not None:
    args = f'--config={EXPERIMENTS / "configs" / config}.py:smoke', *args
  return subprocess.Popen(
    [
      sys.executable,
      *([str(LITTLE)] if little else []),
      str(EXPERIMENTS / f'{name}.py'),
      *args,
    ],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    env=env,
  )


def finish(process: subprocess.Popen, status: int = 0) -> str:
  """What it printed, or its errors where another status is expected."""
  try:
    out, errors = process.communicate(timeout=300)
  finally:
    process.kill()
  assert process.returncode == status, errors
  return errors if status else out


def leaves(folder: pathlib.Path) -> dict[str, np.ndarray]:
  """All arrays of the newest checkpoint of a training's folder."""
  return dict(_flat(checkpoints.read(folder / 'checkpoints')[0]))


def _flat(tree, name=''):
  if not isinstance(tree, dict):
    yield name[1:], tree
    return
  for key, value in tree.items():
    yield from _flat(value, f'{name}/{key}')
