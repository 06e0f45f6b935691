import numpy as np
import pytest
from sklearn import metrics as reference

from fr_poison import intervals, metrics
from fr_poison.detectors import Detector
from fr_poison.evaluation import detection
from fr_poison.evaluation.protocol import Memory
from fr_poison.types import InputError

# In falling order 5c 4. 3c 3. 1. with c for cloaked and . for clean.
SCORES = np.array([3, 1, 5, 3, 4])
CLOAKED = np.array([True, False, True, False, False])
USERS = np.array([0, 0, 1, 1, 1])


def _scores(seed, count=60):
  """With many ties, the cloaked ones higher."""
  rng = np.random.default_rng(seed)
  cloaked = rng.random(count) < 0.4
  return rng.integers(0, 12, count) + 3 * cloaked, cloaked


def test_average_precision_by_hand():
  # 5c: precision 1 for half the recall; the threes: 2 of 4 for the rest.
  area = detection.average_precision(SCORES, CLOAKED)
  assert area == pytest.approx(1 / 2 * 1 + 1 / 2 * 1 / 2)


@pytest.mark.parametrize('seed', range(5))
def test_average_precision_is_scikit_learns(seed):
  scores, cloaked = _scores(seed)
  expected = reference.average_precision_score(cloaked, scores)
  found = detection.average_precision(scores, cloaked)
  assert found == pytest.approx(expected)


def _measured(clean, cloaked, threshold, users, **own):
  """Of pictures of one grey level each, which is their score."""
  pictures = [
    np.full((1, 8, 8, 3), 1, np.uint8) * np.uint8(x)[:, None, None, None]
    for x in (clean, cloaked)
  ]
  calls = []

  def score(images):
    calls.append(len(images))
    return images[:, 0, 0, 0]

  detector, memory = Detector(score, 'grey', 'level', '0', **own), Memory()
  given = detector, threshold, *pictures, np.array(users), memory
  first, again = detection.measure(*given), detection.measure(*given)
  times = dict.fromkeys(('wall_seconds',))
  assert first | times == again | times
  assert calls == [len(users), len(users)]  # each once
  return first


def test_a_record_by_hand():
  # Flagged above 3 are 4. and 5c: clean 4 of person 7, cloaked 5 of person 8.
  record = _measured([1, 4, 2], [3, 2, 5], 3, [7, 7, 8])
  assert (record['detector'], record['features']) == ('grey', 'level')
  assert record['num_people'] == 2 and record['num_images'] == 6
  assert record['precision'] == 1 / 2 and record['recall'] == 1 / 3
  rate = metrics.rate(np.array([0, 1]), np.array([7, 8]))
  assert record['precision_ci'] == [rate.low, rate.high]
  rate = metrics.rate(np.array([0, 0, 1]), np.array([7, 7, 8]))
  assert record['recall_ci'] == [rate.low, rate.high]
  # Of 9 pairs 5c wins three, 3c two, 2c one, and ties another.
  assert record['auc'] == 6.5 / 9
  assert record['tpr_at_fpr']['0.01'] == 1 / 3
  assert record['roc']['fpr'][0] == 0 and record['roc']['tpr'][-1] == 1


def test_a_classifiers_own_decision_by_hand():
  # Above 0 lie 4. and 1. of the clean ones, all three cloaked: 3 of 5 flagged
  # are cloaked, 3 of 3 found. Above the threshold 4 lies 5c alone. A picture
  # at 0 is not likelier cloaked than clean.
  given = [0, 4, 1], [3, 2, 5], 4, [7, 7, 8]
  record = _measured(*given, is_log_odds=True)
  assert (record['precision'], record['recall']) == (1, 1 / 3)
  assert (record['argmax_precision'], record['argmax_recall']) == (3 / 5, 1)
  rate = metrics.rate(np.array([0, 0, 1, 1, 1]), np.array([7, 8, 7, 7, 8]))
  assert record['argmax_precision_ci'] == [rate.low, rate.high]
  rate = metrics.rate(np.ones(3), np.array([7, 7, 8]))
  assert record['argmax_recall_ci'] == [rate.low, rate.high]
  # Who is no classifier decides nothing without a threshold.
  record = _measured(*given)
  own = {k: v for k, v in record.items() if k.startswith('argmax')}
  assert len(own) == 4 and set(own.values()) == {None}


def test_innocent_pictures_flagged_by_hand():
  levels = lambda *x: (
    np.uint8(x)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)
  )
  score, users = lambda images: images[:, 0, 0, 0], np.array([7, 7, 8])
  detector, memory = Detector(score, 'grey', 'level', '0'), Memory()
  shown = {'untouched': levels(1, 3, 2), 'sharpened': levels(4, 3, 9)}
  found = detection.false_positives(detector, 3, shown, users, memory)
  assert found['false_positive_rates'] == {'untouched': 0, 'sharpened': 2 / 3}
  rate = metrics.rate(np.array([1, 0, 1]), users)
  assert found['false_positive_rates_ci']['sharpened'] == [rate.low, rate.high]


