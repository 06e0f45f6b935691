"""What a FaceSet accepts, and what a subset keeps."""

import numpy as np
import pytest

from fr_poison.data import faces
from fr_poison.data.faces import FaceSet
from fr_poison.types import InputError

GOOD = {
  'images': np.arange(3 * 4 * 5 * 3, dtype=np.uint8).reshape(3, 4, 5, 3),
  'labels': np.array([0, 1, 1], np.int32),
  'names': ('ann', 'bob'),
  'paths': ('ann/1.png', 'bob/1.png', 'bob/2.png'),
}


def test_subset_keeps_order_and_names():
  subset = FaceSet(**GOOD, alignment='dlib-112').subset([2, 0])
  np.testing.assert_array_equal(subset.images, GOOD['images'][[2, 0]])
  assert subset.labels.tolist() == [1, 0]
  assert subset.paths == ('bob/2.png', 'ann/1.png')
  assert (subset.names, subset.alignment) == (('ann', 'bob'), 'dlib-112')
  assert len(subset) == 2


def test_a_subset_by_a_mask():
  subset = FaceSet(**GOOD).subset(np.array([False, True, True]))
  assert subset.paths == GOOD['paths'][1:]
  with pytest.raises(IndexError):
    FaceSet(**GOOD).subset(np.ones(2, bool))


def test_empty_subset():
  assert len(FaceSet(**GOOD).subset([])) == 0
  whole = FaceSet(**GOOD)
  part = whole.subset(slice(1, 3))
  assert part.paths == whole.paths[1:3]
  assert np.shares_memory(part.images, whole.images)


@pytest.mark.parametrize(
  'field, value',
  [
    ('images', GOOD['images'].astype(np.float32)),
    ('images', GOOD['images'][..., 0]),
    ('labels', np.array([0, 1], np.int32)),
    ('labels', np.array([0, 1, 1], np.int64)),
    ('labels', np.array([0, 1, 2], np.int32)),
    ('labels', np.array([0, 1, -1], np.int32)),
    ('names', ('ann', 'ann')),
    ('paths', ('ann/1.png', 'bob/1.png')),
    ('paths', ('ann/1.png', 'bob/1.png', 'bob/1.png')),
    ('paths', ('ann/1.png', 'bob/1.png', '/bob/2.png')),
  ],
)
def test_refuses(field, value):
  with pytest.raises(InputError, match=f'^{field}: '):
    FaceSet(**(GOOD | {field: value}))


def test_concatenate():
  other = FaceSet(
    GOOD['images'][:2] + 1,
    np.array([0, 1], np.int32),
    ('bob', 'cem'),
    ('x/1.png', 'x/2.png'),
  )
  both = faces.concatenate([FaceSet(**GOOD), other])
  assert both.names == ('ann', 'bob', 'cem')
  assert both.labels.tolist() == [0, 1, 1, 1, 2]
  assert both.paths == (*GOOD['paths'], 'x/1.png', 'x/2.png')
  np.testing.assert_array_equal(both.images[3:], other.images)
  np.testing.assert_array_equal(both.images[:3], GOOD['images'])
  assert both.alignment == 'none'


@pytest.mark.parametrize(
  'changes, message',
  [
    (
      {'alignment': 'dlib-112'},
      "alignment: 'none' and 'dlib-112' pictures cannot be mixed",
    ),
    (
      {'images': GOOD['images'][:, :2]},
      r'images: \[4, 5, 3\] and \[2, 5, 3\] cannot be mixed',
    ),
    ({}, "paths: 'ann/1.png' is there 2 times"),
  ],
)
def test_concatenate_refuses(changes, message):
  with pytest.raises(InputError, match=f'^{message}$'):
    faces.concatenate([FaceSet(**GOOD), FaceSet(**(GOOD | changes))])


def test_to_float():
  floats = faces.to_float(np.array([0, 51, 255], np.uint8))
  assert floats.dtype == np.float32
  np.testing.assert_array_equal(floats, np.float32([0, 0.2, 1]))
  with pytest.raises(InputError):
    faces.to_float(np.zeros(3))
