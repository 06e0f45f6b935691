import numpy as np
import pytest

from fr_poison import types
from fr_poison.report import embedding_map


@pytest.fixture
def places():
  # Around their mean, the origin: variance 2 * 3^2 along the first axis,
  # 2 * 2^2 along the second, 2 * 1 along the third.
  points = 7 + np.diag([3.0, 2.0, 1.0])
  return embedding_map.project(
    points[:1], 14 - points[:2], np.concatenate([points[1:], 14 - points[2:]])
  )


def test_axes_are_those_of_the_largest_variance(places):
  assert places['explained'] == pytest.approx(26 / 28)
  ((x, y),) = places['clean']
  assert abs(x) == pytest.approx(3) and y == pytest.approx(0)
  (first, second) = places['cloaked']
  assert first == pytest.approx([-x, 0])
  assert abs(second[1]) == pytest.approx(2)
  assert len(places['neighbours']) == 3


def test_map_shows_each_kind(places, make_record):
  drawing = embedding_map.draw(
    [make_record(), make_record(embedding_map=places)]
  )
  (axis,) = drawing.figure.axes
  drawn = {x.get_label(): x.get_xydata().tolist() for x in axis.lines}
  assert drawn == {kind: places[kind] for kind in embedding_map.KINDS}
  assert '93% of the variance' in drawing.caption
  assert embedding_map.draw([make_record()]) is None


def test_other_arrays_are_refused():
  good = np.zeros((2, 3))
  for bad in (np.zeros((2, 4)), np.zeros((0, 3))):
    with pytest.raises(types.InputError, match='embedding_map'):
      embedding_map.project(good, bad, good)
