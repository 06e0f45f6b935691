"""SIGTERM and Ctrl-C as a request: finish the step, save, and end."""

import os
import signal

import jax
from jax.experimental import multihost_utils

_NOTICE = b'\nstopping after this step; Ctrl-C again stops at once\n'


class Preemption:
  """Within it the first signal only sets `requested`; a second Ctrl-C raises.

  Enter it in the main thread, after `jax.distributed.initialize`. With
  several processes SIGTERM is JAX's own: its service tells all of them, and
  `reached` is true on all at the same step. Ctrl-C is passed on as SIGTERM.
  """

  def __init__(self):
    """Not requested yet."""
    self.requested = False
    self._interrupted = False
    self._old = {}

  def __enter__(self) -> 'Preemption':
    """Installs the handlers."""
    self._distributed = jax.process_count() > 1
    handlers = {signal.SIGINT: self._on_interrupt}
    if not self._distributed:
      handlers[signal.SIGTERM] = self._on_terminate
    for number, handler in handlers.items():
      self._old[number] = signal.signal(number, handler)
    return self

  def __exit__(self, *error) -> None:
    """Puts the old handlers back."""
    for number, handler in self._old.items():
      # None: it was not Python that installed it, and Python cannot again.
      signal.signal(number, signal.SIG_DFL if handler is None else handler)
    self._old.clear()

  @property
  def status(self) -> int:
    """Of the process that then ends: a preempted one has done its work."""
    return 128 + signal.SIGINT if self._interrupted else 0

  def reached(self, step: int) -> bool:
    """Whether to save and end after `step`; the same on all processes.

    With several processes each of them asks at every step, from the same one
    on.
    """
    if self._distributed and multihost_utils.reached_preemption_sync_point(
      step
    ):
      self.requested = True
    return self.requested

  def _on_terminate(self, number, frame):
    self.requested = True

  def _on_interrupt(self, number, frame):
    if self._interrupted:
      raise KeyboardInterrupt
    self._interrupted = True
    os.write(2, _NOTICE)  # print is not allowed in a signal handler
    if self._distributed:
      os.kill(os.getpid(), signal.SIGTERM)
    else:
      self.requested = True
