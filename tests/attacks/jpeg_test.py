import functools
import io

import jax
import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest

from fr_poison.attacks.jpeg import SUBSAMPLINGS, jpeg, quantization_tables
from fr_poison.types import InputError

LUMA = np.float32([0.299, 0.587, 0.114])  # JFIF's, of R, G and B
ROWS = np.float32([1, -1, -1, 1, 1, -1, -1, 1])[:, None, None]  # frequency 4
# One program is compiled faster than the many small ones of an eager call.
_jpeg = jax.jit(jpeg, static_argnums=(1, 2))


@pytest.fixture(scope='module')
def pictures(golden):
  """A tinted face, smooth colours, LowKey's picture: [3, 112, 112, 3] uint8."""
  faces = golden('mobileface')['images']
  tinted = np.uint8(faces[0] * [1, 0.8, 0.65] + [0, 10, 25])
  image = np.uint8(np.rint(255 * golden('blur')['image'].clip(0, 1)))
  return np.stack([tinted, faces[9], image])


def _save(codes, quality, subsampling):
  """One file by Pillow; it takes 0 for '4:4:4' and 2 for '4:2:0'."""
  file = io.BytesIO()
  number = {'4:4:4': 0, '4:2:0': 2}[subsampling]
  PIL.Image.fromarray(codes).save(
    file, 'JPEG', quality=quality, subsampling=number
  )
  return PIL.Image.open(file)


def _unit(codes):
  return np.asarray(codes, np.float32) / np.float32(255)


def _ours(codes, quality, subsampling):
  images = np.asarray(_jpeg(_unit(codes), quality, subsampling))
  assert images.dtype == np.float32 and images.max() <= 1
  rounded = np.rint(255 * images)
  np.testing.assert_allclose(255 * images, rounded, atol=1e-4)
  return rounded


# Whole blocks; odd sides; even sides, where chroma is filled up differently
# below and to the right; and too narrow for libjpeg's chroma filter.
SIZES = [(112, 112), (37, 50), (34, 22), (9, 4)]


@pytest.mark.parametrize('subsampling', SUBSAMPLINGS)
@pytest.mark.parametrize('size', SIZES)
def test_pixels_are_pillows(pictures, size, subsampling):
  codes = pictures[:, : size[0], : size[1]]
  whole = size == SIZES[0]
  for quality in (95, 75, 50, 10) if whole else (90, 30):
    files = [_save(c, quality, subsampling) for c in codes]
    theirs = np.stack([np.asarray(file) for file in files])
    wrong = _ours(codes, quality, subsampling) != theirs
    # None with JAX 0.10, one grey pixel by one level with 0.12: float32 tips.
    assert wrong.mean() < 1e-3, quality


def test_noise_is_pillows_and_stays_in_range():
  rng = np.random.default_rng(0)
  codes = np.uint8(255 * rng.integers(0, 2, (1, 16, 16, 3)))  # overshoots
  for subsampling in SUBSAMPLINGS:
    theirs = np.asarray(_save(codes[0], 30, subsampling))
    assert np.mean(_ours(codes, 30, subsampling)[0] != theirs) < 0.01


