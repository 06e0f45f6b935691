import jax
import numpy as np
import pytest

from fr_poison.training import augmentation

RNGS = jax.random.split(jax.random.key(0), 6)


@pytest.fixture
def draws(monkeypatch):
  """draws(size, down, right, contrast, brightness): those of every picture."""

  def fix(*values):
    uniform = lambda rng, shape, minval, maxval: np.float32(values)
    monkeypatch.setattr(jax.random, 'uniform', uniform)

  return fix


def test_moves_are_in_halves_of_the_amount(draws):
  # 0.4 and -0.2 of half of 10 pixels: two down and one to the left.
  image = np.zeros((1, 10, 10, 3), np.float32)
  image[0, 3:6, 4:7] = np.float32([0.2, 0.4, 0.6])
  draws(0, 0.4, -0.2, 0, 0)
  moved = augmentation.jittered(image, RNGS[:1], 0.4)
  expected = np.roll(image, (2, -1), (1, 2))
  np.testing.assert_allclose(moved, expected, atol=1e-6)


def test_sizes_change_around_the_middle(draws):
  # Four pixels in the middle of eight, half as long again: six of eight.
  image = np.zeros((1, 8, 8, 3), np.float32)
  image[0, 2:6, 2:6] = 0.8
  draws(0.5, 0, 0, 0, 0)
  grown = augmentation.jittered(image, RNGS[:1], 0.5)
  assert float(grown.sum()) == pytest.approx(image.sum() * 1.5**2, rel=1e-5)
  np.testing.assert_allclose(grown, grown[:, ::-1], atol=1e-6)
  np.testing.assert_allclose(grown, grown[:, :, ::-1], atol=1e-6)


def test_light_by_hand(draws):
  # Around the mean 0.5 contrasts grow by 2 * 0.25: 0.2 -> 0.05, 0.8 -> 0.95;
  # then 0.1 brighter, and no brighter than white.
  image = np.tile(np.float32([[[0.2] * 3], [[0.8] * 3]]), (1, 1, 2, 1))
  draws(0, 0, 0, 0.25, 0.1)
  lit = augmentation.jittered(image, RNGS[:1], 0.25)
  expected = np.tile(np.float32([[[0.15] * 3], [[1.0] * 3]]), (1, 1, 2, 1))
  np.testing.assert_allclose(lit, expected, atol=1e-6)


def test_each_picture_has_its_own_draw_whatever_its_place():
  image = np.random.default_rng(0).uniform(0.3, 0.7, (1, 8, 8, 3))
  images = np.repeat(image.astype(np.float32), 6, 0)
  found = np.asarray(augmentation.jittered(images, RNGS, 0.2))
  assert len(np.unique(found.reshape(6, -1), axis=0)) == 6
  turned = augmentation.jittered(images, RNGS[::-1], 0.2)
  np.testing.assert_allclose(turned, found[::-1], atol=1e-6)
  assert found.min() >= 0 and found.max() <= 1
