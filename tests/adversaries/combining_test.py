import numpy as np
import pytest

from fr_poison.adversaries import combining
from fr_poison.recognizers import nearest_neighbor
from fr_poison.recognizers.ranking import Ranking
from fr_poison.types import InputError

TRUE = np.array([1, 2, 3, 4])
# Right at probes 0 and 2; sure of 0 and 1, wrongly of 1.
ACCURATE = Ranking(
  np.array([[1, 9], [9, 2], [3, 9], [9, 8]]),
  np.array([[-1.0, -3.0], [-2.0, -3.0], [-5.0, -6.0], [-7.0, -8.0]]),
)
# Right at probes 2 and 3.
ROBUST = Ranking(
  np.array([[7, 1], [7, 2], [3, 7], [4, 7]]),
  np.array([[0.6, 0.2], [0.5, 0.3], [0.9, 0.1], [0.4, 0.4]]),
)


def test_top2_is_right_where_either_is():
  both = combining.top2(ACCURATE, ROBUST)
  np.testing.assert_array_equal(both.labels, [[1, 7], [9, 7], [3, 3], [9, 4]])
  np.testing.assert_array_equal(
    both.scores, [[-1, 0.6], [-2, 0.5], [-5, 0.9], [-7, 0.4]]
  )
  right = (both.labels == TRUE[:, None]).any(1)
  either = (ACCURATE.labels[:, 0] == TRUE) | (ROBUST.labels[:, 0] == TRUE)
  np.testing.assert_array_equal(right, either)


def test_top2_takes_rankings_of_any_depth_and_many_people():
  # As from rank_protected, [P, T, top_k], with another top_k each.
  accurate = Ranking(*(np.stack([x, x[::-1]]) for x in ACCURATE))
  robust = Ranking(*(np.stack([x, x])[..., :1] for x in ROBUST))
  both = combining.top2(accurate, robust)
  assert both.labels.shape == both.scores.shape == (2, 4, 2)
  np.testing.assert_array_equal(both.labels[1, 0], [9, 7])


@pytest.mark.parametrize(
  ('minimum_score', 'labels', 'scores'),
  [
    # The robust one is asked at probes 2 and 3 ...
    (-2.0, [[1, 9], [9, 2], [3, 7], [4, 7]], [-1.0, -2.0, 0.9, 0.4]),
    # ... at 1, too ...
    (-1.9, [[1, 9], [7, 2], [3, 7], [4, 7]], [-1.0, 0.5, 0.9, 0.4]),
    # ... never, and always.
    (-np.inf, ACCURATE.labels, ACCURATE.scores[:, 0]),
    (np.inf, ROBUST.labels, ROBUST.scores[:, 0]),
  ],
)
def test_threshold_by_hand(minimum_score, labels, scores):
  asked = combining.threshold(ACCURATE, ROBUST, minimum_score)
  np.testing.assert_array_equal(asked.labels, labels)
  np.testing.assert_array_equal(asked.scores[:, 0], scores)


def test_threshold_is_at_least_right_where_both_are_and_can_beat_either():
  right = lambda ranking: ranking.labels[:, 0] == TRUE
  both = right(ACCURATE) & right(ROBUST)
  for minimum_score in np.linspace(-8, 0, 33):
    asked = right(combining.threshold(ACCURATE, ROBUST, minimum_score))
    assert (asked >= both).all()
  # At -2: probes 0, 2 and 3; alone each is right twice.
  assert right(combining.threshold(ACCURATE, ROBUST, -2.0)).sum() == 3


def test_calibrate_by_hand():
  # Person 0 at 0, 1, 4: nearest others at 1, 1, 3. Person 1 at (10, 0) and
  # (13, 4): 5, 5. Person 2 has one picture. Sorted 1 1 3 5 5: the median is
  # 3; the 90% quantile lies between two fives, the 30% one a fifth of the way
  # from 1 to 3.
  points = [[0, 0], [10, 0], [1, 0], [13, 4], [4, 0], [11, 0]]
  embeddings, labels = np.float32(points), np.array([0, 1, 0, 1, 0, 2])
  for quantile, expected in ((0.5, -3.0), (0.9, -5.0), (0.3, -1.4)):
    score = combining.calibrate(embeddings, labels, quantile=quantile)
    assert score == pytest.approx(expected, rel=1e-6)


def test_calibrate_compares_directions_if_asked_to():
  # (3, 0) and (0, 5) are sqrt(2) apart on the unit circle.
  score = combining.calibrate(
    np.float32([[3, 0], [0, 5]]), np.array([1, 1]), normalize=True
  )
  assert score == pytest.approx(-np.sqrt(2))


@pytest.mark.parametrize('normalize', [False, True])
def test_the_calibrated_share_of_clean_probes_is_left_to_the_accurate(
  normalize,
):
  rng = np.random.default_rng(0)
  labels = np.repeat(np.arange(8), 50).astype(np.int32)
  centres = 5 * rng.standard_normal((8, 16))
  clean = (centres[labels] + rng.standard_normal((400, 16))).astype(np.float32)
  known = np.arange(400) % 2 == 0
  minimum_score = combining.calibrate(
    clean[known], labels[known], normalize=normalize, quantile=0.8
  )
  model = nearest_neighbor.fit(clean[known], labels[known], normalize=normalize)
  accurate = nearest_neighbor.rank(model, clean[~known], 1)
  sure = np.asarray(accurate.scores)[:, 0] >= minimum_score
  assert 0.65 < sure.mean() < 0.95


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'quantile': 0.0}, 'quantile: 0.0 is'),
    ({'quantile': 1.0}, 'quantile: 1.0 is'),
    ({'quantile': float('nan')}, 'quantile: nan is'),
    ({'labels': [0, 1, 2]}, 'labels: nobody has two'),
    ({'labels': [0, 1]}, 'labels: 2 given for 3'),
    ({'embeddings': [[0.0], [np.nan], [1.0]]}, 'embeddings: NaN'),
    ({'embeddings': np.empty((0, 2)), 'labels': []}, 'labels: nobody'),
  ],
)
def test_what_cannot_be_calibrated_is_refused(changes, message):
  arguments = {'embeddings': [[0.0], [1.0], [2.0]], 'labels': [0, 0, 1]}
  with pytest.raises(InputError, match=message):
    combining.calibrate(**arguments | changes)


def test_rankings_of_other_probes_are_refused():
  fewer = Ranking(*(x[:3] for x in ROBUST))
  with pytest.raises(InputError, match=r'robust: expected \[4\]'):
    combining.top2(ACCURATE, fewer)
  with pytest.raises(InputError, match=r'robust: expected \[4, 2\]'):
    combining.threshold(ACCURATE, fewer, -2.0)
  with pytest.raises(InputError, match='minimum_score: nan'):
    combining.threshold(ACCURATE, ROBUST, float('nan'))
