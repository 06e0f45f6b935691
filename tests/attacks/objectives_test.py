"""Objectives by hand: directions, draws, and fresh starts."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fr_poison import attacks
from fr_poison.attacks import constraints, objectives, targets


def _colours(params, images):
  """The mean of each channel, [B, 3]."""
  del params
  return images.mean((1, 2))


def test_a_target_is_a_direction_whatever_its_length():
  images = jnp.full((1, 2, 2, 3), jnp.array([0.2, 0.4, 0.4]))
  objective = objectives.approach([_colours])
  for length in (1.0, 30.0, 0.01):
    # (1, 2, 2) and (2, 1, 2), each over 3: |(-1, 1, 0) / 3|^2 = 2 / 9.
    target = length * jnp.array([2.0, 1.0, 2.0])
    reference = objective.reference([None], images, [target])
    distance = objective.distance([None], reference, images, None)
    np.testing.assert_allclose(distance, 2 / 9, rtol=1e-5)


def test_every_sample_and_transform_draws_numbers_of_its_own():
  drawn = []

  def transform(rngs, images):
    drawn.append(jax.random.uniform(rngs[0]).item())
    return images

  plain = objectives.displacement([_colours])
  mean = objectives.expectation(plain, [transform, transform], num_samples=3)
  images = jnp.full((2, 2, 2, 3), 0.5)
  rngs = jax.random.split(jax.random.key(0), 2)
  reference = mean.reference([None], images, None)
  mean.distance([None], reference, images, rngs)
  assert len(drawn) == len(set(drawn)) == 6


def test_the_target_is_far_from_every_picture_of_the_user():
  # User at 0, 0 and 180 degrees. Person 5, at 180, is 2, 2 and 0 away: farther
  # on average than person 7, at 60, who is 1, 1 and 1.7 away.
  own = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
  others = np.array([[-1.0, 0.0], [0.5, 0.75**0.5]])
  goal = targets.farthest(own, others, np.array([5, 7]))
  np.testing.assert_allclose(goal, others[1], atol=1e-6)


def test_a_new_start_is_a_new_optimizer():
  images = jnp.full((1, 2, 2, 3), 0.5)
  make = lambda restarts: attacks.gradient_attack(
    objectives.displacement([lambda params, x: x.reshape(len(x), -1) ** 2]),
    constraints.linf_ball(0.3),
    optax.sgd(0.05, momentum=0.9),
    num_steps=3,
    start_noise=0.1,
    restarts=restarts,
  )
  twice, once = make(2), make(1)
  state = twice.init([None], jax.random.key(0), images)
  variables = [state.variable]
  for _ in range(twice.num_steps):
    state = twice.step([None], state)
    variables.append(state.variable)
  # Three updates, a look at the last iterate, and then the second start.
  assert twice.num_steps == 7
  second = variables[4]
  assert not np.allclose(second, variables[3])
  alone = once.init([None], jax.random.key(0), images, start=second - images)
  np.testing.assert_allclose(alone.variable, second, rtol=1e-6)
  for expected in variables[5:]:
    alone = once.step([None], alone)
    np.testing.assert_allclose(alone.variable, expected, rtol=1e-5)


@pytest.mark.parametrize('sign', [1.0, -1.0])
def test_the_sign_says_whether_a_distance_grows(sign):
  images = jnp.full((1, 4, 4, 3), jnp.array([0.3, 0.5, 0.6]))
  objective = objectives.displacement([_colours])._replace(sign=sign)
  attack = attacks.gradient_attack(
    objective,
    constraints.linf_ball(0.2),
    optax.sgd(0.5),
    num_steps=2,
    start_noise=0.1,
  )
  state = attack.init([None], jax.random.key(1), images)
  distance = lambda state: objective.distance(
    [None], state.reference, state.adv_images, None
  ).item()
  before = distance(state)
  after = distance(attack.step([None], attack.step([None], state)))
  assert before > 0 and np.sign(after - before) == sign
