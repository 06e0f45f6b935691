import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fr_poison.attacks import jpeg, perceptual, transforms
from fr_poison.types import InputError

LINEAR = {
  'blur': transforms.blur(5, 1.5),
  'resize': transforms.resize(0.6),
  'crop': transforms.crop(0.7),
  'flip': transforms.flip(),
  'brightness': transforms.brightness(0.3),
}
ALL = LINEAR | {
  'jpeg': transforms.jpeg(60, '4:2:0'),
  'chain': transforms.chain(*LINEAR.values(), transforms.jpeg(60)),
}


def _keys(count, seed=0):
  return jax.random.split(jax.random.key(seed), count)


@pytest.fixture(scope='module')
def images():
  """Four random pictures; the last two are white and black."""
  rng = np.random.default_rng(0)
  random = rng.integers(0, 256, (2, 14, 11, 3)) / np.float32(255)
  flat = np.broadcast_to([[[[1]]], [[[0]]]], (2, 14, 11, 3))
  return jnp.asarray(np.concatenate([random, flat]), jnp.float32)


@pytest.mark.parametrize('name', ALL)
def test_pictures_stay_pictures_whatever_their_batch(name, images):
  apply, keys = jax.jit(ALL[name]), _keys(4)
  out = apply(keys, images)
  assert out.shape == images.shape and out.dtype == jnp.float32
  assert out.min() >= 0 and out.max() <= 1
  np.testing.assert_allclose(out[3], 0)
  assert (out[0] != images[0]).any() or (out[1] != images[1]).any()
  alone = apply(keys[1:2], images[1:2])
  np.testing.assert_allclose(alone[0], out[1], atol=1e-6)


@pytest.mark.parametrize('name', LINEAR)
def test_gradient_is_the_slope(name, images):
  rng = np.random.default_rng(1)
  draw = lambda: rng.standard_normal(images.shape).astype(np.float32)
  weights, way = draw(), 0.01 * draw()
  inside = 0.3 + 0.4 * images  # far enough from where brightness saturates
  keys = _keys(4)
  loss = jax.jit(lambda x: jnp.sum(weights * LINEAR[name](keys, x)))
  slopes = jax.jit(jax.grad(loss))(inside)
  assert jnp.isfinite(slopes).all()
  assert (jnp.abs(slopes).sum((1, 2, 3)) > 0).all()
  expected = (loss(inside + way) - loss(inside - way)) / 2
  np.testing.assert_allclose(jnp.sum(slopes * way), expected, atol=2e-4)


def test_eager_mapped_and_in_a_loop(images):
  keys, images = _keys(2), images[:2]
  apply = transforms.chain(ALL['flip'], ALL['resize'], ALL['brightness'])
  gradient = jax.grad(lambda x: jnp.sum(apply(keys, x) ** 2))
  step = lambda _, x: jnp.clip(x + 0.01 * jnp.sign(gradient(x)), 0, 1)
  expected = jax.jit(apply)(keys, images)
  same = lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6)
  same(apply(keys, images), expected)
  mapped = jax.jit(jax.vmap(apply))(keys[:, None], images[:, None])
  same(mapped[:, 0], expected)
  slopes = jax.jit(gradient)(images)
  assert jnp.isfinite(slopes).all() and (slopes != 0).any((1, 2, 3)).all()
  looped = jax.jit(lambda x: jax.lax.fori_loop(0, 2, step, x))(images)
  once = jax.jit(step)
  same(looped, once(1, once(0, images)))


def test_whole_pictures_are_left_alone(images):
  for apply in (
    transforms.resize(1.0),
    transforms.crop(1.0),
    transforms.brightness(0),
    transforms.blur(1),
    transforms.chain(),
  ):
    loss = lambda x, f=apply: (f(_keys(4), x).sum(), f(_keys(4), x))
    slopes, out = jax.jit(jax.grad(loss, has_aux=True))(images)
    np.testing.assert_allclose(out, images, atol=1e-6)
    np.testing.assert_allclose(slopes, 1, rtol=1e-5)


def test_resize_averages_and_interpolates():
  # Antialiased to two pixels the weights are [3, 3, 1, 0] / 7 and mirrored.
  row = np.float32([0, 0, 0.7, 0.7])
  image = jnp.broadcast_to(row[:, None], (1, 4, 4, 3))
  out = transforms.resize(0.5)(None, image)
  np.testing.assert_allclose(out[0, 2, :, 1], [0.1, 0.225, 0.475, 0.6], 1e-5)
  turned = transforms.resize(0.5)(None, image.swapaxes(1, 2))
  np.testing.assert_allclose(turned, out.swapaxes(1, 2), rtol=1e-5)


