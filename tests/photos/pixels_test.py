"""The NumPy copies of `resize` and `dssim`."""

import jax
import numpy as np
import pytest

from fr_poison import bands
from fr_poison.attacks import perceptual
from fr_poison.data import placement
from fr_poison.data.faces import to_float
from fr_poison.extractors import network
from fr_poison.photos import pixels


def _codes(height, width, channels=3, seed=0):
  rng = np.random.default_rng(seed)
  shape = (height, width, channels)
  return rng.integers(0, 256, shape).astype(np.uint8)


@pytest.mark.parametrize('height, width', [(90, 130), (7, 300)])
def test_resize_is_that_of_the_networks(height, width):
  image = to_float(_codes(height, width))
  ours = pixels.resize(image, 112, 112)[:]
  theirs = network.resize(image[None], 112)[0]
  np.testing.assert_allclose(ours, theirs, atol=1e-5)
  back = jax.image.resize(theirs, (height, width, 3), 'linear')
  ours = pixels.resize(np.asarray(theirs), height, width)[:]
  np.testing.assert_allclose(ours, back, atol=1e-5)


@pytest.mark.parametrize(
  'shape, size',
  [((70, 60), (50, 9)), ((40, 41), (400, 23)), ((9, 9), (9, 9))],
)
def test_any_rows_are_pillow_s_of_the_whole(shape, size, monkeypatch):
  image = np.random.default_rng(0).normal(0, 9, (*shape, 2)).astype(np.float32)
  expected = np.clip(placement.resize(image, *size), image.min(), image.max())
  monkeypatch.setattr(bands, '_PIXELS', 50)
  rows = bands.Rows(image.shape, lambda rows: image[rows])
  found = pixels.resize(rows, *size)
  assert found.shape == expected.shape == (*size, 2)
  # A compiler may join products and sums, so that they round once.
  np.testing.assert_array_max_ulp(found[:], expected, 1)
  np.testing.assert_array_equal(found[3:8], found[:][3:8])


def test_resize_keeps_same_size_pixels_and_the_range():
  image = _codes(112, 112)
  np.testing.assert_array_equal(pixels.resize(image, 112, 112)[:], image)
  change = np.where(_codes(112, 112) > 127, 8, -8).astype(np.int16)
  for size in ((37, 500), (300, 113)):
    assert np.abs(pixels.resize(change, *size)[:]).max() <= 8
  flat = np.full((112, 112, 1), 0.1, np.float32)
  assert (pixels.resize(flat, 37, 500)[:] == np.float32(0.1)).all()


# One window, one tile, a tile and one more row, several tiles.
@pytest.mark.parametrize(
  'height, width', [(11, 11), (74, 74), (75, 31), (210, 130)]
)
def test_dssim_is_that_of_the_attacks(height, width):
  a = _codes(height, width)
  noise = np.random.default_rng(1).normal(0, 20, a.shape)
  b = np.clip(a + noise, 0, 255).astype(np.uint8)
  ours = pixels.dssim(a, b)
  assert ours > 0.001
  theirs = perceptual.dssim(to_float(a)[None], to_float(b)[None])[0]
  np.testing.assert_allclose(ours, theirs, rtol=1e-4)
  assert abs(pixels.dssim(a, a)) < 1e-12
