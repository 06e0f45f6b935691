import dataclasses

import numpy as np
import pytest

from fr_poison import detectors
from fr_poison.detectors import base
from fr_poison.types import InputError

PICTURES = np.zeros((3, 4, 5, 3), np.uint8)


def _brightness(size=None, **more):
  mean = lambda images: images.mean((1, 2, 3), dtype=np.float32)
  return base.Detector(mean, 'brightness', 'pixels', '0', size, **more)


@dataclasses.dataclass(frozen=True)
class Constant(base.Recipe):
  """Learns the brightest pixel."""

  def _fit(self, clean, cloaked, extractor, folder):
    brightest = max(images.max() for images in (clean, *cloaked))
    score = lambda images: np.full(len(images), brightest)
    return base.Detector(score, 'constant', 'pixels', '0')


class Blind(Constant):
  """Looks at no cloak."""

  learns_from_cloaks = False


def test_scores_are_float64_of_any_number_of_pictures():
  detector = _brightness(size=(4, 5))
  for count in (3, 1, 0):
    scores = detector.score(PICTURES[:count])
    assert scores.shape == (count,) and scores.dtype == np.float64


@pytest.mark.parametrize(
  'images, message',
  [
    (PICTURES[:, :3], 'images: pictures of 3x5, .* 4x5'),
    (PICTURES.transpose(0, 2, 1, 3), 'images: pictures of 5x4'),
    (np.float32(PICTURES), r'images: expected uint8 .* float32 \[3, 4, 5, 3\]'),
    (PICTURES[0], r'images: expected uint8 .* \[4, 5, 3\]'),
    ([1, 2], r'images: expected uint8 .* got list \[2\]'),
  ],
)
def test_pictures_it_was_not_made_for_are_refused(images, message):
  detector = _brightness(size=(4, 5), purify_fn=lambda images: images)
  for call in (detector.score, detector.purify):
    with pytest.raises(InputError, match=f'^{message}'):
      call(images)
  if np.shape(images)[1:3] == (3, 5):
    _brightness().score(images)  # of any size


@pytest.mark.parametrize(
  'clean, cloaked, message',
  [
    (PICTURES[:0], [PICTURES], 'clean: no pictures'),
    (PICTURES, [PICTURES[:0]], 'cloaked: no pictures'),
    (PICTURES, [], 'cloaked: no pictures'),
    (PICTURES, [PICTURES + np.float32(1)], 'cloaked: expected uint8'),
    (PICTURES[0], [PICTURES], 'clean: expected uint8'),
    (
      PICTURES,
      [PICTURES + 1, PICTURES[:, 1:] + 1],
      'cloaked: .* of 3x5, .*4x5',
    ),
    (PICTURES, [PICTURES + 1, PICTURES.copy()], 'cloaked: not a pixel differs'),
  ],
)
def test_what_nothing_can_be_learnt_from_is_refused(clean, cloaked, message):
  with pytest.raises(InputError, match=f'^{message}'):
    Constant().fit(clean, *cloaked)


def test_it_learns_from_all_tools_or_from_clean_pictures_alone():
  tools = PICTURES + 1, np.tile(PICTURES + 2, (2, 1, 1, 1))
  assert Constant().fit(PICTURES, *tools).score(PICTURES).tolist() == [2] * 3
  assert Blind().fit(PICTURES).score(PICTURES).tolist() == [0] * 3


def test_log_odds_by_hand():
  # One column, -1 for clean and 1 for cloaked: mean 0, deviation 1, and by
  # symmetry no bias. 4 log(1 + exp(-w)) + w^2 / 2 is least where w (1 + exp(w))
  # is 4.
  w = 1.0426
  x = np.array([[-1.0], [-1.0]])
  scores = base.LogOdds.fit(x, -x)(np.array([[-1.0], [0.0], [3.0]]))
  np.testing.assert_allclose(scores, [-w, 0, 3 * w], atol=1e-3)


def test_digests_tell_settings_and_numbers_apart():
  arrays = {'a': np.zeros(2), 'b': np.ones(3)}
  settings = {'C': 1.0, 'size': (4, 5)}
  digest = base.digest(settings, arrays)
  assert digest == base.digest(dict(reversed(settings.items())), arrays)
  others = {
    base.digest(settings | {'C': 2.0}, arrays),
    base.digest(settings, arrays | {'a': np.nextafter(np.zeros(2), 1)}),
    base.digest(settings, {'a': arrays['a'], 'c': arrays['b']}),
  }
  assert len({digest, *others}) == 4


@pytest.mark.parametrize(
  'settings, message',
  [
    ({'name': 'nose'}, "name: 'nose' is unknown; known: statistics, "),
    ({'name': 'statistics', 'c': 1}, "setting: 'c' is unknown; known: C"),
    ({'name': 'squeezing'}, 'features: None is unknown'),
    ({'name': 'reverse_engineering'}, 'method: None is unknown; known: resid'),
    (
      {'name': 'feature_space', 'features': 'alexnet', 'training': {}, 'C': 1},
      "setting: 'C' is unknown; known: features, training",
    ),
  ],
)
def test_what_no_recipe_is_made_of_is_refused(settings, message):
  with pytest.raises(InputError, match=f'^{message}'):
    detectors.recipe(**settings)


def test_recipes_by_name():
  tuned = detectors.recipe('feature_space', features='alexnet', training={})
  assert type(tuned).__name__ == 'FineTuned' and tuned.learns_from_cloaks
  change = detectors.recipe('reverse_engineering', method='residual', depth=3)
  assert type(change).__name__ == 'Residual' and change.depth == 3
