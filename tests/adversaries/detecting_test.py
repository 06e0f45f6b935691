import types

import numpy as np
import pytest

from fr_poison.adversaries import detecting
from fr_poison.data.splits import Split
from fr_poison.recognizers import linear, nearest_neighbor
from fr_poison.recognizers.ranking import Ranking
from fr_poison.types import InputError

LABELS = np.repeat([3, 5, 8], 4)
# The first three pictures of everybody train, the last one tests.
SPLIT = Split(
  np.flatnonzero(np.arange(12) % 4 != 3), np.flatnonzero(np.arange(12) % 4 == 3)
)
# People on a line at 0, 10 and 20; person 3's cloak moves his pictures to 40.
CLEAN = (
  LABELS * 0
  + np.repeat([0.0, 10.0, 20.0], 4)
  + np.tile([0.0, 0.1, 0.2, 0.3], 3)
)[:, None].astype(np.float32)
CLOAKED = CLEAN + np.float32(40 * (LABELS == 3))[:, None]


def scored(cloaked_scores, clean_scores=None):
  """Of person 3's cloaks, picture by picture; everybody's clean ones 0."""
  clean = np.zeros(12) if clean_scores is None else clean_scores
  cloaked = clean.copy()
  cloaked[:4] = cloaked_scores
  return detecting.Scored(CLEAN, CLOAKED, clean, cloaked, LABELS)


def evaluate(pictures, threshold=0.5, protected=(3,), **settings):
  return detecting.evaluate(
    nearest_neighbor, pictures, threshold, protected, [SPLIT], **settings
  )


def test_filter_drops_what_is_above_the_threshold_and_names_who_is_gone():
  scores = np.array([0.1, 0.5, 0.6, 9.0, 0.7, 0.8, 0.9, 9.0, 0, 0, 0, 9.0])
  # The fourth picture of each was not scraped, whatever its score.
  kept, gone = detecting.filter_scrape(scores, 0.5, LABELS, SPLIT.train)
  np.testing.assert_array_equal(kept, [0, 1, 8, 9, 10])
  np.testing.assert_array_equal(gone, [5])


def test_an_all_clean_scrape_stays_whole_and_a_flagged_one_is_empty():
  kept, gone = detecting.filter_scrape(
    np.zeros(12), np.inf, LABELS, SPLIT.train
  )
  np.testing.assert_array_equal(kept, SPLIT.train)
  assert not len(gone)
  kept, gone = detecting.filter_scrape(np.ones(12), 0.5, LABELS, SPLIT.train)
  assert not len(kept)
  np.testing.assert_array_equal(gone, [3, 5, 8])
  kept, gone = detecting.filter_scrape(np.ones(12), 0.5, LABELS, [])
  assert not len(kept) and not len(gone)


@pytest.mark.parametrize(
  ('scores', 'threshold', 'field'),
  [
    (np.zeros(11), 0.5, 'labels'),
    (np.zeros(12), np.nan, 'threshold'),
    (np.where(np.arange(12) == 6, np.nan, 0), 0.5, 'scores: NaN in row 6'),
  ],
)
def test_bad_scores_are_refused(scores, threshold, field):
  with pytest.raises(InputError, match=field):
    detecting.filter_scrape(scores, threshold, LABELS, SPLIT.train)


def test_a_score_that_nobody_needs_may_be_missing():
  scores = np.where(np.arange(12) == 3, np.nan, 0)
  kept, _ = detecting.filter_scrape(scores, 0.5, LABELS, SPLIT.train)
  assert len(kept) == 9


def test_a_blind_detector_leaves_the_cloak_its_protection():
  # At .3, person 3's test picture is nearer to 5's at 10 than to 40.
  errors = evaluate(scored(0.0))
  np.testing.assert_array_equal(errors.protected, [1])
  np.testing.assert_array_equal(errors.protected_people, [3])
  np.testing.assert_array_equal(errors.not_enrolled, [0])
  # Everybody else is recognised.
  np.testing.assert_array_equal(errors.others, [0, 0])
  np.testing.assert_array_equal(errors.others_people, [5, 8])