def test_tables_are_the_standards_and_scaled_by_quality():
  luminance, chrominance = quantization_tables(50)
  np.testing.assert_array_equal(luminance[0], [16, 11, 10, 16, 24, 40, 51, 61])
  np.testing.assert_array_equal(luminance[:2, 0], [16, 12])
  np.testing.assert_array_equal(chrominance[0, :5], [17, 18, 24, 47, 99])
  assert (quantization_tables(100) == 1).all()
  # At 75 half of each, at 25 twice as much, rounded and at most 255.
  half, twice = quantization_tables(75)[0], quantization_tables(25)[0]
  np.testing.assert_array_equal(half, (luminance + 1) // 2)
  np.testing.assert_array_equal(twice, np.minimum(2 * luminance, 255))


def test_flat_grey_goes_to_the_next_step():
  # At quality 50 a step of the mean is 16 / 8 = 2 levels, counted from 128;
  # halves go away from it.
  levels = [100, 101, 128, 155, 255, 0]
  flat = np.full((6, 8, 8, 3), np.reshape(levels, (6, 1, 1, 1)))
  kept = _ours(flat, 50, '4:4:4')
  assert (kept == kept[:, :1, :1, :1]).all()
  assert kept[:, 0, 0, 0].tolist() == [100, 100, 128, 156, 255, 0]
  np.testing.assert_array_equal(_ours(flat, 100, '4:4:4'), flat)
  np.testing.assert_array_equal(_ours(flat, 50, '4:2:0'), kept)


@functools.partial(jax.jit, static_argnums=(2, 3))
def _gradient(images, weights, quality=50, subsampling='4:4:4'):
  loss = lambda x: jnp.sum(weights * jpeg(x, quality, subsampling))
  return jax.grad(loss)(images)


def test_gradient_of_a_flat_picture_is_that_of_its_mean():
  # Only the mean's brightness is not quantised to zero. At 0 and 255 too,
  # where a clip would have hidden it.
  flat = np.broadcast_to(
    np.float32([[[[100]]], [[[0]]], [[[255]]]]), (3, 8, 8, 3)
  )
  weights = np.random.default_rng(0).random((3, 8, 8, 3), np.float32)
  mean = weights.sum(-1).mean((1, 2))[:, None, None, None]
  expected = np.broadcast_to(mean * LUMA, flat.shape)
  for subsampling in SUBSAMPLINGS:
    ours = _gradient(_unit(flat), weights, 50, subsampling)
    np.testing.assert_allclose(ours, expected, rtol=1e-3)


def test_gradient_of_a_coefficient_depends_on_its_survival():
  # Amplitude a at frequency (4, 0) is a coefficient 8 a, the step is 18.
  for amplitude, slope in ((1, 3 * (8 / 18) ** 2), (2, 1)):
    codes = np.broadcast_to(128 + amplitude * ROWS, (1, 8, 8, 3))
    kept = _ours(codes, 50, '4:4:4') - 128
    assert (kept != 0).any() == (amplitude == 2)
    expected = np.broadcast_to(slope * 3 * ROWS * LUMA, codes.shape)
    ours = _gradient(_unit(codes), ROWS)
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-6)


def test_gradient_is_the_slope_over_whole_steps(pictures):
  # Values go in stairs, so the slope shows only over long ways: here along
  # the picture's own contrast, which moves the coefficients that survive.
  image, middle = _unit(pictures[:1, :32, :32]), np.float32(0.5)
  weights = image - middle
  loss = lambda x: float(jnp.sum(weights * _jpeg(x, 75, '4:2:0')))
  way = 0.2 * (image - middle)
  slope = (loss(image + way) - loss(image - way)) / 2
  ours = _gradient(image, weights, 75, '4:2:0')
  np.testing.assert_allclose(np.sum(ours * way), slope, rtol=0.02)


def test_same_alone_eager_mapped_and_in_a_loop(pictures):
  images = jnp.asarray(_unit(pictures[:, 40:60, 40:62]))
  view = lambda x: jpeg(x, 75)
  gradient = jax.grad(lambda x: jnp.sum(view(x) ** 2))
  step = lambda _, x: x + 0.01 * jnp.sign(gradient(x))
  expected = jax.jit(view)(images)
  same = lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6)
  same(jax.jit(view)(images[1:2])[0], expected[1])
  same(view(images), expected)
  same(jax.jit(jax.vmap(view))(images[:, None])[:, 0], expected)
  slopes = jax.jit(gradient)(images)
  assert jnp.isfinite(slopes).all() and (slopes != 0).all()
  looped = jax.jit(lambda x: jax.lax.fori_loop(0, 2, step, x))(images)
  once = jax.jit(step)
  # The sign of a gradient near zero may tip over.
  assert np.mean(np.abs(looped - once(1, once(0, images))) > 1e-6) < 0.01


@pytest.mark.parametrize('quality', [0, 101, 75.5, -1, float('nan')])
def test_quality_is_libjpegs(quality):
  with pytest.raises(InputError, match='quality: .*from 1 to 100'):
    jpeg(np.zeros((1, 8, 8, 3), np.float32), quality)


def test_subsampling_is_known():
  with pytest.raises(InputError, match="subsampling: '4:2:2' is unknown"):
    jpeg(np.zeros((1, 8, 8, 3), np.float32), 75, '4:2:2')
