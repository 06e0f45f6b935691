"""Cases small enough to follow on paper, and bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import toys

from fr_poison import attacks
from fr_poison.attacks import base, constraints, objectives
from fr_poison.types import InputError

RNG = jax.random.key(0)


def _toward(target):
  """-(x - t)^2 per pixel, summed: no network needed."""

  def value(params, reference, adv_images):
    return -jnp.sum((adv_images - target) ** 2, (1, 2, 3))

  return objectives.Objective(lambda *args: (), value)


def _two_pixels(a, b):
  return jnp.repeat(jnp.array([a, b]).reshape(1, 1, 2, 1), 3, -1)


def test_two_pixels_stop_at_the_ball_and_at_the_target():
  # x = (100, 200) / 255, t = (110, 202) / 255, epsilon = 4 / 255, steps of
  # 1 / 255 by the gradient's sign. The first pixel wants to go up by 10 and
  # stops at the ball, 104; the second one reaches 202 after two steps, where
  # its gradient is 0 and sign(0) = 0, so it stays.
  images = _two_pixels(100 / 255, 200 / 255)
  attack = base.gradient_attack(
    _toward(_two_pixels(110 / 255, 202 / 255)),
    constraints.linf_ball(4 / 255),
    optax.sgd(1e9),  # any step is cut to the ball ...
    num_steps=1,
  )
  adv_images, _ = attacks.run(attack, [], RNG, images)
  # ... so a single huge step lands on the ball in both pixels: 104 and 204.
  np.testing.assert_allclose(
    adv_images[0, 0, :, 0] * 255, [104, 204], rtol=1e-6
  )

  signs = base.gradient_attack(
    _toward(_two_pixels(110 / 255, 202 / 255)),
    constraints.linf_ball(4 / 255),
    optax.sign_sgd(1 / 255),
    num_steps=6,
  )
  adv_images, info = attacks.run(signs, [], RNG, images)
  np.testing.assert_allclose(
    adv_images[0, 0, :, 0] * 255, [104, 202], rtol=1e-6
  )
  # Score: -3 channels * ((6 / 255)^2 + 0); at the start -3 (10^2 + 2^2) / 255^2
  np.testing.assert_allclose(info['score'], -3 * 36 / 255**2, rtol=1e-4)
  np.testing.assert_allclose(info['start_score'], -3 * 104 / 255**2, rtol=1e-4)


def test_the_best_iterate_is_kept_when_later_ones_are_worse():
  # Target 103.4, steps of 3, 50 and 7: from 100 to 103, past the target to
  # 153, back to 146. The best one, 103, comes back, not the last one.
  images = _two_pixels(100 / 255, 100 / 255)
  attack = base.gradient_attack(
    _toward(_two_pixels(103.4 / 255, 103.4 / 255)),
    constraints.linf_ball(1.0),
    optax.sign_sgd(lambda count: jnp.array([3.0, 50.0, 7.0])[count] / 255),
    num_steps=3,
  )
  adv_images, _ = attacks.run(attack, [], RNG, images)
  np.testing.assert_allclose(
    adv_images[0, 0, :, 0] * 255, [103, 103], rtol=1e-6
  )


def test_rounding_stays_inside_a_budget_that_is_no_whole_level():
  # epsilon 2.6 / 255 allows 2 whole levels: 102.6 must not become 103.
  images = _two_pixels(100 / 255, 100 / 255)
  attack = base.gradient_attack(
    _toward(_two_pixels(1.0, 0.0)),
    constraints.linf_ball(2.6 / 255),
    optax.sgd(1e9),
    num_steps=1,
  )
  adv_images, _ = attacks.run(attack, [], RNG, images)
  np.testing.assert_allclose(adv_images[0, 0, :, 0] * 255, [102, 98], rtol=1e-6)


def test_dssim_above_its_budget_costs_the_square_of_the_excess():
  images = toys.images(2)
  other = np.clip(images + np.float32(0.2), 0, 1)
  free = constraints.dssim_penalty(
    constraints.linf_ball(1.0), budget=0.9, weight=10.0
  )
  assert not free.penalty((), other, images).any()
  dssim = constraints.perceptual.dssim(other, images)
  tight = constraints.dssim_penalty(
    constraints.linf_ball(1.0), budget=1e-3, weight=10.0
  )
  np.testing.assert_allclose(
    tight.penalty((), other, images), 10 * (dssim - 1e-3) ** 2, rtol=1e-5
  )


def test_a_tight_dssim_budget_makes_a_fawkes_cloak_less_visible():
  images, params = toys.images(3), [toys.params()]
  dssim = []
  for budget in (0.5, 0.001):
    attack = attacks.fawkes(
      [toys.embed_fn],
      epsilon=40 / 255,
      num_steps=8,
      dssim_budget=budget,
      dssim_weight=1e6,
    )
    adv_images, _ = attacks.run(
      attack, params, RNG, images, targets=toys.TARGET
    )
    dssim.append(constraints.perceptual.dssim(adv_images, images).mean())
  assert dssim[1] < 0.5 * dssim[0]


def test_displacement_is_zero_at_the_picture_and_four_at_the_opposite():
  flat = lambda params, images: images.reshape(len(images), -1) - 0.5
  objective = objectives.displacement([flat])
  images = jnp.full((1, 2, 2, 3), 0.75)
  reference = objective.reference([None], images, None)
  assert objective.value([None], reference, images)[0] == pytest.approx(0)
  # From (.25, ...) to (-.25, ...): unit vectors u and -u, |2u|^2 = 4.
  opposite = objective.value([None], reference, 1 - images)
  np.testing.assert_allclose(opposite, 4, rtol=1e-5)


def test_farthest_target_is_the_centroid_of_the_least_similar_person():
  user = np.array([[1.0, 0.0], [0.9, 0.1]])
  others = np.array([[0.0, 2.0], [0.0, 1.0], [-3.0, 0.1], [-1.0, -0.1]])
  labels = np.array([5, 5, 7, 7])
  # Unit vectors of person 7: about (-1, .03) and (-.995, -.0995).
  target = attacks.farthest_target(user, others, labels)
  unit = others[2:] / np.linalg.norm(others[2:], axis=1, keepdims=True)
  np.testing.assert_allclose(target, unit.mean(0))


@pytest.mark.parametrize('epsilon', [0, -0.1, 8, float('nan')])
@pytest.mark.parametrize('make', [attacks.pgd, attacks.lowkey, attacks.fawkes])
def test_epsilon_must_be_in_pixel_units(make, epsilon):
  with pytest.raises(InputError, match='epsilon: .* outside'):
    make([toys.embed_fn], epsilon=epsilon)


@pytest.mark.parametrize('make', [attacks.pgd, attacks.lowkey, attacks.fawkes])
def test_no_steps_are_refused(make):
  with pytest.raises(InputError, match='num_steps: 0'):
    make([toys.embed_fn], num_steps=0)


@pytest.mark.parametrize(
  'spoil, message',
  [
    (lambda x: x * np.nan, 'images: NaN or infinite'),
    (lambda x: x * 255, r'images: pixels in \[0, 255\]'),
    (lambda x: x - 0.5, r'expected \[0, 1\]'),
    (lambda x: (x * 255).astype(np.uint8), 'expected float32 .* got uint8'),
    (lambda x: x[..., :1], r'expected shape \[B, H, W, 3\]'),
    (lambda x: x[0], r'expected shape \[B, H, W, 3\]'),
  ],
)
def test_bad_pictures_are_refused_before_anything_is_compiled(spoil, message):
  attack, extra = toys.ATTACKS['pgd']

  def never(*args, **kwargs):
    raise AssertionError('compiled')

  with pytest.raises(InputError, match=message):
    attacks.run(
      attack._replace(init=never), [toys.params()], RNG, spoil(toys.images())
    )
  with pytest.raises(InputError, match=message):
    attack.init([toys.params()], RNG, spoil(toys.images()), **extra)


def test_params_and_targets_must_fit_the_networks():
  images = toys.images(1)
  attack, _ = toys.ATTACKS['pgd']
  with pytest.raises(InputError, match='params: 2 given for 1'):
    attacks.run(attack, [toys.params()] * 2, RNG, images)
  attack, _ = toys.ATTACKS['fawkes']
  with pytest.raises(InputError, match='targets: one array'):
    attacks.run(attack, [toys.params()], RNG, images)
