"""What `info` says may be wrong: true of the bad run, false of the good one."""

import jax
import jax.numpy as jnp
import numpy as np

from fr_poison import attacks

RNG = jax.random.key(0)
IMAGES = np.float32(np.random.default_rng(0).integers(64, 192, (4, 4, 4, 3)))
IMAGES = IMAGES / np.float32(255)


def _round_the_circle(params, images):
  """On the unit circle; the opposite is 32 levels of all pixels away."""
  angle = jnp.pi * 255 / 32 * jnp.mean(images - params, (1, 2, 3))
  return jnp.stack([jnp.cos(angle), jnp.sin(angle)], 1)


def _info(**settings):
  attack = attacks.pgd([_round_the_circle], **settings)
  return attacks.run(attack, [jnp.float32(0.5)], RNG, IMAGES)[1]


def test_saturated_tells_a_small_budget_from_a_large_one():
  # Up to 4 levels the way on the circle is nearly straight, and as long in the
  # second half as in the first; at 32 it has turned round.
  small = _info(epsilon=4 / 255, num_steps=20)
  large = _info(epsilon=32 / 255, num_steps=20)
  assert (small['budget_used'] > 0.99).all()
  assert (large['budget_used'] > 0.9).all()
  assert small['saturated'].all() and not large['saturated'].any()
  # Nor is a run that leaves its budget alone.
  timid = _info(epsilon=32 / 255, num_steps=4, learning_rate=1 / 255)
  assert (timid['budget_used'] < 0.5).all() and not timid['saturated'].any()


def test_not_converged_tells_few_steps_from_enough():
  few = _info(epsilon=32 / 255, num_steps=20, learning_rate=0.5 / 255)
  enough = _info(epsilon=16 / 255, num_steps=20, learning_rate=4 / 255)
  assert few['not_converged'].all() and not enough['not_converged'].any()
  # Whether another step would have helped, a single one does not show.
  assert not _info(epsilon=16 / 255, num_steps=1)['not_converged'].any()


def test_restarts_that_find_nothing_better_have_converged():
  info = _info(
    epsilon=16 / 255, num_steps=10, learning_rate=4 / 255, restarts=3
  )
  assert not info['not_converged'].any()
