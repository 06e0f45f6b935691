import jax
import jax.numpy as jnp
import numpy as np
import pytest
from detectors import smooth

from fr_poison import metrics
from fr_poison.detectors import autoencoder
from fr_poison.types import InputError

TINY = {
  'num_epochs': 80,
  'batch_size': 16,
  'learning_rate': 1e-2,
  'features': (8,),
  'code_size': 2,
}


@pytest.fixture(scope='module')
def model():
  return autoencoder.fit(smooth.pictures(32), **TINY)


def with_zeros(model):
  """Its reconstruction is sigmoid(0) = 1/2 everywhere."""
  return model._replace(params=jax.tree.map(jnp.zeros_like, model.params))


@pytest.mark.parametrize('error', ['l1', 'l2'])
def test_what_was_never_seen_is_reproduced_badly(model, error):
  score = autoencoder.detector(model, error=error).score
  clean = smooth.pictures(8, seed=1)
  assert score(smooth.cloak(clean, 10)).min() > score(clean).max()


def test_reform_brings_a_cloaked_picture_nearer_to_the_clean_one(model):
  clean = smooth.pictures(8, seed=1)
  cloaked = smooth.cloak(clean, 16)
  reformed = autoencoder.reform(model, cloaked)
  assert reformed.dtype == np.uint8 and reformed.shape == clean.shape
  np.testing.assert_array_equal(reformed, reformed[..., :1].repeat(3, -1))
  assert metrics.psnr(reformed, clean) > metrics.psnr(cloaked, clean) + 3


def test_a_score_by_hand(model):
  # White is 1/2 away from 1/2 everywhere, and 51 / 255 = .2 is .3 away.
  model = with_zeros(model)
  images = np.full((2, smooth.SIZE, smooth.SIZE, 3), 255, np.uint8)
  images[1] = 51
  for error, expected in (('l1', [0.5, 0.3]), ('l2', [0.25, 0.09])):
    scores = autoencoder.detector(model, error=error).score(images)
    np.testing.assert_allclose(scores, expected, rtol=1e-6)
  # 127.5 is rounded to the even 128.
  assert (autoencoder.reform(model, images) == 128).all()


def test_divergence_by_hand():
  # Per number (m^2 + v - ln v - 1) / 2: 0 for the standard normal; 1/2 for
  # mean 1; for variance e^2 (e^2 - 3) / 2.
  mean = jnp.array([[0.0, 0.0], [1.0, -1.0], [0.0, 0.0]])
  log_variance = jnp.array([[0.0, 0.0], [0.0, 0.0], [2.0, 0.0]])
  found = autoencoder.kl_divergence(mean, log_variance)
  np.testing.assert_allclose(
    found, [0, 1, (np.e**2 - 3) / 2], rtol=1e-6, atol=1e-7
  )


def test_the_variational_one_learns_and_does_not_draw_when_it_is_asked():
  clean = smooth.pictures(32)
  settings = TINY | {'kind': 'variational', 'num_epochs': 40}
  score = autoencoder.detector(autoencoder.fit(clean, **settings)).score
  np.testing.assert_array_equal(score(clean), score(clean))
  # A constant, the mean picture, is off by the pictures' own variance.
  assert score(clean).mean() < np.var(clean / 255)


def test_the_loss_by_hand():
  # Weights of zero reconstruct 1/2 from any code: an error of 1/4 where all
  # is black. A bias of 1 puts the mean of all codes there, of 4x4 positions
  # and 2 channels, each worth 1/2 of divergence: 16 over 16 x 16 x 3 values.
  network = autoencoder.Network((4, 8), 2, True)
  black = jnp.zeros((3, 16, 16, 3))
  shapes = jax.eval_shape(network.init, jax.random.key(0), black)
  params = jax.tree.map(lambda x: jnp.zeros(x.shape), shapes)
  params['params']['mean']['bias'] += 1
  loss = jax.jit(autoencoder.loss, static_argnums=0)
  found = loss(network, 0.5, 0.3, params, black, jax.random.key(0))
  np.testing.assert_allclose(found, 0.25 + 0.3 * 16 / (16 * 16 * 3), rtol=1e-6)


def test_everything_counts_in_the_digest(model):
  first = autoencoder.detector(model)
  assert (first.name, first.features) == ('autoencoder', 'plain')
  assert first.digest == autoencoder.detector(model).digest
  for other in (
    autoencoder.detector(with_zeros(model)),
    autoencoder.detector(model, error='l1'),
  ):
    assert first.digest != other.digest


def test_a_score_does_not_depend_on_the_other_pictures(model):
  images = smooth.pictures(5, seed=3)
  score = autoencoder.detector(model).score
  np.testing.assert_array_equal(score(images)[3:4], score(images[3:4]))


def test_pictures_of_another_size_are_refused(model):
  images = np.zeros((1, 16, 12, 3), np.uint8)
  for fn in (
    autoencoder.detector(model).score,
    lambda images: autoencoder.reform(model, images),
  ):
    with pytest.raises(InputError, match='16x12'):
      fn(images)
  assert autoencoder.reform(model, smooth.pictures(0)).shape[0] == 0


@pytest.mark.parametrize(
  ('settings', 'field'),
  [
    ({'kind': 'sparse'}, 'kind'),
    ({'features': ()}, 'features'),
    ({'noise': np.nan}, 'noise'),
    ({'kl_weight': -1.0}, 'kl_weight'),
  ],
)
def test_what_cannot_be_trained_is_refused(settings, field):
  with pytest.raises(InputError, match=field):
    autoencoder.fit(smooth.pictures(4), **TINY | settings)


def test_bad_pictures_and_errors_are_refused(model):
  for images in (smooth.pictures(0), smooth.pictures(2) / 255):
    with pytest.raises(InputError, match='clean'):
      autoencoder.fit(images, **TINY)
  with pytest.raises(InputError, match='error'):
    autoencoder.detector(model, error='linf')
