import numpy as np
import pytest
from photos import picture

from fr_poison import roc
from fr_poison.detectors import statistics
from fr_poison.detectors.statistics import Statistics
from fr_poison.types import InputError

SIZE = 48


def _photos(seeds):
  return np.stack([picture(SIZE, SIZE, seed) for seed in seeds])


def _cloaked(images, seed=0):
  """Grey, of 2x2 squares, up to 6 levels."""
  rng = np.random.default_rng(seed)
  squares = rng.choice([-6, 6], (len(images), SIZE // 2, SIZE // 2, 1))
  cloak = squares.repeat(2, 1).repeat(2, 2)
  return np.clip(images + cloak, 0, 255).astype(np.uint8)


CLEAN, OTHERS = _photos(range(16)), _photos(range(100, 116))


@pytest.fixture(scope='module')
def detector():
  return Statistics().fit(CLEAN, _cloaked(CLEAN))


def test_white_noise_is_measured_at_its_size():
  # Grey noise of deviation 12 (and 1/12 of rounding) on one grey. The mask's
  # squares sum to 36, over 6^2: the deviation stays. A mean of 2x2 or 4x4
  # pixels halves or quarters it. The kurtosis of a normal distribution is 3,
  # its mean size sqrt(2 / pi) deviations; an orthonormal transform spreads
  # its energy evenly.
  rng = np.random.default_rng(0)
  noise = rng.normal(0, 12, (1, 240, 200, 1))
  images = np.rint(128 + noise).repeat(3, -1).astype(np.uint8)
  found = np.exp(statistics.features(images)[0])
  noises = found[:15].reshape(3, 5)
  deviations = [12, 6, 3]
  np.testing.assert_allclose(noises[:, 0], deviations, rtol=0.05)
  np.testing.assert_allclose(noises[:, 1], 3, rtol=0.1)
  typical = np.sqrt(2 / np.pi) * np.array(deviations)
  np.testing.assert_allclose(noises[:, 3], typical, rtol=0.1)
  assert (noises[:, 2] < noises[:, 3]).all()
  assert (noises[:, 3] < noises[:, 4]).all()
  np.testing.assert_allclose(found[15:17], 1e-3)  # no colour at all
  np.testing.assert_allclose(found[17:], 144, rtol=0.2)


def test_a_wave_is_in_its_ring_whichever_way_it_goes():
  # 60 of 80 frequencies along one side, none along the other: 3/4 over
  # sqrt(2) of the largest radius is in the fifth of eight rings. The lowest
  # one, of the mean, is not among those that count.
  wave = 128 + 100 * np.cos(np.pi * 60 * (np.arange(80) + 0.5) / 80)
  image = np.rint(wave)[:, None, None].repeat(48, 1).repeat(3, -1)
  for turned in (image, image.swapaxes(0, 1)):
    rings = statistics.features(np.uint8(turned)[None])[0, 17:]
    assert rings.argmax() == 3 and rings[3] - np.delete(rings, 3).max() > 4


def test_slopes_and_edges_have_no_residual_and_colour_noise_shows():
  down, right = np.mgrid[:SIZE, :SIZE]
  plane = down + right + 70 * (right > 20) + 60 * (down > 30)
  slope = plane[..., None].repeat(3, -1).astype(np.uint8)
  rng = np.random.default_rng(0)
  coloured = slope.copy()
  coloured[..., 0] += rng.integers(0, 2, (SIZE, SIZE)).astype(np.uint8) * 8
  flat, red = np.exp(statistics.features(np.stack([slope, coloured])))
  np.testing.assert_allclose(flat[:17], 1e-3)
  # Steps of 8 at even odds deviate by 4.
  np.testing.assert_allclose(red[15:17], [4, 1e-3], rtol=0.1)


def test_statistics_do_not_follow_the_grid_of_jpeg():
  # The same pixels, cut out 3 to the right: close, against 1 for a cloak.
  wide = picture(SIZE, SIZE + 3, 5)
  images = np.stack([wide[:, :-3], wide[:, 3:]])
  one, other = statistics.features(images)
  cloaked = statistics.features(_cloaked(images))[0]
  assert np.abs(one - other).mean() < 0.2 * np.abs(one - cloaked).mean()


def test_it_finds_a_cloak_on_people_it_never_saw(detector):
  scores = detector.score(np.concatenate([OTHERS, _cloaked(OTHERS, 1)]))
  area = roc.auc(scores, np.arange(32) > 15)
  assert area > 0.95
  assert (detector.name, detector.features) == ('statistics', 'noise')


def test_a_score_is_of_one_picture_alone(detector):
  scores = detector.score(OTHERS)
  alone = [detector.score(image[None])[0] for image in OTHERS[::-1]]
  np.testing.assert_array_equal(alone[::-1], scores)


def test_the_same_pictures_give_the_same_detector(detector):
  again = Statistics().fit(CLEAN.copy(), _cloaked(CLEAN))
  assert again.digest == detector.digest
  np.testing.assert_array_equal(again.score(OTHERS), detector.score(OTHERS))
  for other in (
    Statistics().fit(CLEAN, _cloaked(CLEAN, 2)),
    Statistics(C=0.5).fit(CLEAN, _cloaked(CLEAN)),
  ):
    assert other.digest != detector.digest


def test_what_it_cannot_judge_is_refused(detector):
  fit = Statistics().fit
  for message, call in (
    ('images: pictures of 47x48', lambda: detector.score(OTHERS[:, 1:])),
    ('images: 39x48, .* 40x40', lambda: fit(CLEAN[:, 9:], OTHERS[:, 9:])),
    ('cloaked: no pictures', lambda: fit(CLEAN, CLEAN[:0])),
    ('C: 0 is', lambda: Statistics(C=0)),
  ):
    with pytest.raises(InputError, match=f'^{message}'):
      call()
