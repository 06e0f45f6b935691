"""Who fits is let in, who does not waits."""

from concurrent import futures

import pytest

from fr_poison.photos.room import Room


@pytest.fixture
def start():
  """start(function, *args) -> its future, in a thread that may wait."""
  with futures.ThreadPoolExecutor() as pool:
    yield pool.submit


def _waits(future):
  return not futures.wait([future], 0.05).done


def test_what_does_not_fit_waits_until_it_does(start):
  room = Room(10)
  room.take(6)
  room.take(4)
  waiting = start(room.take, 5)
  assert _waits(waiting)
  room.give(4)
  assert _waits(waiting)  # 6 and 5 are 11
  room.give(6)
  waiting.result(10)


def test_what_is_larger_than_all_of_it_is_let_in_alone(start):
  room = Room(10)
  with room.taken(11):
    waiting = start(room.take, 1)
    assert _waits(waiting)
  waiting.result(10)
  alone = start(room.take, 11)
  assert _waits(alone)
  room.give(1)
  alone.result(10)


def test_an_error_gives_back_what_was_taken():
  room = Room(10)
  with pytest.raises(KeyError), room.taken(10):
    raise KeyError
  room.take(10)


def test_who_waits_when_it_is_closed_gets_an_error(start):
  room = Room(10)
  room.take(10)
  waiting = start(room.take, 1)
  assert _waits(waiting)
  room.close()
  for future in (waiting, start(room.take, 1)):
    with pytest.raises(futures.CancelledError):
      future.result(10)
