import jax
import jax.numpy as jnp
import numpy as np
import pytest
from detectors import smooth

from fr_poison import metrics
from fr_poison.detectors import autoencoder
from fr_poison.detectors.autoencoder import Autoencoder
from fr_poison.types import InputError

TINY = {
  'num_epochs': 80,
  'batch_size': 16,
  'learning_rate': 1e-2,
  'features': (8,),
  'code_size': 2,
}


@pytest.fixture(scope='module')
def fitted():
  return Autoencoder(**TINY).fit(smooth.pictures(32))


def with_zeros(**settings):
  """Its reconstruction is sigmoid(0) = 1/2 everywhere."""
  recipe = Autoencoder(**TINY, **settings)
  network = autoencoder.Network((8,), 2, False)
  shapes = jax.eval_shape(
    network.init, jax.random.key(0), smooth.pictures(1) / 255
  )
  params = jax.tree.map(lambda x: jnp.zeros(x.shape), shapes)
  return recipe.detector(params, (smooth.SIZE, smooth.SIZE))


def test_what_was_never_seen_is_reproduced_badly(fitted):
  clean = smooth.pictures(8, seed=1)
  cloaked = smooth.cloak(clean, 10)
  assert fitted.score(cloaked).min() > fitted.score(clean).max()


def test_purify_brings_a_cloaked_picture_nearer_to_the_clean_one(fitted):
  clean = smooth.pictures(8, seed=1)
  cloaked = smooth.cloak(clean, 16)
  reformed = fitted.purify(cloaked)
  assert reformed.dtype == np.uint8 and reformed.shape == clean.shape
  np.testing.assert_array_equal(reformed, reformed[..., :1].repeat(3, -1))
  assert metrics.psnr(reformed, clean) > metrics.psnr(cloaked, clean) + 3


def test_a_score_by_hand():
  # White is 1/2 away from 1/2 everywhere, and 51 / 255 = .2 is .3 away.
  images = np.full((2, smooth.SIZE, smooth.SIZE, 3), 255, np.uint8)
  images[1] = 51
  for error, expected in (('l1', [0.5, 0.3]), ('l2', [0.25, 0.09])):
    scores = with_zeros(error=error).score(images)
    np.testing.assert_allclose(scores, expected, rtol=1e-6)
  # 127.5 is rounded to the even 128.
  assert (with_zeros().purify(images) == 128).all()


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
  score = Autoencoder(**settings).fit(clean).score
  np.testing.assert_array_equal(score(clean), score(clean))
  # A constant, the mean picture, is off by the pictures' own variance.
  assert score(clean).mean() < np.var(clean / 255)


def test_a_code_is_drawn_with_its_deviation():
  # The code's mean is 0 and the last layer's weights are 1 in one place, so
  # what is drawn can be read off before the sigmoid.
  network = autoencoder.Network((1,), 1, True)
  black = jnp.zeros((1, 8, 8, 3))
  shapes = jax.eval_shape(network.init, jax.random.key(0), black)
  params = jax.tree.map(lambda x: jnp.zeros(x.shape), shapes)
  kernel = params['params']['Conv_1']['kernel']
  params['params']['Conv_1']['kernel'] = kernel.at[1, 1].set(1.0)
  drawn, apply = [], jax.jit(network.apply)
  for log_variance in (0.0, np.log(4)):
    params['params']['log_variance']['bias'] = jnp.full(1, log_variance)
    found, _ = apply(params, black, jax.random.key(1))
    drawn.append(np.log(found / (1 - found)))
  assert np.abs(drawn[0]).max() > 0.5
  np.testing.assert_allclose(drawn[1], 2 * drawn[0], rtol=1e-4, atol=1e-5)


def test_the_loss_by_hand():
  # Weights of zero reconstruct 1/2 from any code: an error of 1/4 where all
  # is black. A bias of 1 puts the mean of all codes there, of 4x4 positions
  # and 2 channels, each worth 1/2 of divergence: 16 over 16 x 16 x 3 values.
  network = autoencoder.Network((4, 8), 2, True)
  black = jnp.zeros((3, 16, 16, 3))
  shapes = jax.eval_shape(network.init, jax.random.key(0), black)
  params = jax.tree.map(lambda x: jnp.zeros(x.shape), shapes)
  params['params']['mean']['bias'] += 1
  recipe = Autoencoder(noise=0.5, kl_weight=0.3)
  loss = jax.jit(recipe.loss, static_argnums=0)
  found = loss(network, params, black, jax.random.key(0))
  np.testing.assert_allclose(found, 0.25 + 0.3 * 16 / (16 * 16 * 3), rtol=1e-6)


def test_everything_counts_in_the_digest(fitted):
  first = with_zeros()
  assert (first.name, first.features) == ('autoencoder', 'plain')
  assert first.digest == with_zeros().digest
  others = fitted, with_zeros(error='l1'), with_zeros(seed=1)
  assert first.digest not in {other.digest for other in others}


def test_what_was_kept_is_the_same_detector(fitted, tmp_path):
  for _ in range(2):
    kept = Autoencoder(**TINY).fit(smooth.pictures(32), folder=tmp_path)
    assert kept.digest == fitted.digest
  assert len([*tmp_path.iterdir()]) == 1


def test_a_score_does_not_depend_on_the_other_pictures(fitted):
  images = smooth.pictures(5, seed=3)
  together, alone = fitted.score(images), fitted.score(images[3:4])
  np.testing.assert_array_equal(together[3:4], alone)


def test_pictures_of_another_size_are_refused(fitted):
  images = np.zeros((1, 16, 12, 3), np.uint8)
  for fn in (fitted.score, fitted.purify):
    with pytest.raises(InputError, match='16x12'):
      fn(images)
  assert fitted.purify(smooth.pictures(0)).shape[0] == 0


@pytest.mark.parametrize(
  ('settings', 'field'),
  [
    ({'kind': 'sparse'}, 'kind'),
    ({'error': 'linf'}, 'error'),
    ({'features': ()}, 'features'),
    ({'noise': np.nan}, 'noise'),
    ({'kl_weight': -1.0}, 'kl_weight'),
  ],
)
def test_what_cannot_be_trained_is_refused(settings, field):
  with pytest.raises(InputError, match=field):
    Autoencoder(**TINY | settings)
