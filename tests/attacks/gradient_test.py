"""Starts, restarts, and what `info` says may be wrong with a weak result."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import toys

from fr_poison import attacks
from fr_poison.attacks import constraints, objectives, perceptual

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
  assert not timid['zero_gradient'].any()


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


def test_a_given_start_replaces_the_random_one():
  attack, _ = toys.ATTACKS['lowkey_ball']
  images = 0.5 + 0 * toys.images(2)
  start = np.full_like(images, 2 / 255)
  state = jax.jit(attack.init)([toys.params()], RNG, images, start=start)
  np.testing.assert_allclose(state.adv_images, images + start, rtol=1e-6)


def test_pictures_of_the_same_pixels_elsewhere_start_elsewhere():
  images = np.concatenate([IMAGES[:1], IMAGES[:1, :, ::-1], IMAGES[:1]])
  attack = attacks.pgd([_round_the_circle], num_steps=1)
  state = jax.jit(attack.init)([jnp.float32(0)], RNG, images)
  noise = np.round((state.variable - images) * 255, 3)
  np.testing.assert_array_equal(noise[0], noise[2])
  assert (noise[0] != noise[1]).mean() > 0.9


def test_a_grey_cloak_follows_the_mean_of_the_channels():
  # Red does not count and green is worth less than blue: down with them all.
  weights = jnp.array([0.0, 1.0, -2.0])
  objective = objectives.Objective(
    lambda *_: (), lambda params, _, x, rngs: jnp.sum(x @ weights, (1, 2))
  )
  attack = attacks.gradient_attack(
    objective,
    constraints.linf_ball(0.1),
    optax.sgd(3 / 255),
    num_steps=1,
  )
  grey = np.full((1, 2, 2, 3), 100 / 255, np.float32)
  adv_images, _ = attacks.run(attack, [], RNG, grey)
  # The mean gradient is -1/3, the step 3 levels.
  np.testing.assert_allclose(adv_images * 255, 99, rtol=1e-6)


def test_luminance_only_can_be_forced_and_forbidden():
  images, params = toys.images(2), [toys.params()]
  for forced in (True, False):
    attack = attacks.pgd([toys.embed_fn], num_steps=2, luminance_only=forced)
    adv_images, _ = attacks.run(attack, params, RNG, images)
    change = np.asarray(adv_images - images)
    inside = (images > 0.1).all(-1) & (images < 0.9).all(-1)  # not clipped
    one_channel = np.ptp(change, -1)[inside].max() < 1e-6
    assert one_channel == forced


def test_an_ensemble_is_attacked_together():
  both = attacks.pgd([toys.embed_fn] * 2, epsilon=toys.EPSILON, num_steps=4)
  params = [toys.params(0), toys.params(1)]
  images = toys.images()
  _, info = attacks.run(both, params, RNG, images)
  assert (info['score'] > info['start_score']).all()


def test_restarts_are_never_worse_than_one_start():
  images, params = toys.images(4), [toys.params()]
  scores = []
  for restarts in (1, 3):
    attack = attacks.pgd(
      [toys.embed_fn], epsilon=toys.EPSILON, num_steps=3, restarts=restarts
    )
    assert attack.num_steps == restarts * 4 - 1
    _, info = attacks.run(attack, params, RNG, images)
    scores.append(info['score'])
  assert (scores[1] >= scores[0] - 1e-4).all()
  assert (scores[1] > scores[0]).any()


def test_another_start_begins_near_the_picture_again():
  images, params = toys.images(2), [toys.params()]
  attack = attacks.pgd(
    [toys.embed_fn], epsilon=toys.EPSILON, num_steps=3, restarts=2
  )
  state, step, far = attack.init(params, RNG, images), jax.jit(attack.step), []
  for _ in range(attack.num_steps):
    state = step(params, state)
    far.append(float(jnp.abs(state.adv_images - images).max()))
  # The start's noise is a quarter of the ball; steps lead to its border.
  near = toys.EPSILON / 4 + 1e-6
  assert far[3] <= near < min(far[:3] + far[4:])


def test_transforms_in_the_loop_make_a_cloak_survive_them():
  images, params = toys.images(4), [toys.params()]
  blur = lambda rngs, x: perceptual.gaussian_blur(x)
  displacement = objectives.displacement([toys.embed_fn])
  seen = {}
  for name, objective in (
    ('plain', displacement),
    ('expected', objectives.expectation(displacement, [blur])),
  ):
    attack = attacks.gradient_attack(
      objective,
      constraints.linf_ball(toys.EPSILON),
      optax.sign_sgd(toys.EPSILON / 4),
      num_steps=8,
      start_noise=toys.EPSILON / 4,
    )
    adv_images, _ = attacks.run(attack, params, RNG, images)
    reference = displacement.reference(params, images, None)
    blurred = perceptual.gaussian_blur(adv_images)
    seen[name] = displacement.distance(params, reference, blurred, None)
  assert (seen['expected'] > seen['plain']).all()
