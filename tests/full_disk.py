"""A disk on which nothing more can be written, as far as that can be had."""

import contextlib
import resource


@contextlib.contextmanager
def after(num_bytes: int):
  """The system itself refuses to make a file longer: 'File too large'."""
  old = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, old[1]))
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, old)
