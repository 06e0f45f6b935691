"""SIGTERM and Ctrl-C as a request: finish the step, save, and end."""

import os
import signal

import jax
from jax._src import distributed
from jax.experimental import multihost_utils

from fr_poison import processes

_NOTICE = b'\nstopping after this step; Ctrl-C again stops at once\n'


class Preemption:
  """Within it the first signal only sets `requested`; a second Ctrl-C raises.

  Enter it in the main thread, after `jax.distributed.initialize`. With
  several processes SIGTERM is JAX's own meanwhile: its service informs all of
  them, and `reached` is true on all at the same step. Ctrl-C is passed on as
  SIGTERM.

  Attributes:
    requested: whether a signal came.
    status: of the process that then ends: a preempted one has done its work.
  """

  def __init__(self):
    """Not requested yet."""
    self.requested, self.status, self._old = False, 0, {}

  def __enter__(self) -> 'Preemption':
    """Installs the handlers."""
    self._old = {signal.SIGINT: signal.signal(signal.SIGINT, self._interrupt)}
    if processes.is_alone():
      old = signal.signal(signal.SIGTERM, self._terminate)
      self._old[signal.SIGTERM] = old
    elif distributed.global_state.preemption_sync_manager is None:
      # JAX's own handler takes the place of this one.
      self._old[signal.SIGTERM] = signal.getsignal(signal.SIGTERM)
      jax.config.update('jax_enable_preemption_service', True)
      distributed.global_state.initialize_preemption_sync_manager()
    return self

  def __exit__(self, *error) -> None:
    """Puts the old handlers back."""
    state = distributed.global_state
    if not processes.is_alone() and signal.SIGTERM in self._old:
      state.preemption_sync_manager.shutdown()
      state.preemption_sync_manager = None
    for number, handler in self._old.items():
      # None: it was not Python that installed it, and Python cannot again.
      signal.signal(number, signal.SIG_DFL if handler is None else handler)

  def reached(self, step: int) -> bool:
    """Checks whether to save and end after `step`; alike on all processes.

    With several processes each of them asks at every step, from the same one
    on.
    """
    if not processes.is_alone():
      self.requested |= multihost_utils.reached_preemption_sync_point(step)
    return self.requested

  def _terminate(self, number, frame):
    self.requested = True

  def _interrupt(self, number, frame):
    if self.status:
      raise KeyboardInterrupt
    self.status = 128 + signal.SIGINT
    os.write(2, _NOTICE)  # print is not allowed in a signal handler
    if processes.is_alone():
      self.requested = True
    else:
      os.kill(os.getpid(), signal.SIGTERM)
