import dataclasses

import numpy as np
import pytest

from fr_poison import detectors
from fr_poison.detectors import base, folds
from fr_poison.types import InputError

# A picture's red is whose it is, its green which of their pictures.
USERS = np.array([4, 4, 1, 1, 9, 9, 7, 7])
CLEAN = np.zeros((8, 6, 6, 3), np.uint8)
CLEAN[..., 0] = USERS[:, None, None]
CLEAN[..., 1] = np.arange(8)[:, None, None]
CLOAKED = CLEAN.copy()
CLOAKED[..., 2] = 50


@dataclasses.dataclass(frozen=True)
class Remembering(base.Recipe):
  """Scores by how many pictures of the same person it learnt from.

  And by a hundredth of all those people.
  """

  def _fit(self, clean, cloaked, extractor, folder):
    (adv_images,) = cloaked
    np.testing.assert_array_equal(clean[..., :2], adv_images[..., :2])
    assert (adv_images[..., 2] == 50).all() and not clean[..., 2].any()
    known = clean[:, 0, 0, 0]
    others = len(np.unique(known)) / 100

    def score(images):
      assert not images[..., 2].any()  # nobody's cloak gives a threshold
      return np.array([np.sum(known == x) + others for x in images[:, 0, 0, 0]])

    return base.Detector(score, 'remembering', 'people', f'{known}')


@dataclasses.dataclass(frozen=True)
class Learned(base.Described):
  """The same as a classifier; what is learnt is whose pictures they were."""

  C: float = 1.0

  def describe(self, images, extractor):
    calls.append(len(images))
    return images[:, 0, 0].astype(float)

  def learn(self, clean, cloaked):
    assert (cloaked[0][:, :2] == clean[:, :2]).all()
    known = clean[:, 0]
    return lambda x: np.isin(x[:, 0], known) + x[:, 2]  # a cloak's 50

  def judge(self, model, extractor, size):
    score = lambda images: model(images[:, 0, 0].astype(float))
    return base.Detector(score, 'learned', 'people', f'{size}', size)


calls = []


def _cross_fit(recipe, num_folds=2, **settings):
  given = {'users': USERS, 'num_folds': num_folds} | settings
  return folds.cross_fit(recipe, CLEAN, CLOAKED, **given)


@pytest.mark.parametrize('num_folds, others', [(2, 2), (3, None), (4, 3)])
def test_nobody_is_judged_by_a_detector_that_knows_them(num_folds, others):
  found = _cross_fit(Remembering(), num_folds)
  # Not one of their own pictures, and some of others.
  assert found.scores.max() < 1 and found.scores.min() > 0
  if others:
    assert (found.scores == others / 100).all()
  # The one that is used knows everybody: two pictures of each of four.
  np.testing.assert_array_equal(found.detector.score(CLEAN), 2.04)
  # People in rising order, 1 4 7 9, are dealt.
  dealt = {1: 0, 4: 1, 7: 2 % num_folds, 9: 3 % num_folds}
  assert found.folds.tolist() == [dealt[user] for user in USERS]


def test_scores_of_a_few_pictures_are_theirs():
  every = _cross_fit(Remembering(), 3)
  some = _cross_fit(Remembering(), 3, every=3)
  np.testing.assert_array_equal(some.scores, every.scores[::3])
  np.testing.assert_array_equal(some.folds, every.folds[::3])


def test_what_describes_a_picture_is_asked_once():
  calls.clear()
  found = _cross_fit(Learned(), 4, every=3)
  assert calls == [8, 8]
  np.testing.assert_array_equal(found.scores, np.zeros(8))
  np.testing.assert_array_equal(found.detector.score(CLEAN), np.ones(8))
  assert found.detector.size == (6, 6)


def test_thresholds_of_all_and_of_each_fold_by_hand():
  scores = np.array([1, 2, 3, 4, 10, 20.0])
  found = folds.CrossFitted(None, scores, np.array([0, 1, 0, 1, 0, 1]))
  # A third of six are two, of three one.
  assert found.threshold(1 / 3) == 4
  assert found.thresholds(1 / 3) == [3, 4]
  assert found.threshold(0.01) == 20 and found.thresholds(0.01) == [10, 20]


@pytest.mark.parametrize('num_folds', [0, 1, 5])
def test_folds_are_at_most_the_people(num_folds):
  with pytest.raises(InputError, match=f'^num_folds: {num_folds}; a whole'):
    _cross_fit(Remembering(), num_folds)
  with pytest.raises(InputError, match='^cloaked: not a pixel differs'):
    folds.cross_fit(Remembering(), CLEAN, CLEAN, users=USERS, num_folds=2)
  with pytest.raises(InputError, match='^every: 0; a whole'):
    _cross_fit(Remembering(), every=0)


def test_statistics_score_as_if_fitted_to_the_others():
  rng = np.random.default_rng(0)
  clean = rng.integers(60, 180, (8, 40, 40, 3)).astype(np.uint8)
  clean = np.sort(clean, 1)  # smooth along one side
  noisy = (clean + rng.integers(-9, 10, clean.shape)).astype(np.uint8)
  recipe = detectors.recipe('statistics')
  found = detectors.cross_fit(recipe, clean, noisy, users=USERS, num_folds=4)
  others = USERS != 9
  alone = recipe.fit(clean[others], noisy[others])
  np.testing.assert_allclose(
    found.scores[~others], alone.score(clean[~others]), rtol=1e-6
  )
  assert found.detector.digest == recipe.fit(clean, noisy).digest
  assert found.detector.is_log_odds
