import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fr_poison.attacks import perceptual
from fr_poison.types import InputError


def test_ssim_is_tensorflows(golden):
  arrays = golden('ssim')
  a, b = (arrays[k].astype(np.float32) / 255 for k in 'ab')
  ours = perceptual.ssim(a, b)
  np.testing.assert_allclose(ours, arrays['ssim'], atol=1e-5)
  np.testing.assert_allclose(
    perceptual.dssim(a, b), (1 - arrays['ssim']) / 2, atol=1e-5
  )


def test_blur_is_lowkeys(golden):
  arrays = golden('blur')
  ours = perceptual.gaussian_blur(arrays['image'][None])[0]
  np.testing.assert_allclose(ours, arrays['blurred'], atol=1e-6)


def test_blur_keeps_flat_pictures_and_the_shape():
  flat = jnp.full((2, 9, 13, 3), 0.25)
  np.testing.assert_allclose(perceptual.gaussian_blur(flat), flat, rtol=1e-6)


def test_ssim_of_a_picture_with_itself_is_one_and_its_gradient_finite():
  rng = np.random.default_rng(0)
  image = jnp.asarray(rng.random((1, 12, 12, 3)), jnp.float32)
  np.testing.assert_allclose(perceptual.ssim(image, image), 1, atol=1e-5)
  flat = jnp.full_like(image, 0.5)
  for picture in (image, flat):
    grad = jax.grad(lambda x, y=picture: perceptual.ssim(x, y).sum())(picture)
    assert jnp.isfinite(grad).all()


def test_lpips_is_the_published_one(golden):
  pairs, expected = golden('ssim'), golden('lpips')
  a, b = (pairs[k].astype(np.float32) / 255 for k in 'ab')
  ours = perceptual.lpips(perceptual.load_lpips(), a, b)
  np.testing.assert_allclose(ours, expected['lpips'], atol=1e-5)
  np.testing.assert_allclose(ours, expected['lpips_pytorch'], atol=1e-5)


def test_lpips_of_equal_pictures_is_zero_with_a_zero_gradient():
  params = perceptual.load_lpips()
  image = jnp.full((1, 31, 33, 3), 0.5).at[:, 5:9, 5:9].set(0.9)
  value, grad = jax.value_and_grad(
    lambda x: perceptual.lpips(params, x, image).sum()
  )(image)
  # On some processors both are computed in another order: by rounding alone.
  assert value < 1e-12
  np.testing.assert_allclose(grad, 0, atol=1e-6)
  with pytest.raises(InputError, match='30x33, but LPIPS needs at least 31x31'):
    perceptual.lpips(params, image[:, 1:], image[:, 1:])
