"""The NumPy copies of `resize` and `dssim`, and the budget at full size."""

import full_size
import jax
import numpy as np
import pytest

from fr_poison.attacks import perceptual
from fr_poison.data.faces import to_float
from fr_poison.extractors import network


def _codes(height, width, channels=3, seed=0):
  rng = np.random.default_rng(seed)
  shape = (height, width, channels)
  return rng.integers(0, 256, shape).astype(np.uint8)


def _add(image, change, max_dssim):
  change = full_size.resize(change, *image.shape[:2])
  return full_size.add(image, change, max_dssim)


@pytest.mark.parametrize('height, width', [(90, 130), (7, 300)])
def test_resize_is_that_of_the_networks(height, width):
  image = to_float(_codes(height, width))
  ours = full_size.resize(image, 112, 112)
  theirs = network.resize(image[None], 112)[0]
  np.testing.assert_allclose(ours, theirs, atol=1e-5)
  back = jax.image.resize(theirs, (height, width, 3), 'linear')
  ours = full_size.resize(np.asarray(theirs), height, width)
  np.testing.assert_allclose(ours, back, atol=1e-5)


def test_resize_keeps_same_size_pixels_and_the_range():
  image = _codes(112, 112)
  np.testing.assert_array_equal(full_size.resize(image, 112, 112), image)
  change = np.where(_codes(112, 112) > 127, 8, -8).astype(np.int16)
  for size in ((37, 500), (300, 113)):
    assert np.abs(full_size.resize(change, *size)).max() <= 8
  flat = np.full((112, 112, 1), 0.1, np.float32)
  assert (full_size.resize(flat, 37, 500) == np.float32(0.1)).all()


# One window, one tile, a tile and one more row, several tiles.
@pytest.mark.parametrize(
  'height, width', [(11, 11), (74, 74), (75, 31), (210, 130)]
)
def test_dssim_is_that_of_the_attacks(height, width):
  a = _codes(height, width)
  noise = np.random.default_rng(1).normal(0, 20, a.shape)
  b = np.clip(a + noise, 0, 255).astype(np.uint8)
  ours = full_size.dssim(a, b)
  assert ours > 0.001
  theirs = perceptual.dssim(to_float(a)[None], to_float(b)[None])[0]
  np.testing.assert_allclose(ours, theirs, rtol=1e-4)
  assert abs(full_size.dssim(a, a)) < 1e-12


def test_add_at_the_same_size_adds_exactly():
  image = np.clip(_codes(40, 40), 10, 245)
  change = (_codes(40, 40, seed=1) % 17).astype(np.int16) - 8
  cloak = _add(image, change, None)
  np.testing.assert_array_equal(cloak.codes, image + change)
  np.testing.assert_allclose(cloak.unrounded * 255, image + change, rtol=1e-6)
  assert cloak.scale == 1


def test_no_pixel_moves_more_than_the_attack_moved_any():
  image = _codes(97, 61)  # also black and white pixels, which must not wrap
  change = np.where(_codes(40, 40, seed=1) > 127, 8, -8).astype(np.int16)
  cloak = _add(image, change, None)
  moved = np.abs(cloak.codes.astype(int) - image)
  assert moved.max() == 8
  up = jax.image.resize(change.astype(np.float32), image.shape, 'linear')
  expected = np.clip(image + np.asarray(up), 0, 255)
  np.testing.assert_allclose(cloak.unrounded * 255, expected, atol=1e-3)
  assert np.abs(cloak.codes - expected).max() <= 0.5 + 1e-3


def test_dssim_is_kept_by_the_largest_scale_that_does():
  y = np.linspace(60, 190, 90)[:, None, None]
  image = np.broadcast_to(y, (90, 70, 3)).astype(np.uint8)
  change = np.where(_codes(40, 40, seed=1) > 127, 12, -12).astype(np.int16)
  whole = full_size.dssim(image, _add(image, change, None).codes)
  budget = whole / 3
  cloak = _add(image, change, budget)
  assert 0.05 < cloak.scale < 0.95
  assert 0 < full_size.dssim(image, cloak.codes) <= budget
  up = full_size.resize(change, 90, 70)
  larger = np.rint(image + (cloak.scale + 0.05) * up).astype(np.uint8)
  assert full_size.dssim(image, larger) > budget
  np.testing.assert_array_equal(
    cloak.codes, np.rint(image + np.float32(cloak.scale) * up)
  )


def test_nothing_left_of_a_change_is_said_so():
  image = _codes(40, 40)
  assert _add(image, np.zeros((20, 20, 3), np.int16), None) is None
  one = np.zeros((20, 20, 3), np.int16)
  one[3, 3] = 1  # a quarter of a level when spread, at .95 and less: nothing
  assert _add(image, one, 1e-12) is None


def test_grey_has_one_channel():
  grey = np.repeat(_codes(20, 30, 1), 3, -1)
  assert full_size.squeeze_grey(grey).shape == (20, 30, 1)
  np.testing.assert_array_equal(
    full_size.as_rgb(full_size.squeeze_grey(grey)), grey
  )
  grey[5, 5, 1] ^= 1
  assert full_size.squeeze_grey(grey) is grey