def test_without_a_flag_there_is_no_precision():
  record = _measured([1, 2], [2, 3], 3, [0, 1])
  assert record['precision'] is None and record['precision_ci'] is None
  assert record['recall'] == 0


def test_rate_at_a_false_positive_rate_draws_its_threshold_again():
  # Alone, the first person has all cloaked ones above the clean ones, the
  # second none. Both: above 5, the highest clean one, lies 1 of 2.
  scores, cloaked = np.array([9, 1, 2, 5]), np.array([1, 0, 1, 0], bool)
  users = np.array([0, 0, 1, 1])
  rate = detection.tpr_at_fpr(scores, cloaked, users, 0.1)
  assert rate[:4] == (1 / 2, 0, 1, 2)
  # With everybody alike, draws say nothing, and the interval of people is left.
  scores = np.array([9, 1, 9, 1])
  rate = detection.tpr_at_fpr(scores, cloaked, users, 0.1)
  assert rate == metrics.rate(np.array([1, 1]), np.array([0, 1]))


def test_interval_of_people_by_hand():
  # The mean score of two people, 0 and 4: drawn twice, once, or not at all.
  mean = lambda scores, cloaked: np.mean(scores)
  users, cloaked = np.array([0, 0, 1, 1]), np.array([1, 0, 1, 0])
  interval = detection.people_interval(
    mean, np.array([0, 0, 4, 4]), cloaked, users
  )
  assert interval == (0, 4)


def test_bootstrap_keeps_both_pictures_of_a_person_together():
  # Person 4 has 3c and 0., person 7 has 1c and 2. - drawing 4 twice gives an
  # AUC of 1, 7 twice gives 0. Were pictures drawn class by class, no draw
  # would give less than (1c against 0. and 2.) 0, but many 0.5.
  scores, cloaked = np.array([3, 0, 1, 2]), np.array([1, 0, 1, 0], bool)
  users = [4, 4, 7, 7]
  found = detection.redrawn_areas(scores, cloaked, users, 400, 0)
  # 4 and 7 once each: 3c beats both, 1c beats 0. alone: 3 of 4.
  values, counts = np.unique(found, return_counts=True)
  np.testing.assert_array_equal(values, [0, 0.75, 1])
  np.testing.assert_allclose(counts / 400, [1 / 4, 1 / 2, 1 / 4], atol=0.08)
  interval = detection.auc_interval(scores, cloaked, users)
  assert interval == (0, 1)


def test_bootstrap_is_the_area_of_the_redrawn_pictures():
  scores, cloaked = _scores(7)
  users = np.arange(60) % 6 * 10
  found = detection.redrawn_areas(scores, cloaked, users, 8, seed=3)
  people = np.unique(users)
  draws = np.random.default_rng(3).integers(0, 6, (8, 6))
  for area, draw in zip(found, draws, strict=True):
    rows = np.concatenate([np.flatnonzero(users == people[i]) for i in draw])
    expected = reference.roc_auc_score(cloaked[rows], scores[rows])
    assert area == pytest.approx(expected)


def test_draws_without_either_kind_are_left_out():
  # One person was cloaked, the other was not: half of the draws have both.
  scores, cloaked = np.array([2, 3, 1]), np.array([True, True, False])
  found = detection.redrawn_areas(scores, cloaked, [0, 0, 1], 100, 0)
  assert 30 < len(found) < 70
  np.testing.assert_array_equal(found, 1)


def test_an_area_of_one_is_no_proof():
  # With one picture of each kind the variance is t (1 - t), as of one coin:
  # Wilson's interval of one success in one.
  low, high = detection.auc_interval([2, 1], [True, False], [0, 0])
  np.testing.assert_allclose((low, high), intervals.wilson(1, 1))
  # 5 of each: (1 - t)^2 = z^2 V at the lower end t, with Hanley and McNeil's
  # V = t (1 - t) (1 + 4 ((1 - t) / (2 - t) + t / (1 + t))) / 25, 4 being
  # (5 + 5) / 2 - 1.
  scores, cloaked = np.arange(10), np.arange(10) > 4
  low, high = detection.auc_interval(scores, cloaked, np.arange(10))
  spread = 1 + 4 * ((1 - low) / (2 - low) + low / (1 + low))
  deviation = np.sqrt(low * (1 - low) * spread / 25)
  assert 1 - low == pytest.approx(1.959964 * deviation)
  assert high == 1
  # An area of 0 is its mirror image.
  mirrored = detection.auc_interval(scores, ~cloaked, np.arange(10))
  np.testing.assert_allclose(mirrored, (0, 1 - low), atol=1e-12)


def test_strangers_are_refused():
  with pytest.raises(InputError, match='^users: 2 for 5 pictures'):
    detection.auc_interval(SCORES, CLOAKED, [0, 1])
