"""How long things take on a noisy machine: by turns, and the median counts.

And how much memory.
"""

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax


def medians(
  fns: Mapping[str, Callable[[], Any]],
  repeats: int,
  *,
  calls: int = 1,
  pause: float = 0.0,
) -> tuple[dict[str, float], dict[str, Any]]:
  """Calls functions by turns, after a turn of each to warm up.

  Args:
    fns: by name; what they return is waited for.
    repeats: turns of each.
    calls: in a row, before the next one's turn.
    pause: seconds before a turn, for threads that still spin.

  Returns:
    The median seconds of a call, and what was returned last, by name.
  """
  seconds, results = {name: [] for name in fns}, {}
  for i in range(repeats + 1):
    for name, fn in fns.items():
      time.sleep(pause)
      for _ in range(calls):
        start = time.perf_counter()
        results[name] = jax.block_until_ready(fn())
        if i:
          seconds[name].append(time.perf_counter() - start)
  return {name: statistics.median(x) for name, x in seconds.items()}, results


def peak_bytes() -> int:
  """Gives the most memory that this process ever had."""
  import resource  # which Windows does not have

  unit = 1 if sys.platform == 'darwin' else 1024
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
