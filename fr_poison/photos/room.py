"""How much threads may hold together: who wants more than there is waits."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent import futures


class Room:
  """Bytes that threads share.

  What is larger than all of it is let in where nothing else is.

  Attributes:
    size: all of it, in bytes.
  """

  def __init__(self, size: int):
    """Holds nothing yet."""
    self.size = size
    self._taken, self._is_closed = 0, False
    self._changed = threading.Condition()

  def take(self, size: int) -> None:
    """Takes some of it, once there is as much.

    Raises:
      CancelledError: it was closed.
    """
    fits = lambda: not self._taken or self._taken + size <= self.size
    with self._changed:
      self._changed.wait_for(lambda: self._is_closed or fits())
      if self._is_closed:
        raise futures.CancelledError
      self._taken += size

  def give(self, size: int) -> None:
    """Gives back what was taken."""
    with self._changed:
      self._taken -= size
      self._changed.notify_all()

  @contextlib.contextmanager
  def taken(self, size: int) -> Iterator[None]:
    """Takes some of it, and gives it back in the end; raises as `take`."""
    self.take(size)
    try:
      yield
    finally:
      self.give(size)

  def close(self) -> None:
    """Lets nobody in any more; those who wait get the error."""
    with self._changed:
      self._is_closed = True
      self._changed.notify_all()
