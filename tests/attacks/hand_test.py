"""Cases small enough to follow on paper, and bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import toys

from fr_poison import attacks
from fr_poison.attacks import (
  constraints,
  gradient,
  objectives,
  optimizers,
  perceptual,
  targets,
)
from fr_poison.types import InputError

RNG = jax.random.key(0)


def _toward(target):
  """(x - t)^2 per pixel, summed, to be made small: no network needed."""

  def distance(params, reference, adv_images, rngs):
    return jnp.sum((adv_images - target) ** 2, (1, 2, 3))

  return objectives.Objective(lambda *args: (), distance, sign=-1.0)


def _two_pixels(a, b):
  return jnp.repeat(jnp.array([a, b]).reshape(1, 1, 2, 1), 3, -1)


def test_two_pixels_stop_at_the_ball_and_at_the_target():
  # x = (100, 200) / 255, t = (110, 202) / 255, epsilon = 4 / 255, steps of
  # 1 / 255 by the gradient's sign. The first pixel wants to go up by 10 and
  # stops at the ball, 104; the second one reaches 202 after two steps, where
  # its gradient is 0 and sign(0) = 0, so it stays.
  images = _two_pixels(100 / 255, 200 / 255)
  attack = gradient.gradient_attack(
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

  signs = gradient.gradient_attack(
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
  attack = gradient.gradient_attack(
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
  attack = gradient.gradient_attack(
    _toward(_two_pixels(1.0, 0.0)),
    constraints.linf_ball(2.6 / 255),
    optax.sgd(1e9),
    num_steps=1,
  )
  adv_images, _ = attacks.run(attack, [], RNG, images)
  np.testing.assert_allclose(adv_images[0, 0, :, 0] * 255, [102, 98], rtol=1e-6)


@pytest.mark.parametrize('epsilon', [1, 2, 4, 8, 10, 15])
def test_a_budget_of_whole_levels_can_be_used_up(epsilon):
  levels = np.arange(256)
  images = jnp.float32(levels).reshape(1, 16, 16, 1).repeat(3, -1) / 255
  ball = constraints.linf_ball(epsilon / 255)
  for way in (-1, 1):
    codes = ball.project_codes(images * 255 + 99 * way, images)
    expected = np.clip(levels + way * epsilon, 0, 255)
    np.testing.assert_array_equal(codes[0, ..., 0].reshape(-1), expected)


def test_the_l2_ball_moves_only_what_lies_outside():
  # (3, 4) / 10 has norm .5.
  images = jnp.full((1, 1, 2, 1), 0.5)
  moved = images + jnp.array([0.3, 0.4]).reshape(images.shape)
  for epsilon, share in ((0.6, 1.0), (0.5, 1.0), (0.25, 0.5)):
    found = constraints.l2_ball(epsilon).project(moved, images)
    expected = images + share * (moved - images)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_dssim_above_its_budget_costs_the_square_of_the_excess():
  images = toys.images(2)
  other = np.clip(images + np.float32(0.2), 0, 1)
  free = constraints.dssim_penalty(
    constraints.linf_ball(1.0), budget=0.9, weight=10.0
  )
  assert not free.measure((), other, images)[0].any()
  dssim = perceptual.dssim(other, images)
  tight = constraints.dssim_penalty(
    constraints.linf_ball(1.0), budget=1e-3, weight=10.0
  )
  penalty, terms = tight.measure((), other, images)
  np.testing.assert_allclose(penalty, 10 * (dssim - 1e-3) ** 2, rtol=1e-5)
  np.testing.assert_allclose(terms['dssim'], dssim, rtol=1e-6)


def test_fawkes_takes_iterates_up_to_a_tenth_over_its_budget():
  attack = attacks.fawkes([toys.embed_fn], dssim_budget=0.01)
  terms = {
    'dssim': jnp.array([0.0099, 0.0109, 0.0111]),
    'feature_distance': jnp.array([1.0, 2.0, 3.0]),
  }
  rank = attack.step.__self__.rank(terms)
  np.testing.assert_array_equal(rank, [1, 2, -np.inf])


def test_a_tight_dssim_budget_makes_a_fawkes_cloak_less_visible():
  images, params = toys.images(3), [toys.params()]
  dssim = []
  for budget in (0.5, 0.001):
    attack = attacks.fawkes(
      [toys.embed_fn],
      version='plain',
      epsilon=40 / 255,
      num_steps=8,
      dssim_budget=budget,
      dssim_weight=1e6,
    )
    adv_images, _ = attacks.run(
      attack, params, RNG, images, targets=toys.TARGET
    )
    dssim.append(perceptual.dssim(adv_images, images).mean())
  assert dssim[1] < 0.5 * dssim[0]


def test_displacement_is_zero_at_the_picture_and_four_at_the_opposite():
  flat = lambda params, images: images.reshape(len(images), -1) - 0.5
  objective = objectives.displacement([flat])
  images = jnp.full((1, 2, 2, 3), 0.75)
  reference = objective.reference([None], images, None)
  distance = lambda x: objective.distance([None], reference, x, None)
  assert distance(images)[0] == pytest.approx(0)
  # From (.25, ...) to (-.25, ...): unit vectors u and -u, |2u|^2 = 4.
  np.testing.assert_allclose(distance(1 - images), 4, rtol=1e-5)


def test_farthest_target_is_the_centroid_of_the_least_similar_person():
  user = np.array([[1.0, 0.0], [0.9, 0.1]])
  others = np.array([[0.0, 2.0], [0.0, 1.0], [-3.0, 0.1], [-1.0, -0.1]])
  labels = np.array([5, 5, 7, 7])
  # Unit vectors of person 7: about (-1, .03) and (-.995, -.0995).
  target = attacks.farthest_target(user, others, labels)
  unit = others[2:] / np.linalg.norm(others[2:], axis=1, keepdims=True)
  mean = unit.mean(0)
  np.testing.assert_allclose(target, mean / np.linalg.norm(mean))


def test_the_target_is_farthest_on_the_sphere_whatever_a_persons_spread():
  user = np.array([[1.0, 0.0]])
  # Person 0 is at 100 degrees. Person 1 is at 110, with pictures 80 degrees to
  # both sides: the mean is short, and nearer to the user than person 0 unless
  # it is made a unit vector again.
  turn = lambda *degrees: np.array(
    [[np.cos(np.radians(d)), np.sin(np.radians(d))] for d in degrees]
  )
  others = np.concatenate([turn(100, 100), turn(30, 190)])
  target = attacks.farthest_target(user, others, np.array([0, 0, 1, 1]))
  np.testing.assert_allclose(target, turn(110)[0])


@pytest.mark.parametrize('epsilon', [0, -0.1, 8, float('nan')])
@pytest.mark.parametrize('make', [attacks.pgd, attacks.lowkey, attacks.fawkes])
def test_epsilon_must_be_in_pixel_units(make, epsilon):
  with pytest.raises(InputError, match='epsilon: .* outside'):
    make([toys.embed_fn], epsilon=epsilon)


def _saved_in_l2(epsilon, levels):
  """Which of twelve values, 100 at first, move by how many whole levels."""
  images = jnp.full((1, 2, 2, 3), 100 / 255)
  change = jnp.zeros(12).at[: len(levels)].set(jnp.array(levels))
  ball = constraints.l2_ball(epsilon / 255)
  codes = ball.project_codes(100 + change.reshape(images.shape), images)
  return (codes.reshape(-1) - 100).astype(int).tolist()[: len(levels)]


def test_the_l2_ball_spends_its_whole_levels_where_they_count_most():
  # (1, .4, .3) has norm 1.118. Plain rounding keeps (1, 0, 0), and a second
  # level would make the norm 1.414: too long for the change that was asked.
  assert _saved_in_l2(2, [1, 0.4, 0.3]) == [1, 0, 0]
  # (.4, .3 nine times) has norm .985, and is nothing when rounded. A whole
  # level has norm 1: more than was asked, so nothing remains ...
  assert _saved_in_l2(1, [0.4] + [0.3] * 9) == [0] * 10
  # ... but 1.02 times as much, norm 1.005, affords one: the largest value's.
  assert _saved_in_l2(1, [0.408] + [0.306] * 9) == [1] + [0] * 9
  # (3, 4) is cut to the ball of radius 2.5: exactly (1.5, 2), which rounds to
  # (2, 2), norm 2.83, too long; scaled by less than 1 it becomes (1, 2).
  assert _saved_in_l2(2.5, [1.5, 2.0]) == [1, 2]


def test_steps_of_each_optimizer_on_two_pixels():
  # Gradient (3, 4): 'sign' in L2 goes along (.6, .8), in L-infinity (1, 1).
  grads = jnp.array([3.0, 4.0]).reshape(1, 1, 2, 1)
  for norm, expected in (('l2', [-0.6, -0.8]), ('linf', [-1, -1])):
    step = optimizers.make('sign', norm, 1.0)
    updates, _ = step.update(grads, step.init(grads), grads)
    np.testing.assert_allclose(updates.reshape(-1), expected, rtol=1e-6)
  # Momentum sums gradients over their L1 norms: (3, 4) / 7 + (-4, 3) / 7 =
  # (-1, 7) / 7, whose unit vector is (-1, 7) / sqrt(50).
  step = optimizers.make('momentum', 'l2', 1.0)
  _, state = step.update(grads, step.init(grads), grads)
  turned = jnp.array([-4.0, 3.0]).reshape(grads.shape)
  updates, _ = step.update(turned, state, grads)
  np.testing.assert_allclose(
    updates.reshape(-1), np.array([1, -7]) / 50**0.5, rtol=1e-6
  )


def test_the_kick_comes_once_and_empties_the_optimizer():
  # Plain momentum .5, rate 1, gradients 4: first -4 and the kick -.1; then the
  # memory is empty again, so -4 once more; then -(4 + .5 * 4) = -6.
  step = optimizers.kicked(optax.sgd(1.0, momentum=0.5), 0.1)
  grads, moves = jnp.full((1, 1, 1, 1), 4.0), []
  state = step.init(grads)
  for _ in range(3):
    updates, state = step.update(grads, state, grads)
    moves.append(float(updates[0, 0, 0, 0]))
  np.testing.assert_allclose(moves, [-4.1, -4, -6], rtol=1e-6)


def test_feature_shift_is_one_step_towards_the_most_similar_candidate():
  # f(x) = x - .5 on two pixels' red: f = (.1, .3). Candidates (0, 1), (1, 0),
  # (-1, 0) have cosines .95, .32, -.32: the first. The distance of unit
  # vectors to it falls fastest along (-.3, .1), by symmetry of the circle; the
  # largest change is alpha, so (-.06, +.02).
  red = lambda params, images: images[..., 0].reshape(len(images), -1) - 0.5
  images = jnp.full((1, 1, 2, 3), 0.5).at[0, 0, :, 0].set(jnp.array([0.6, 0.8]))
  attack = attacks.feature_shift([red], alpha=0.06)
  candidates = [jnp.array([[1.0, 0], [0, 1], [-1, 0]])]
  state = jax.jit(attack.init)([None], RNG, images, targets=candidates)
  state = jax.jit(attack.step)([None], state)
  np.testing.assert_allclose(
    state.adv_images[0, 0, :, 0], [0.54, 0.82], rtol=1e-5
  )


def test_protected_set_leaves_the_most_similar_identity():
  # The same picture; away from (0, 1), along (.3, -.1) / .316, by epsilon.
  red = lambda params, images: images[..., 0].reshape(len(images), -1) - 0.5
  images = jnp.full((1, 1, 2, 3), 0.5).at[0, 0, :, 0].set(jnp.array([0.6, 0.8]))
  attack = attacks.protected_set(
    [red], epsilon=0.01, num_steps=1, learning_rate=0.01
  )
  candidates = [jnp.array([[1.0, 0], [0, 1], [-1, 0]])]
  state = jax.jit(attack.init)([None], RNG, images, targets=candidates)
  state = jax.jit(attack.step)([None], state)
  expected = [0.6 + 0.01 * 0.3 / 0.1**0.5, 0.8 - 0.01 * 0.1 / 0.1**0.5]
  np.testing.assert_allclose(state.adv_images[0, 0, :, 0], expected, rtol=1e-5)


def test_the_target_person_is_drawn_from_the_farthest():
  user = [np.array([[0.0, 0.0], [4.0, 0.0]])]
  others = [np.array([[1.0, 0], [3.0, 0], [9.0, 0], [0, 6.0], [0, 8.0]])]
  labels = np.array([3, 3, 5, 7, 7])
  # Two who are too near, so that half of the people are three.
  others = [np.concatenate([others[0], [[0, 1.0], [4.0, 1.0], [1.0, 1.0]]])]
  labels = np.append(labels, [8, 9, 10])
  # Centroids (2, 0), (9, 0), (0, 7); nearest user picture: 2, 5, 7 away.
  choose = lambda n, seed: targets.choose_person(
    user, others, labels, seed=[seed], num_farthest=n
  )
  assert choose(1, 0) == 7
  assert {choose(2, seed) for seed in range(20)} == {5, 7}
  # Of 6 people never one of the nearer half.
  assert {choose(20, seed) for seed in range(40)} == {3, 5, 7}
  with pytest.raises(InputError, match='others: no people'):
    targets.choose_person(user, [np.zeros((0, 2))], np.array([]), seed=[0])


def test_fawkes_03_shifts_each_embedding_by_twice_the_way_between_centroids():
  own, target = np.array([[0.0, 0], [2.0, 4]]), np.array([[5.0, 2.0]])
  # Centroids (1, 2) and (5, 2): every picture moves by (8, 0).
  np.testing.assert_array_equal(targets.shifted(own, target), own + [8, 0])


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
    (lambda x: [x[0], x[1, :20]], 'images: a list'),
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
  # Where the network cannot take them, the order is the likely mistake.
  wide = lambda params, images: images.reshape(len(images), -1) @ params
  mixed = attacks.pgd([toys.embed_fn, wide])
  with pytest.raises(TypeError) as caught:
    attacks.run(mixed, [jnp.ones((3072, 2)), toys.params()], RNG, images)
  (note, *_) = caught.value.__notes__
  assert note.startswith('Raised by embed_fns[0]') and 'in the order' in note
  attack, _ = toys.ATTACKS['fawkes_plain']
  with pytest.raises(InputError, match='targets: .* one array'):
    attacks.run(attack, [toys.params()], RNG, images)


@pytest.mark.parametrize(
  'make, settings, message',
  [
    (attacks.fawkes, {'version': '2.0'}, "version: '2.0' is unknown"),
    (attacks.fawkes, {'mode': 'ultra'}, "mode: 'ultra' .* low, mid, high"),
    (attacks.fawkes, {'version': '0.3', 'mode': 'x'}, 'min, low, mid, high'),
    (attacks.fawkes, {'dssim_budget': 0}, 'dssim_budget: 0 is outside'),
    (attacks.lowkey, {'ensemble': 'both'}, 'intended, as_released'),
    (attacks.lowkey, {'learning_rate': None}, 'needs an epsilon'),
    (attacks.lowkey, {'lpips_weight': -1}, 'lpips_weight: -1 is outside'),
    (attacks.pgd, {'norm': 'l1'}, "norm: 'l1' is unknown"),
    (attacks.pgd, {'optimizer': 'lbfgs'}, 'sign, momentum, adam'),
    (attacks.pgd, {'restarts': 0}, 'restarts: 0'),
    (attacks.feature_shift, {'alpha': 2}, 'alpha: 2 is outside'),
    (attacks.protected_set, {'epsilon': -1}, 'epsilon: -1 is outside'),
  ],
)
def test_settings_out_of_range_name_themselves(make, settings, message):
  with pytest.raises(InputError, match=message):
    make([toys.embed_fn], **settings)
