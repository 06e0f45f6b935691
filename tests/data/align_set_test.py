"""Pictures of any size become one set; those left out say why."""

import numpy as np
import pytest

from fr_poison.data import align_set
from fr_poison.data.placement import Placement
from fr_poison.types import InputError

IMAGE = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
PICTURES = [
  ('bob', 'bob/1.png', IMAGE),
  ('ann', 'ann/1.png', IMAGE[:8]),
  ('bob', 'bob/2.png', IMAGE[:7]),
  ('cem', 'cem/1.png', IMAGE[1:]),
]


def _place(image):
  if len(image) == 8 and image[0, 0, 0] == IMAGE[0, 0, 0]:
    raise InputError('no face')
  return image[:4, :4]


PLACEMENT = Placement('corner-4', _place)


def test_align_set():
  faces, rejected = align_set.align_set(iter(PICTURES), PLACEMENT)
  assert rejected == [('ann/1.png', 'no face')]
  # Ann stays, to be told that nothing of hers is left.
  assert faces.names == ('bob', 'ann', 'cem')
  assert faces.labels.tolist() == [0, 0, 2]
  assert faces.paths == ('bob/1.png', 'bob/2.png', 'cem/1.png')
  assert faces.alignment == 'corner-4'
  expected = [IMAGE[:4, :4], IMAGE[:4, :4], IMAGE[1:5, :4]]
  np.testing.assert_array_equal(faces.images, expected)


def test_strict():
  with pytest.raises(InputError, match='^ann/1.png: no face$'):
    align_set.align_set(PICTURES, PLACEMENT, strict=True)
  align_set.align_set(PICTURES[2:], PLACEMENT, strict=True)


@pytest.mark.parametrize('count', [0, 1])
def test_nothing_left(count):
  pictures = PICTURES[1:2][:count]
  with pytest.raises(InputError, match=f'^pictures: none of {count} can be'):
    align_set.align_set(pictures, PLACEMENT)
