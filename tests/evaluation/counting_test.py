import numpy as np

from fr_poison.data.splits import Split
from fr_poison.evaluation.counting import among_strangers, count_errors
from fr_poison.evaluation.trainer import waiting_name
from fr_poison.recognizers import nearest_neighbor
from fr_poison.recognizers.ranking import Ranking


def _errors(clean, cloaked, labels, protected, splits):
  rankings = nearest_neighbor.rank_protected(
    clean, cloaked, labels, protected, splits
  )
  return count_errors(rankings, labels, protected, splits)


def test_baseline_has_the_surrogate_oblivious_another_network():
  assert waiting_name('a', ['a', 'b']) == 'baseline'
  assert waiting_name('b', ['a', 'b']) == 'baseline'
  assert waiting_name('c', ['a', 'b']) == 'oblivious'
  assert waiting_name('c', []) == 'baseline'
  # Of mirror images, too, it knows the same.
  assert waiting_name('a mirrored', ['a', 'b']) == 'baseline'


def test_errors_on_a_line():
  # Three people on a line at 0, 10 and 20, four pictures each. Person 0's
  # cloak moves his pictures to 40, person 1's does nothing.
  labels = np.repeat([0, 1, 2], 4)
  offsets = np.tile([0.0, 0.1, 0.2, 0.3], 3)
  clean = (labels * 10 + offsets)[:, None].astype(np.float32)
  cloaked = clean + np.where(labels == 0, 40, 0)[:, None].astype(np.float32)
  # Two splits; picture 0 of each person is tested in both, picture 1 in one.
  splits = [
    Split(np.array([2, 3, 6, 7, 10, 11]), np.array([0, 4, 8])),
    Split(np.array([2, 3, 6, 7, 10, 11]), np.array([0, 1, 4, 5, 8, 9])),
  ]
  errors = _errors(clean, cloaked, labels, [0, 1], splits)
  # Person 0, cloaked, is taken for person 1; person 1 is recognised as ever.
  np.testing.assert_array_equal(errors.protected, [1, 1, 0, 0])
  np.testing.assert_array_equal(errors.protected_people, [0, 0, 1, 1])
  # Everybody is somebody else while another one is protected: no errors.
  np.testing.assert_array_equal(errors.others, np.zeros(6))
  np.testing.assert_array_equal(errors.others_people, [0, 0, 1, 1, 2, 2])


def test_a_picture_tested_often_counts_once_with_its_share_of_errors():
  labels = np.array([0, 0, 1, 1])
  clean = np.array([[0.0], [6.0], [10.0], [11.0]], np.float32)
  # Probe 1 (at 6) is nearer to person 1 at 10 than to its own 0 (4 < 6), but
  # to its own cloak at 7 nearer still.
  cloaked = np.array([[7.0], [6.0], [10.0], [11.0]], np.float32)
  splits = [
    Split(np.array([0, 2]), np.array([1, 3])),  # right: 7 beats 10
    Split(np.array([2]), np.array([1, 3])),  # wrong: nobody but person 1
  ]
  errors = _errors(clean, cloaked, labels, [0], splits)
  np.testing.assert_array_equal(errors.protected, [0.5])


def test_a_nearer_stranger_is_taken_for_the_probe():
  # Two protected people, three probes; at 1, 2 and 3 from their nearest.
  ranking = Ranking(
    np.array([[[5], [6], [7]]] * 2), -np.array([[[1.0], [2.0], [3.0]]] * 2)
  )
  found = among_strangers(ranking, np.array([1.5, 1.9, 3.0]))
  # Nearer is only the second; at equal distance the gallery's own come first.
  np.testing.assert_array_equal(found.labels[..., 0], [[5, -1, 7]] * 2)
  np.testing.assert_allclose(found.scores[..., 0], [[-1, -1.9, -3]] * 2)
