"""OPOM by hand: what embeddings move away from, and one step of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from fr_poison import attacks
from fr_poison.attacks.opom import affine_basis, nearest_in_hull
from fr_poison.types import InputError

RNG = jax.random.key(0)


def _unit(shape, seed):
  x = np.random.default_rng(seed).standard_normal(shape)
  return x / np.linalg.norm(x, axis=-1, keepdims=True)


def _by_quadratic_program(y, points):
  """The nearest point of the hull, by scipy."""
  count = len(points)
  found = optimize.minimize(
    lambda a: np.sum((a @ points - y) ** 2),
    np.full(count, 1 / count),
    jac=lambda a: 2 * points @ (a @ points - y),
    bounds=[(0, 1)] * count,
    constraints={'type': 'eq', 'fun': lambda a: a.sum() - 1},
    method='SLSQP',
    options={'ftol': 1e-14, 'maxiter': 500},
  )
  return found.x @ points


@pytest.mark.parametrize('spread', [1.0, 0.1])
def test_the_nearest_point_of_a_hull_is_that_of_a_quadratic_program(spread):
  # Of a person they are near each other: a small hull far from 0.
  points = _unit((1, 16), 0) + spread * _unit((7, 16), 1)
  points /= np.linalg.norm(points, axis=1, keepdims=True)
  y = np.concatenate([_unit((3, 16), 2), points[:1], points[1:3].mean(0)[None]])
  expected = np.stack([_by_quadratic_program(one, points) for one in y])
  filled = np.concatenate([points, 9 + points[:2]])  # which has no weight
  weights = np.array([1] * 7 + [0] * 2, np.float32)
  found = nearest_in_hull(jnp.float32(y), jnp.float32(filled), weights)
  np.testing.assert_allclose(found, expected, atol=2e-4)
  np.testing.assert_allclose(found[3:], y[3:], atol=2e-4)  # they are inside
  assert np.linalg.norm(expected[:3] - y[:3], axis=1).min() > 0.1


def test_the_affine_hull_is_what_least_squares_reaches():
  points, y = _unit((4, 8), 3), _unit((2, 8), 4)
  centre = points.mean(0)
  # sum a = 1: the centre and any amount of the three differences.
  shares, *_ = np.linalg.lstsq((points[1:] - points[0]).T, (y - centre).T)
  expected = centre + shares.T @ (points[1:] - points[0])
  filled = jnp.float32(np.concatenate([points, points[:1] * 5]))
  basis = affine_basis(filled, jnp.float32([1, 1, 1, 1, 0]))
  found = centre + (y - centre) @ np.asarray(basis).T @ np.asarray(basis)
  np.testing.assert_allclose(found, expected, atol=1e-5)
  sizes = np.sort(np.linalg.norm(basis, axis=1))
  np.testing.assert_allclose(sizes, [0, 0, 1, 1, 1], atol=1e-5)


def _red(params, images):
  """The red of two pixels, about grey: a linear network of two numbers."""
  return images[..., 0].reshape(len(images), -1) - 0.5


def _images(*reds):
  images = np.full((len(reds), 1, 2, 3), 0.5, np.float32)
  images[..., 0] = np.array(reds)[:, None]
  images[..., 1] = 0.25  # not grey
  return jnp.asarray(images)


def _after_a_step(variant, own, changes, step=0, y=((0.62, 0.66),) * 2):
  """The mask in levels, after a step from y with these changes per picture."""
  pictures = _images(*y)
  attack = attacks.opom([_red], variant)
  state = jax.jit(attack.init)([None], RNG, pictures)
  changes = jnp.array(changes).reshape(-1, 1, 1, 1) / 255
  own = jnp.array(own)
  if variant == 'affine_hull':
    state = state.replace(extra=[affine_basis(own, jnp.ones(2))])
  state = state.replace(
    own=[own],
    adv_images=state.images + changes,
    step=jnp.array(step, jnp.int32),
  )
  found = jax.jit(attack.step)([None], state).variable
  return np.asarray(found)[0, 0] * 255


def test_a_step_turns_the_embedding_away_from_its_own():
  # y = (.12, .16) or (.6, .8) as a unit vector, c = (1, 0). |y - c|^2 grows
  # with the angle, so the first pixel gets darker and the second brighter; 2
  # and 4 levels have the mean 3. Green and blue are nothing to the network.
  own = [[1.0, 0.0]] * 2
  for variant in ('fi_uap', 'class_center'):
    mask = _after_a_step(variant, own, [2.0, 4.0])
    np.testing.assert_allclose(mask, [[2, 3, 3], [4, 3, 3]], atol=1e-3)
  # The sum of both counts: away from (0, 1) is the other way, and farther from
  # it is steeper: |y - c| goes with the sine of half the angle.
  mask = _after_a_step('fi_uap', [[1.0, 0.0], [0.0, 1.0]], [2.0, 4.0])
  np.testing.assert_allclose(mask[:, 0], [2, 4], atol=1e-3)
  # 7.5 levels and one more are cut to the ball of 8.
  mask = _after_a_step('fi_uap', own, [7.5, 7.5])
  np.testing.assert_allclose(mask[:, 0], [6.5, 8], atol=1e-3)


def test_hulls_begin_with_their_centre():
  # The hull of (1, 0) and (0, 1) is the segment between them, its centre
  # (.5, .5). y = (.6, .8) is above the segment, nearest to (.4, .6), and
  # y - r = (.2, .2). Turning y does not change that much, but away from the
  # centre, y - c = (.1, .3), it grows with the second pixel.
  own = [[1.0, 0.0], [0.0, 1.0]]
  points, weights = jnp.array(own), jnp.ones(2)
  y = jnp.array([[0.6, 0.8]])
  np.testing.assert_allclose(
    nearest_in_hull(y, points, weights), [[0.4, 0.6]], atol=1e-5
  )
  # The slope along the turn (-.8, .6): of the centre .1 * -.8 + .3 * .6 > 0,
  # of the hull (.2 * -.8 + .2 * .6) < 0.
  for variant in ('convex_hull', 'affine_hull'):
    for step, way in ((0, 1), (4, 1), (5, -1)):
      mask = _after_a_step(variant, own, [0.0, 0.0], step)
      np.testing.assert_allclose(mask[:, 0], [-way, way], atol=1e-3)


def test_settings_out_of_range_name_themselves():
  with pytest.raises(InputError, match="^variant: 'hull' is unknown"):
    attacks.opom([_red], 'hull')
  with pytest.raises(InputError, match='^epsilon: 8 is outside'):
    attacks.opom([_red], epsilon=8)