def test_crop_is_anywhere_and_of_that_share():
  x, y = np.meshgrid(np.arange(16.0), np.arange(16.0))
  ramps = np.broadcast_to(np.stack([x, y, x], -1) / 15, (200, 16, 16, 3))
  out = 15 * jax.jit(transforms.crop(0.5))(_keys(200), np.float32(ramps))
  across, down = out[:, 3, :, 0], out[:, :, 3, 1]
  for line in (across, down):
    slopes = np.diff(line[:, 1:-1])  # both ends may lie outside the ramp
    np.testing.assert_allclose(slopes, 0.5, atol=1e-4)
    # Pixel 1 lies at corner + 1.5 / 2 - 0.5, and the corner in [0, 8].
    corners = line[:, 1] - 0.25
    assert -1e-4 <= corners.min() < 0.5 and 7.5 < corners.max() <= 8 + 1e-4
    assert abs(corners.mean() - 4) < 0.5
  assert abs(np.corrcoef(across[:, 1], down[:, 1])[0, 1]) < 0.2


def test_flip_mirrors_half_of_them():
  picture = np.float32(
    [[[0.1, 0.2, 0.3], [0.7, 0.8, 0.9]], [[0.5] * 3, [0] * 3]]
  )
  out = transforms.flip()(_keys(200), np.broadcast_to(picture, (200, 2, 2, 3)))
  flipped = np.asarray((out == picture[:, ::-1]).all((1, 2, 3)))
  same = np.asarray((out == picture).all((1, 2, 3)))
  assert (flipped ^ same).all()
  assert 80 < flipped.sum() < 120


def test_brightness_scales_and_saturates():
  flat = np.full((200, 2, 2, 3), 0.5, np.float32)
  apply = transforms.brightness(0.4)
  out = np.asarray(apply(_keys(200), flat))
  assert (out == out[:, :1, :1, :1]).all()
  factors = out[:, 0, 0, 0] / 0.5
  assert 0.6 <= factors.min() < 0.62 and 1.38 < factors.max() <= 1.4
  assert abs(factors.mean() - 1) < 0.05
  total, slopes = jax.value_and_grad(lambda x: apply(_keys(200), x).sum())(
    jnp.ones_like(flat)
  )
  np.testing.assert_allclose(total, 12 * np.minimum(factors, 1).sum(), 1e-5)
  expected = np.where(factors > 1, 0, factors)
  np.testing.assert_allclose(slopes[:, 0, 0, 0], expected, rtol=1e-5)


def test_chain_gives_each_its_own_keys():
  flat = np.full((3, 2, 2, 3), 0.2, np.float32)
  bright = transforms.brightness(0.5)
  out = transforms.chain(bright, bright)(_keys(3), flat)
  fold = jax.vmap(jax.random.fold_in, (0, None))
  first, second = (bright(fold(_keys(3), i), flat) for i in range(2))
  np.testing.assert_allclose(out, first * second / 0.2, rtol=1e-5)
  assert (np.abs(first - second) > 1e-3).all()
  half = transforms.chain(bright, transforms.resize(0.5))
  other = transforms.chain(transforms.resize(0.5), bright)
  np.testing.assert_allclose(half(_keys(3), flat), first, rtol=1e-5)
  np.testing.assert_allclose(other(_keys(3), flat), second, rtol=1e-5)


def test_options_arrive(images):
  np.testing.assert_array_equal(
    jax.jit(transforms.jpeg(20, '4:2:0'))(None, images),
    jax.jit(jpeg.jpeg, static_argnums=(1, 2))(images, 20, '4:2:0'),
  )
  np.testing.assert_allclose(
    transforms.blur(3, 0.8)(None, images),
    perceptual.gaussian_blur(images, 3, 0.8),
    atol=1e-6,
  )


@pytest.mark.parametrize(
  'make, value, name',
  [
    (transforms.blur, 4, 'kernel_size'),
    (transforms.blur, 0, 'kernel_size'),
    (transforms.blur, -3, 'kernel_size'),
    (lambda sigma: transforms.blur(7, sigma), 0, 'sigma'),
    (lambda sigma: transforms.blur(7, sigma), float('nan'), 'sigma'),
    (transforms.resize, 0, 'scale'),
    (transforms.resize, 1.1, 'scale'),
    (transforms.crop, 0, 'fraction'),
    (transforms.crop, 1.01, 'fraction'),
    (transforms.brightness, -0.1, 'amount'),
    (transforms.brightness, 1.1, 'amount'),
    (transforms.jpeg, 0, 'quality'),
    (lambda s: transforms.jpeg(75, s), '4:1:1', 'subsampling'),
  ],
)
def test_parameters_out_of_range_are_named(make, value, name):
  with pytest.raises(InputError, match=f'^{name}: .*{value}'):
    make(value)
