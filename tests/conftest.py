import dataclasses
import functools
import os
import pathlib
import shutil
import tempfile

import jax
import numpy as np
import pytest

# Before the backend starts: four devices, so that pmap has something to do.
jax.config.update('jax_num_cpu_devices', 4)
# Compiles in a third of the time, to slower programs of the same meaning; so
# do the programs that tests start, or their bits would differ.
jax.config.update('jax_disable_most_optimizations', True)
os.environ['JAX_DISABLE_MOST_OPTIMIZATIONS'] = 'True'

# All that is compiled is kept for a session, for pytest's workers, which get
# the folder from the process that starts them, and for the programs.
_CACHE = 'JAX_COMPILATION_CACHE_DIR'
_made = None if _CACHE in os.environ else tempfile.mkdtemp()
os.environ.setdefault(_CACHE, _made)
os.environ['JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'] = '0'
jax.config.update('jax_compilation_cache_dir', os.environ[_CACHE])
jax.config.update('jax_persistent_cache_min_compile_time_secs', 0)

_MAX_RESIDENT = 3 << 30  # bytes


def pytest_unconfigure():
  if _made:
    shutil.rmtree(_made, ignore_errors=True)


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


@pytest.fixture(scope='session', autouse=True)
def no_waiting_for_the_disk():
  """What is written need not survive a loss of power: 10 ms for each file."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(os, 'fsync', lambda descriptor: None)
    yield


@pytest.fixture(scope='session', autouse=True)
def orl_once():
  """Reads and aligns ORL's installed pictures once: it takes two seconds."""
  from fr_poison.data import datasets  # once all that is above is set

  load = datasets.load
  kept = functools.cache(load)

  @functools.wraps(load)
  def load_once(name, **options):
    if name != 'orl' or options.get('source_dir'):
      return load(name, **options)
    faces = kept(name, **options)
    return dataclasses.replace(faces, images=faces.images.copy())

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(datasets, 'load', load_once)
    yield


@pytest.fixture
def little():
  """Networks of a few numbers under the names of those that ship."""
  import little_networks  # once all that is above is set

  with little_networks.instead():
    yield


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
