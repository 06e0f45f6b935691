import numpy as np
import pytest

from fr_poison.adversaries import purifying
from fr_poison.data import squeeze
from fr_poison.types import InputError


def test_a_cloak_that_the_purifier_knows_is_gone_before_the_network_sees_it():
  clean = np.full((2, 4, 4, 3), 100, np.uint8)
  cloak = np.uint8([[[[1, 0, 2]]], [[[0, 3, 0]]]])
  purified = purifying.apply(lambda x: x - cloak, clean + cloak)
  np.testing.assert_array_equal(purified, clean)


def test_a_cloak_in_the_lowest_bits_is_squeezed_away():
  # 5 bits leave steps of 8: 98..101 become 99, so nothing is left of a cloak
  # of 1 to 2 levels around 100.
  clean = np.full((2, 4, 4, 3), 100, np.uint8)
  cloak = np.array([[[[1, 0, 1]]], [[[-2, -1, 0]]]])
  for images in (clean, (clean + cloak).astype(np.uint8)):
    squeezed = purifying.apply(squeeze.bit_depth(5), images)
    np.testing.assert_array_equal(squeezed, np.full_like(clean, 99))


@pytest.mark.parametrize(
  'purify', [lambda x: x[:, 1:], lambda x: x[1:], lambda x: x / 2]
)
def test_other_pictures_from_a_purifier_are_refused(purify):
  with pytest.raises(InputError, match='purifier'):
    purifying.apply(purify, np.zeros((2, 4, 4, 3), np.uint8))


def test_resize_takes_single_pixels_and_leaves_planes():
  flat = np.full((2, 8, 6, 3), 7, np.uint8)
  flat[1] = 9
  half = purifying.resize(0.5)
  np.testing.assert_array_equal(half(flat), flat)
  board = 100 + 20 * np.uint8(np.indices((8, 8)).sum(0) % 2)
  board = np.repeat(board[None, ..., None], 3, -1)
  # Antialiased over four pixels, 1 3 3 1, in which the pattern vanishes; in the
  # corners, of 3 3 1, a 49th of it is left.
  assert np.abs(np.int32(half(board)) - 110).max() <= 1
  np.testing.assert_array_equal(purifying.resize(1.0)(board), board)
  # Of a slope of 10 a pixel, in pictures that are no squares, the ends are
  # lost: (3 * 0 + 3 * 10 + 20) / 7.
  slope = np.uint8(10 * np.arange(24))[:, None, None].repeat(3, -1)
  images = slope[None].repeat(4, 2)
  for turned in (images, images.swapaxes(1, 2)):
    assert np.abs(np.int32(half(turned)) - turned).max() <= 7


@pytest.mark.parametrize('scale', [0, -1, 1.5, np.nan])
def test_resize_refuses_a_scale_out_of_range(scale):
  with pytest.raises(InputError, match='scale'):
    purifying.resize(scale)


@pytest.mark.parametrize(
  'purify',
  [
    purifying.resize(0.5),
    squeeze.make('jpeg', quality=75),
    squeeze.make('gaussian', sigma=1.0),
    squeeze.make('bit_depth', bits=5),
  ],
)
def test_purifiers_keep_shape_and_grey(purify):
  rng = np.random.default_rng(0)
  grey = np.repeat(rng.integers(0, 256, (2, 9, 7, 1), np.uint8), 3, -1)
  purified = purify(grey)
  assert purified.shape == grey.shape and purified.dtype == np.uint8
  np.testing.assert_array_equal(purified, purified[..., :1].repeat(3, -1))