def test_one_missed_picture_without_effect_ends_the_protection():
  # Two of three cloaks are caught; the third, at .1, does not move.
  pictures = scored([1.0, 0.0, 1.0, 0.0])
  cloaked = pictures.cloaked.copy()
  cloaked[1] = CLEAN[1]
  errors = evaluate(pictures._replace(cloaked=cloaked))
  np.testing.assert_array_equal(errors.protected, [0])
  np.testing.assert_array_equal(errors.not_enrolled, [0])


def test_who_loses_all_pictures_is_not_enrolled_and_not_protected():
  errors = evaluate(scored(1.0))
  assert not len(errors.protected) and not len(errors.protected_people)
  np.testing.assert_array_equal(errors.not_enrolled, [1])
  np.testing.assert_array_equal(errors.not_enrolled_people, [3])
  np.testing.assert_array_equal(errors.others, [0, 0])
  np.testing.assert_array_equal(errors.others_not_enrolled, [0, 0])
  np.testing.assert_array_equal(errors.others_not_enrolled_people, [5, 8])


def test_shares_are_over_splits_and_others_can_be_lost_to_false_alarms():
  # The second split trains on the last two pictures alone. Person 3's are
  # flagged there, cloaked as they are, and in the first split not. Person 8's
  # clean ones are flagged in both.
  clean = np.where(LABELS == 8, 1.0, 0.0)
  pictures = scored([0.0, 0.0, 1.0, 1.0], clean)
  last = np.arange(12) % 4 >= 2
  second = Split(np.flatnonzero(last), np.flatnonzero(~last))
  errors = detecting.evaluate(
    nearest_neighbor, pictures, 0.5, [3], [SPLIT, second]
  )
  np.testing.assert_array_equal(errors.not_enrolled, [0.5])
  np.testing.assert_array_equal(errors.others_not_enrolled, [0, 1])
  # Row 3 in the first split; in the second his rows 0 and 1 do not count.
  np.testing.assert_array_equal(errors.protected, [1])
  np.testing.assert_array_equal(errors.others_people, [5, 5, 5])


def test_clean_scores_count_for_everybody_but_the_protected():
  # 5's cloaked scores would drop him; they count where he is protected.
  pictures = scored(0.0)
  pictures.cloaked_scores[LABELS == 5] = 1
  errors = evaluate(pictures, protected=(3, 5))
  np.testing.assert_array_equal(errors.not_enrolled, [0, 1])
  np.testing.assert_array_equal(errors.not_enrolled_people, [3, 5])
  np.testing.assert_array_equal(errors.protected_people, [3])
  np.testing.assert_array_equal(errors.others_not_enrolled, [0, 0, 0])


@pytest.mark.parametrize('recognizer', [nearest_neighbor, linear])
def test_a_gallery_of_one_or_of_nobody_is_no_accident(recognizer):
  alone = np.where(LABELS == 5, 0.0, 1.0)
  nobody = np.ones(12)
  for scores, left in ((alone, [5]), (nobody, [])):
    pictures = scored(1.0, scores)
    errors = detecting.evaluate(recognizer, pictures, 0.5, [3], [SPLIT])
    assert not len(errors.protected)
    np.testing.assert_array_equal(errors.not_enrolled, [1])
    np.testing.assert_array_equal(errors.others, [0] * len(left))
    np.testing.assert_array_equal(errors.others_people, left)


def test_the_recognizer_gets_what_is_left_and_names_no_more_than_there_are():
  seen = []

  def fit(embeddings, labels, *, k):
    seen.append((embeddings[:, 0], labels, k))

  def rank(model, probes, top_k):
    assert top_k == 2
    # 3, then 5: right, among two, for both.
    named = np.broadcast_to([3, 5], (len(probes), 2))[:, :top_k]
    return Ranking(named, np.zeros(named.shape))

  stub = types.SimpleNamespace(fit=fit, rank=rank)
  clean = np.where(LABELS == 8, 1.0, 0.0)
  pictures = scored([1.0, 0.0, 0.0, 0.0], clean)
  errors = detecting.evaluate(stub, pictures, 0.5, [3], [SPLIT], top_k=3, k=7)
  ((embeddings, labels, k),) = seen
  np.testing.assert_allclose(embeddings, [40.1, 40.2, 10, 10.1, 10.2])
  np.testing.assert_array_equal(labels, [3, 3, 5, 5, 5])
  assert k == 7
  np.testing.assert_array_equal(errors.protected, [0])
  np.testing.assert_array_equal(errors.others, [0])
