import numpy as np
import pytest

from fr_poison.adversaries import detecting
from fr_poison.data.splits import Split
from fr_poison.types import InputError

LABELS = np.repeat([3, 5, 8], 4)
# The first three pictures of everybody train, the last one tests.
SPLIT = Split(
  np.flatnonzero(np.arange(12) % 4 != 3), np.flatnonzero(np.arange(12) % 4 == 3)
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
