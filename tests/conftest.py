import os
import pathlib

import jax
import numpy as np
import pytest

# Before the backend starts: four devices, so that pmap has something to do.
jax.config.update('jax_num_cpu_devices', 4)
# Compiles in a third of the time, to slower programs of the same meaning; so
# do the programs that tests start, or their bits would differ.
jax.config.update('jax_disable_most_optimizations', True)
os.environ['JAX_DISABLE_MOST_OPTIMIZATIONS'] = 'True'

_MAX_RESIDENT = 3 << 30  # bytes


@pytest.fixture(scope='module', autouse=True)
def bounded_memory():
  """Forgets compiled programs once they have become many."""
  yield
  try:
    pages = int(pathlib.Path('/proc/self/statm').read_text().split()[1])
  except OSError:  # not Linux
    return
  if pages * os.sysconf('SC_PAGE_SIZE') > _MAX_RESIDENT:
    jax.clear_caches()


@pytest.fixture(scope='session')
def root():
  return pathlib.Path(__file__).parents[1]


@pytest.fixture(scope='session')
def golden():
  """golden('ssim') -> the arrays of tests/golden/ssim.npz."""

  def load(name):
    path = pathlib.Path(__file__).parent / 'golden' / f'{name}.npz'
    with np.load(path) as arrays:
      return dict(arrays)

  return load
