"""Who fits is let in, who does not waits.

Whatever may wait does so in a thread that nobody waits for: a test that fails
ends.
"""

import threading
from concurrent import futures

import pytest

from fr_poison.photos.room import Room

_SOON = 10  # seconds


def _start(function, *args):
  """Calls it in a thread of its own; gives its future."""
  future = futures.Future()

  def run():
    try:
      future.set_result(function(*args))
    except BaseException as error:
      future.set_exception(error)

  threading.Thread(target=run, daemon=True).start()
  return future


def _soon(function, *args):
  return _start(function, *args).result(_SOON)


def _waits(future):
  return not futures.wait([future], 0.05).done


def test_what_does_not_fit_waits_until_it_does():
  room = Room(10)
  _soon(room.take, 6)
  _soon(room.take, 4)
  waiting = _start(room.take, 5)
  assert _waits(waiting)
  room.give(4)
  assert _waits(waiting)  # 6 and 5 are 11
  room.give(6)
  waiting.result(_SOON)


def test_what_is_larger_than_all_of_it_is_let_in_alone():
  room = Room(10)
  _soon(room.take, 11)
  waiting = _start(room.take, 1)
  assert _waits(waiting)
  room.give(11)
  waiting.result(_SOON)
  alone = _start(room.take, 11)
  assert _waits(alone)
  room.give(1)
  alone.result(_SOON)


def test_what_was_taken_is_given_back_also_after_an_error():
  room = Room(10)

  def work():
    with room.taken(10):
      assert _waits(_start(room.take, 1))
      raise KeyError

  with pytest.raises(KeyError):
    _soon(work)
  _soon(room.take, 9)  # beside whoever waited


def test_who_waits_when_it_is_closed_gets_an_error():
  room = Room(10)
  _soon(room.take, 10)
  waiting = _start(room.take, 1)
  assert _waits(waiting)
  room.close()
  for future in (waiting, _start(room.take, 1)):
    with pytest.raises(futures.CancelledError):
      future.result(_SOON)
