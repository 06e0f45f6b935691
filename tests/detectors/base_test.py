import numpy as np
import pytest

from fr_poison.detectors import base
from fr_poison.types import InputError

PICTURES = np.zeros((3, 4, 5, 3), np.uint8)


def _brightness(size=None):
  return base.make(
    lambda images: images.mean((1, 2, 3), dtype=np.float32),
    name='brightness',
    features='pixels',
    digest='0',
    size=size,
  )


def test_scores_are_float64_of_any_number_of_pictures():
  detector = _brightness(size=(4, 5))
  for count in (3, 1, 0):
    scores = detector.score(PICTURES[:count])
    assert scores.shape == (count,) and scores.dtype == np.float64


@pytest.mark.parametrize(
  'images, message',
  [
    (PICTURES[:, :3], 'images: pictures of 3x5, .* trained on 4x5'),
    (PICTURES.transpose(0, 2, 1, 3), 'images: pictures of 5x4'),
    (np.float32(PICTURES), r'images: expected uint8 .* float32 \[3, 4, 5, 3\]'),
    (PICTURES[0], r'images: expected uint8 .* \[4, 5, 3\]'),
    ([1, 2], r'images: expected uint8 .* got list \[2\]'),
  ],
)
def test_pictures_it_was_not_made_for_are_refused(images, message):
  with pytest.raises(InputError, match=f'^{message}'):
    _brightness(size=(4, 5)).score(images)
  if images is not None and np.shape(images)[1:3] == (3, 5):
    _brightness().score(images)  # of any size


@pytest.mark.parametrize(
  'clean, cloaked, message',
  [
    (PICTURES[:0], PICTURES, 'clean: no pictures'),
    (PICTURES, PICTURES[:0], 'cloaked: no pictures'),
    (PICTURES, PICTURES + np.float32(1), 'cloaked: expected uint8'),
    (PICTURES[0], PICTURES, 'clean: expected uint8'),
    (PICTURES, PICTURES[:, 1:] + 1, r'cloaked: \[3, 3, 5, 3\], .* size'),
    (PICTURES, PICTURES.copy(), 'cloaked: not a pixel differs'),
  ],
)
def test_what_nothing_can_be_learnt_from_is_refused(clean, cloaked, message):
  with pytest.raises(InputError, match=f'^{message}'):
    base.check_training_set(clean, cloaked)


def test_two_tools_for_each_clean_picture_are_welcome():
  base.check_training_set(PICTURES, np.tile(PICTURES + 1, (2, 1, 1, 1)))


def test_log_odds_by_hand():
  # One column, -1 for clean and 1 for cloaked: mean 0, deviation 1, and by
  # symmetry no bias. 4 log(1 + exp(-w)) + w^2 / 2 is least where w (1 + exp(w))
  # is 4.
  w = 1.0426
  x = np.array([[-1.0], [-1.0]])
  model = base.fit_log_odds(x, -x)
  scores = base.log_odds(model, np.array([[-1.0], [0.0], [3.0]]))
  np.testing.assert_allclose(scores, [-w, 0, 3 * w], atol=1e-3)


def test_digests_tell_settings_and_numbers_apart():
  arrays = {'a': np.zeros(2), 'b': np.ones(3)}
  settings = {'C': 1.0, 'size': (4, 5)}
  digest = base.digest(settings, arrays)
  assert digest == base.digest(dict(reversed(settings.items())), arrays)
  assert (
    len(
      {
        digest,
        base.digest(settings | {'C': 2.0}, arrays),
        base.digest(settings, arrays | {'a': np.nextafter(np.zeros(2), 1)}),
        base.digest(settings, {'a': arrays['a'], 'c': arrays['b']}),
      }
    )
    == 4
  )
