import numpy as np
import pytest

from fr_poison.data.faces import FaceSet
from fr_poison.evaluation import Protocol
from fr_poison.types import InputError


def _faces(num_people=30, num_pictures=4):
  labels = np.repeat(np.arange(num_people), num_pictures).astype(np.int32)
  return FaceSet(
    np.zeros((len(labels), 2, 2, 3), np.uint8),
    labels,
    tuple(f'p{i}' for i in range(num_people)),
    tuple(f'{i}.png' for i in range(len(labels))),
  )


def test_only_gallery_pictures_of_the_protected_are_cloaked():
  faces = _faces()
  protocol = Protocol.draw(faces, num_protected=3, num_splits=1, seed=5)
  (split,) = protocol.splits
  own = np.flatnonzero(np.isin(faces.labels, protocol.protected))
  np.testing.assert_array_equal(
    protocol.to_cloak, np.intersect1d(own, split.train)
  )
  assert not np.isin(protocol.to_cloak, split.test).any()
  # With many splits every picture is in some gallery.
  several = Protocol.draw(faces, num_protected=3, num_splits=20, seed=5)
  np.testing.assert_array_equal(several.to_cloak, own)


def test_every_split_and_seed_is_a_draw_of_its_own():
  draw = lambda seed: Protocol.draw(
    _faces(num_pictures=10), num_protected=3, num_splits=4, seed=seed
  )
  one, again, other = draw(0), draw(0), draw(1)
  tests = [tuple(split.test) for split in (*one.splits, *other.splits)]
  assert len(set(tests)) == 8
  assert one.protected == again.protected != other.protected
  for a, b in zip(one.splits, again.splits, strict=True):
    np.testing.assert_array_equal(a.test, b.test)


def test_by_default_at_most_half_of_the_people_are_protected():
  number = lambda people: len(Protocol.draw(_faces(people)).protected)
  assert [number(n) for n in (2, 5, 30)] == [1, 2, 10]


def test_what_is_no_protocol_is_refused():
  draw = lambda people=4, **settings: Protocol.draw(_faces(people), **settings)
  for message, call in (
    ('num_protected: 5', lambda: draw(num_protected=5)),
    ('num_protected: 0', lambda: draw(num_protected=0)),
    ('num_splits: 0', lambda: draw(num_splits=0)),
    ('test_fraction', lambda: draw(test_fraction=1.0)),
    ('protected: ', lambda: draw(protected=[7])),
    ('protected: ', lambda: draw(protected=[])),
    ('faces: 1 person', lambda: draw(1, protected=[0])),
  ):
    with pytest.raises(InputError, match=f'^{message}'):
      call()
