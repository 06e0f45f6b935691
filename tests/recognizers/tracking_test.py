"""People on a circle: an embedding is an angle, in degrees."""

import numpy as np
import pytest

from fr_poison.recognizers import linear, tracking
from fr_poison.recognizers.ranking import NOBODY
from fr_poison.types import InputError


def _circle(*degrees, length=1.0):
  angle = np.deg2rad(degrees)
  return length * np.stack([np.cos(angle), np.sin(angle)], 1)


def _chord(degrees):
  return 2 * np.sin(np.deg2rad(degrees) / 2)


# One clean picture of person 0, one of person 1, and a chain of cloaks of 0
# that ends near the other.
CHAIN = _circle(0, 180, 30, 80, 120, 145)
LABELS = np.array([0, 1, 0, 0, 0, 0])
KNOWN, ASKED = np.arange(2), np.arange(2, 6)


def _follow(classifier='nearest_neighbor', **settings):
  return tracking.follow(
    classifier, CHAIN, LABELS, KNOWN, ASKED, normalize=True, **settings
  )


def test_each_link_of_a_chain_leads_to_the_next():
  found = _follow()
  # 120 and 145 are nearer to 180 than to 0; then 120 is nearer to 80, and then
  # 145 is nearer to 120.
  np.testing.assert_array_equal(found.rounds, [1, 1, 2, 3])
  np.testing.assert_array_equal(found.labels, [0] * 4)
  links = [30, 80, 40, 25]
  np.testing.assert_allclose(found.scores, [-_chord(x) for x in links])


def test_a_link_that_is_too_far_breaks_the_chain_and_errors_stay():
  found = _follow(max_distance=_chord(45))
  # 80 is 50 from 30: too far. 145 is 35 from the other, joins as such, brings
  # 120, and that brings 80, which is 40 from it.
  np.testing.assert_array_equal(found.rounds, [1, 3, 2, 1])
  np.testing.assert_array_equal(found.labels, [0, 1, 1, 1])
  nobody = _follow(max_distance=_chord(20))
  np.testing.assert_array_equal(nobody.rounds, [0] * 4)
  np.testing.assert_array_equal(nobody.labels, [0, 0, 1, 1])


def test_the_distance_has_to_be_below_the_threshold():
  edge = np.array([[1.0, 0], [-1.0, 0], [0.0, 1.0]])
  one = lambda limit: tracking.follow(
    'nearest_neighbor', edge, LABELS[:3], KNOWN, [2], max_distance=limit
  )
  assert one(2**0.5 + 1e-9).rounds == [1] and one(2**0.5).rounds == [0]


@pytest.mark.parametrize('max_distance', [None, _chord(45)])
def test_order_does_not_matter(max_distance):
  straight = _follow(max_distance=max_distance)
  order = np.array([2, 0, 3, 1])
  turned = tracking.follow(
    'nearest_neighbor',
    CHAIN,
    LABELS,
    KNOWN[::-1],
    ASKED[order],
    normalize=True,
    max_distance=max_distance,
  )
  for one, other in zip(straight, turned, strict=True):
    np.testing.assert_allclose(one[order], other)


def test_who_is_nearer_to_a_stranger_does_not_join():
  strangers = _chord(np.array([90, 90, 39, 90]))
  found = _follow(strangers=strangers)
  # 120 is 40 from 80: without it nothing leads to 145.
  np.testing.assert_array_equal(found.rounds, [1, 1, 0, 0])
  np.testing.assert_array_equal(found.labels, [0, 0, NOBODY, 1])
  found = _follow(strangers=np.full(4, 0.01), max_distance=9)
  np.testing.assert_array_equal(found.labels, [NOBODY] * 4)
  np.testing.assert_array_equal(found.rounds, [0] * 4)


def test_only_directions_count_where_it_says_so():
  # Person 0 is nearer by direction, person 1 by distance.
  shown = np.concatenate([_circle(0, length=9), _circle(90, 30)])
  raw, cosine = (
    tracking.follow(
      'nearest_neighbor',
      *(shown, [0, 1, 0], KNOWN, [2]),
      normalize=normalize,
      max_distance=_chord(31),
    )
    for normalize in (False, True)
  )
  assert cosine.labels == [0] and cosine.rounds == [1]
  # The limit is of directions: 60 degrees from person 1.
  assert raw.labels == [1] and raw.rounds == [0]


def test_a_linear_classifier_is_fitted_again_each_round():
  centres = np.float32([[0, 3, 1], [3, 0, 1], [0, 0, 0]])
  chain = centres[0] + np.float32([[0.45], [0.6]]) * (centres[1] - centres[0])
  shown, labels = np.concatenate([centres, chain]), [0, 1, 2, 0, 0]
  found = tracking.follow('linear', shown, labels, [0, 1, 2], [3, 4], C=9.0)
  # The middle is at .5, until the one before it is known.
  models = [linear.fit(shown[:n], labels[:n], C=9.0) for n in (3, 4)]
  before, after = (linear.rank(model, shown[3:]) for model in models)
  np.testing.assert_array_equal(before.labels[:, 0], [0, 1])
  np.testing.assert_array_equal(after.labels[:, 0], [0, 0])
  np.testing.assert_array_equal(found.rounds, [1, 2])
  np.testing.assert_allclose(found.scores[0], before.scores[0, 0], rtol=1e-3)
  np.testing.assert_allclose(found.scores[1], after.scores[1, 0], rtol=1e-3)


def test_the_threshold_lets_so_many_of_other_people_join():
  # Nearest pictures of somebody else's: 10 for both of the first two, 30, 30.
  degrees, labels = [0, 10, 90, 120, 200], [0, 1, 2, 3, 3]
  found = lambda rate: tracking.calibrate(
    _circle(*degrees, length=4), labels, false_rate=rate
  )
  # One's own do not count: 200 is 80 from the nearest, and 110 from 90.
  np.testing.assert_allclose(found(0), _chord(10))
  np.testing.assert_allclose(found(0.39), _chord(10))
  np.testing.assert_allclose(found(0.4), _chord(30))
  np.testing.assert_allclose(found(0.99), _chord(110))


def test_what_cannot_be_followed_is_refused():
  with pytest.raises(InputError, match="classifier: 'pixels' is unknown"):
    _follow('pixels')
  with pytest.raises(InputError, match='false_rate: 1'):
    tracking.calibrate(CHAIN, LABELS, false_rate=1)
  with pytest.raises(InputError, match='fewer than two people'):
    tracking.calibrate(CHAIN, [0] * 6, false_rate=0)
  with pytest.raises(InputError, match='strangers'):
    tracking.follow('linear', CHAIN, LABELS, KNOWN, ASKED, strangers=np.ones(4))
