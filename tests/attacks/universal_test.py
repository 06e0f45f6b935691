"""Chameleon and Protego by hand: price, batches, angles, determinant."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toys

from fr_poison import attacks
from fr_poison.attacks import protego, universal
from fr_poison.attacks.chameleon import angles

RNG = jax.random.key(0)
SIZE = 12


def _flat(params, images):
  return images.reshape(len(images), -1) @ params


PARAMS = [jnp.float32(np.random.default_rng(0).standard_normal((432, 6)))]


def _trace(price, weight, *values):
  weights = [jnp.float32(weight)]
  for value in values:
    weights.append(price.next_weight(weights[-1], jnp.float32(value)))
  return [float(w) for w in weights[1:]]


def test_the_weight_of_the_price():
  price = universal.Price(None, 0.03, 0.027, 0.033)
  # Well inside, twice; near the budget; well outside, twice; inside again.
  values = 0.01, 0.02, 0.03, 0.04, 0.05, 0.01
  assert _trace(price, 1, *values) == [0.5, 0.25, 1, 2, 4, 2]
  # 1 / 128 is above 1 / 129, half of it is not: then it starts again. 128 is
  # below 129, and 256 is not.
  assert _trace(price, 1 / 128, 0, 0) == [1 / 256, 1]
  assert _trace(price, 128, 1, 1) == [256, 1]


@pytest.mark.parametrize(
  'attack', [attacks.chameleon([_flat]), attacks.protego_planar([_flat])]
)
def test_the_authors_budgets(attack):
  # Noise of 1e-3 is far within both budgets, a change of .4 far outside, and
  # the weight follows after a step each.
  images = toys.images(3, SIZE)
  state = jax.jit(attack.init)(PARAMS, RNG, images)
  step = jax.jit(attack.step)
  small = state.replace(variable=state.variable * 1e-3)
  assert float(step(PARAMS, small).extra) == 0.5
  noise = jax.random.uniform(RNG, (1, SIZE, SIZE, 3), minval=-0.4, maxval=0.4)
  assert float(step(PARAMS, state.replace(variable=noise)).extra) == 2


def test_the_price_is_of_the_mean_and_begins_at_the_budget():
  # A measure that is the mask's mean: at .5 nothing is paid and the loss is 0,
  # so nothing moves; at .75 it goes down.
  attack = universal.universal(
    [_flat],
    lambda z, own, weights: 0 * jnp.sum(z),
    universal.Price(
      lambda adv, images: jnp.mean(adv - images, (1, 2, 3)), 0.6, 0.5, 0.7
    ),
    epsilon=1.0,
    num_epochs=1,
    batch_size=4,
    learning_rate=0.125,
    start_noise=0.0,
    measure=lambda adv, images: {},
  )
  images = jnp.zeros((2, SIZE, SIZE, 3))
  state = jax.jit(attack.init)(PARAMS, RNG, images)
  for value, after in ((0.5, 0.5), (0.75, 0.625)):
    mask = jnp.full_like(state.variable, value)
    found = jax.jit(attack.step)(PARAMS, state.replace(variable=mask))
    np.testing.assert_allclose(found.variable, after, rtol=1e-6)


def test_each_epoch_deals_all_pictures_into_even_batches():
  attack = attacks.chameleon([_flat], batch_size=16)
  images = toys.images(20, SIZE)
  weights = np.array([1] * 17 + [0] * 3, np.float32)
  state = jax.jit(attack.init)(PARAMS, RNG, images, weights=weights)
  epochs = []
  for epoch in range(2):
    seen = []
    for number, size in enumerate((9, 8)):
      at = state.replace(step=jnp.int32(2 * epoch + number))
      rows, counted = universal.batch(at, 16)
      assert rows.shape == (16,) and counted.sum() == size
      seen += np.asarray(rows)[np.asarray(counted) > 0].tolist()
    assert sorted(seen) == list(range(17))
    epochs.append(seen)
  assert epochs[0] != epochs[1]
  assert attack.steps_for(17) == 100 and attack.steps_for(16) == 50


def test_angles_have_a_slope_where_vectors_are_equal():
  a = jnp.array([[1.0, 0.0], [0.6, 0.8], [-1.0, 0.0]])
  b = jnp.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
  expected = [np.arccos(1 - 1e-6), np.arccos(0.6), np.pi - np.arccos(1 - 1e-6)]
  np.testing.assert_allclose(angles(a, b), expected, rtol=0.01)
  slope = jax.grad(lambda a: jnp.sum(angles(a, b)))(a)[:, 0]
  # -1 / sqrt(1 - c^2): at .6 it is -1 / .8; at 1 - 1e-6 it is -1 / 1.414e-3.
  np.testing.assert_allclose(slope, [-707, -1.25, -707], rtol=0.02)


def test_the_log_determinant_is_that_of_numpy():
  z = np.random.default_rng(0).standard_normal((4, 6))
  z /= np.linalg.norm(z, axis=1, keepdims=True)
  gram = z @ z.T + 1e-4 * np.eye(4)
  expected = np.log(np.linalg.det(gram) + 1e-4)
  found = protego.log_determinant(jnp.float32(z), jnp.ones(4))
  np.testing.assert_allclose(found, expected, rtol=1e-5)
  # What fills up is no row of it.
  filled = jnp.float32(np.concatenate([z, z[:2]]))
  weights = jnp.float32([1, 1, 1, 1, 0, 0])
  np.testing.assert_allclose(
    protego.log_determinant(filled, weights, 0),
    np.linalg.slogdet(gram)[1],
    rtol=1e-5,
  )


def test_many_that_are_equal_are_no_nan():
  # 16 equal unit vectors: eigenvalues 16.0001 and 15 times 1e-4, whose
  # product is 0 in float32. The floor is all that is left of it.
  z = jnp.ones((16, 4)) / 2
  log = lambda z, floor: protego.log_determinant(z, jnp.ones(16), floor)
  exact = np.log(16.0001) + 15 * np.log(1e-4)
  np.testing.assert_allclose(log(z, 0), exact, rtol=1e-3)
  np.testing.assert_allclose(log(z, 1e-4), np.log(1e-4), rtol=1e-6)
  near = z + 1e-3 * jax.random.normal(RNG, z.shape)
  assert not jax.grad(log)(near, 1e-4).any()
  slope = jax.grad(log)(near, 0.0)
  assert jnp.isfinite(slope).all() and jnp.abs(slope).max() > 1
