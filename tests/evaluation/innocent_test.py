import numpy as np
import pytest
from photos import picture

from fr_poison.data import squeeze
from fr_poison.evaluation import innocent

PHOTOS = np.stack([picture(64, 48, seed) for seed in range(3)])


def test_versions_are_what_their_names_say():
  change = np.zeros(PHOTOS.shape, np.int16)
  change[:, ::2, ::3] = [5, -4, 3]
  cloaked = np.clip(PHOTOS + change, 0, 255).astype(np.uint8)
  found = innocent.versions(PHOTOS, {'x': cloaked}, 0)
  assert list(found) == [
    *('untouched', 'camera noise 1', 'camera noise 2', 'sharpened'),
    *('JPEG 75 4:2:0', 'half size', 'noise like x'),
  ]
  for name, images in found.items():
    assert images.shape == PHOTOS.shape and images.dtype == np.uint8
    assert (images != PHOTOS).any() == (name != 'untouched')
  for name, settings in (
    ('JPEG 75 4:2:0', {'name': 'jpeg', 'quality': 75, 'subsampling': '4:2:0'}),
    ('half size', {'name': 'resize', 'scale': 0.5}),
  ):
    made = squeeze.make(**settings)(PHOTOS)
    np.testing.assert_array_equal(found[name], made)
  for level in (1, 2):
    drawn = innocent.camera_noise(PHOTOS, 0, level)
    np.testing.assert_array_equal(found[f'camera noise {level}'], drawn)
  np.testing.assert_array_equal(found['sharpened'], innocent.sharpen(PHOTOS))


def test_matched_noise_is_the_cloaks_in_another_order():
  grey = np.full((1, 24, 24, 3), 128, np.uint8)
  change = np.random.default_rng(0).integers(-6, 7, (1, 24, 24, 1))
  found = innocent.versions(grey, {'x': np.uint8(grey + change)}, 3)
  drawn = found['noise like x'].astype(int) - grey
  assert (drawn != change).any()
  np.testing.assert_array_equal(
    np.sort(drawn[..., 0], None), np.sort(change, None)
  )


@pytest.mark.parametrize('deviation', [1.0, 2.0])
def test_camera_noise_has_its_size(deviation):
  grey = np.full((1, 200, 200, 3), 128, np.uint8)
  noisy = innocent.camera_noise(grey, 0, deviation).astype(float)
  assert (noisy == noisy[..., :1]).all()  # grey stays grey
  # And 1/12 of rounding.
  expected = np.sqrt(deviation**2 + 1 / 12)
  assert noisy.std() == pytest.approx(expected, rel=0.02)
  assert noisy.mean() == pytest.approx(128, abs=0.05)
  blue = np.full((1, 200, 200, 3), (9, 120, 200), np.uint8)
  change = innocent.camera_noise(blue, 0, deviation) - blue.astype(float)
  red, green = change[..., 0].ravel(), change[..., 1].ravel()
  assert abs(np.corrcoef(red, green)[0, 1]) < 0.03


def test_camera_noise_is_of_the_seed_and_the_picture_alone():
  noisy = innocent.camera_noise(PHOTOS, 5)
  alone = innocent.camera_noise(PHOTOS[1:2], 5)
  np.testing.assert_array_equal(noisy[1:2], alone)
  other = innocent.camera_noise(PHOTOS, 6)
  assert all((a != b).any() for a, b in zip(noisy, other, strict=True))
  twice = innocent.camera_noise(PHOTOS[[0, 1]], 5) - PHOTOS[[0, 1]]
  assert (twice[0] != twice[1]).any()


def test_sharpening_by_hand():
  # Flat stays flat; at an edge the dark side gets darker, the bright brighter.
  edge = np.full((1, 9, 12, 3), 100, np.uint8)
  edge[:, :, 6:] = 150
  (row, *_) = innocent.sharpen(edge)[0, :, :, 0].astype(int)
  assert row[0] == 100 and row[-1] == 150
  assert row[5] < 90 and row[6] > 160
  assert row[5] + row[6] == pytest.approx(250, abs=2)
