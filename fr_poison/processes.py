"""Several processes of one run: what only the first of them does."""

from collections.abc import Callable

import jax
import numpy as np
from jax.experimental import multihost_utils

from fr_poison.types import InputError

_NOTHING, _REFUSED = -1, -2  # what process 0 sends to the others


def is_first() -> bool:
  """Whether this is the process that writes and prints."""
  return jax.process_index() == 0


def on_first(function: Callable[[], int | None]) -> int | None:
  """Gives what `function` does on process 0 to all, which wait for it.

  That is nothing, or a number in [0, 2^31); or its InputError, on all.
  """
  if jax.process_count() == 1:
    return function()
  refusal, code = None, _NOTHING
  if is_first():
    try:
      result = function()
      code = _NOTHING if result is None else result
    except InputError as error:
      refusal, code = error, _REFUSED
  code = int(multihost_utils.broadcast_one_to_all(np.int32(code)))
  if refusal is not None:
    raise refusal
  if code == _REFUSED:
    raise InputError('process 0 gave up, see its message')
  return None if code == _NOTHING else code
