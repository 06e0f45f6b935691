"""The queue of cloaks: the first is PGD's, the others keep away from it."""

import jax
import jax.numpy as jnp
import numpy as np
import toys

from fr_poison import attacks

RNG = jax.random.key(3)
SIZE, STEPS = 8, 6
PARAMS = [
  jnp.float32(np.random.default_rng(0).standard_normal((SIZE**2 * 3, 6)) / 6)
]


def embed_fn(params, images):
  return jnp.tanh((images - 0.5).reshape(len(images), -1) @ params)


def _states(attack, count):
  """The state after each step."""
  state = jax.jit(attack.init)(PARAMS, RNG, toys.images(3, SIZE))
  step, states = jax.jit(attack.step), [state]
  for _ in range(count):
    states.append(step(PARAMS, states[-1]))
  return states


def _cosines(adv_images):
  z = np.asarray(embed_fn(PARAMS[0], adv_images))
  z = z / np.linalg.norm(z, axis=1, keepdims=True)
  return (z @ z.T)[np.triu_indices(len(z), 1)]


def test_the_first_picture_is_as_by_pgd_and_the_next_is_not():
  attack = attacks.diverse([embed_fn], num_steps=STEPS)
  states = _states(attack, 2 * (STEPS + 1))
  pgd = attacks.pgd([embed_fn], num_steps=STEPS)
  alone = jax.jit(pgd.init)(PARAMS, RNG, states[0].images)
  for _ in range(STEPS):
    alone = jax.jit(pgd.step)(PARAMS, alone)
  first = states[STEPS].variable
  np.testing.assert_allclose(first[0], alone.variable[0], atol=1e-6)
  np.testing.assert_array_equal(first[1:], states[0].variable[1:])
  # One step more looks at it as it is saved, and puts that into the queue.
  saved = states[STEPS + 1]
  codes = np.asarray(saved.variable[0]) * 255
  np.testing.assert_allclose(codes, np.rint(codes), atol=1e-4)
  z = embed_fn(PARAMS[0], saved.variable[:1])
  np.testing.assert_allclose(
    saved.extra[0][0], (z / jnp.linalg.norm(z))[0], 1e-5
  )
  second = states[2 * STEPS + 1].variable[1]
  assert jnp.mean(jnp.abs(second - alone.variable[1]) > 1e-6) > 0.05
  assert attack.steps_for(3) == 3 * (STEPS + 1)


def test_without_a_weight_all_are_as_by_pgd():
  attack = attacks.diverse([embed_fn], num_steps=STEPS, weight=0.0)
  state = _states(attack, attack.steps_for(3))[-1]
  pgd = attacks.pgd([embed_fn], num_steps=STEPS)
  expected, _ = attacks.run(pgd, PARAMS, RNG, state.images)
  change = np.abs(np.asarray(state.variable) - expected)
  assert np.mean(change > 1e-3) < 0.02


def test_cloaks_keep_away_from_each_other():
  images, found = toys.images(6, SIZE), {}
  for weight in (0.0, 1.2):
    attack = attacks.diverse([embed_fn], num_steps=STEPS, weight=weight)
    adv, _ = attacks.run(attack, PARAMS, RNG, images, groups=[0] * 6)
    found[weight] = _cosines(adv).mean()
  assert found[1.2] < found[0.0] - 0.05


def test_only_the_last_ones_count():
  # With a queue of 1 the third picture hears of the second one alone: another
  # first one changes nothing.
  attack = attacks.diverse([embed_fn], num_steps=STEPS, queue=1)
  before = _states(attack, 2 * (STEPS + 1))[-1]
  step, after = jax.jit(attack.step), []
  for number in (0, 1):
    cloaks = before.extra[0].at[number].set(-before.extra[0][number])
    state = before.replace(extra=[cloaks])
    for _ in range(STEPS):
      state = step(PARAMS, state)
    after.append(state.variable[2])
  unchanged = before
  for _ in range(STEPS):
    unchanged = step(PARAMS, unchanged)
  np.testing.assert_array_equal(after[0], unchanged.variable[2])
  assert (after[1] != unchanged.variable[2]).any()
