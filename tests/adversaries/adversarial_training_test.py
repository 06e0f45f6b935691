import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import toy_network

from fr_poison.adversaries import adversarial_training
from fr_poison.attacks.objectives import normalize
from fr_poison.training import heads, parallel, step
from fr_poison.types import InputError

HEAD, RNG = heads.softmax(), jax.random.key(3)
EPSILON = 8 / 255


def _state(optimizer=None, norm=False):
  optimizer = optimizer or optax.sgd(0.5)
  head = HEAD.init(jax.random.key(1), 6, 3)
  return step.create(toy_network.init(norm), head, optimizer)


def _attack(**settings):
  settings = {'epsilon': EPSILON, 'num_steps': 3} | settings
  return adversarial_training.make_attack(
    toy_network.embed_fn, HEAD, **settings
  )


def test_one_step_on_a_linear_network_by_hand():
  # The one pixel's channels are the embedding; class 1's logit less class 0's
  # is (2, -1, 3) x.
  kernel = jnp.array([[0.0, 2.0], [0.0, -1.0], [0.0, 3.0]])
  head = {'kernel': kernel, 'bias': jnp.zeros(2)}
  state = step.create({'params': {'w': jnp.eye(3)}}, head, optax.sgd(0.1))
  images = np.float32([[0.5, 0.4, 0.3], [0.5, 0.4, 0.3], [0.95, 0.05, 0.9]])
  batch = {'images': images[:, None, None], 'labels': np.array([0, 1, 0])}
  embed = lambda variables, images: images[:, 0, 0] @ variables['params']['w']
  attack = adversarial_training.make_attack(
    embed, HEAD, goal='loss', epsilon=0.1, num_steps=1
  )
  # Up for label 0, where class 1 must win, down for label 1; inside [0, 1].
  expected = [[0.6, 0.3, 0.4], [0.4, 0.5, 0.2], [1.0, 0.0, 1.0]]
  found = jax.jit(attack)(state, batch, RNG)
  np.testing.assert_allclose(found[:, 0, 0], expected, rtol=1e-6)


@pytest.mark.parametrize('goal', ['features', 'loss'])
def test_more_steps_stay_in_the_ball_and_reach_their_goal(goal):
  state, batch = _state(), toy_network.batch(5)
  attacked = jax.jit(_attack(goal=goal))(state, batch, RNG)
  move = np.abs(np.asarray(attacked) - batch['images'])
  assert move.max() <= EPSILON + 1e-6
  assert (move.max((1, 2, 3)) > 0.9 * EPSILON).all()
  assert attacked.min() >= 0 and attacked.max() <= 1
  # Against random signs of the same size: several times as far.
  signs = np.random.default_rng(0).choice([-1, 1], batch['images'].shape)
  noisy = np.clip(batch['images'] + EPSILON * signs, 0, 1)
  embed = lambda images: toy_network.embed_fn(
    step.variables(state), jnp.asarray(images, jnp.float32)
  )
  if goal == 'features':
    own = normalize(embed(batch['images']))
    gain = lambda images: jnp.sum((normalize(embed(images)) - own) ** 2, -1)
  else:
    loss = lambda images: HEAD.losses(
      state.params['head'], embed(images), batch['labels']
    )
    gain = lambda images: loss(images) - loss(batch['images'])
  assert (gain(attacked) > 3 * np.abs(gain(noisy))).all()


def test_the_network_as_it_is_now_is_attacked_not_its_average():
  state, batch = _state(), toy_network.batch(5)
  averaged = state.replace(ema=jax.tree.map(lambda x: x[::-1], state.params))
  attack = jax.jit(_attack(num_steps=1))
  np.testing.assert_array_equal(
    attack(averaged, batch, RNG), attack(state, batch, RNG)
  )


def test_a_share_is_attacked_drawn_by_position_and_step():
  attack = lambda state, batch, rng: batch['images'] + 1
  seen = lambda state, batch, rng: (state, batch['images'][:, 0, 0, 0])
  state, count = _state(), 400
  batch = {'images': np.zeros((count, 1, 1, 1)), 'position': np.arange(count)}
  wrap = adversarial_training.wrap_with_attack
  run = lambda state, batch, share=0.25, rng=RNG: np.asarray(
    wrap(seen, attack, share)(state, batch, rng)[1]
  )
  first = run(state, batch)
  assert 60 < first.sum() < 140  # 100, standard deviation 9
  turned = jax.tree.map(lambda rows: np.roll(rows, 8, 0), batch)
  np.testing.assert_array_equal(run(state, turned), np.roll(first, 8))
  later = state.replace(step=state.step + 1)
  assert (run(later, batch) != first).any()
  assert (run(state, batch, rng=jax.random.key(4)) != first).any()
  assert run(state, batch, share=1.0).all()


def test_four_devices_do_what_one_does():
  # Adam would make much of a gradient's last digit; with batch norm, the
  # attack uses the running statistics.
  optimizer = optax.sgd(0.5)

  def make(axis_name):
    train_step = step.make_train_step(
      toy_network.normed_train_fn(axis_name),
      HEAD,
      optimizer,
      flip=0.5,
      axis_name=axis_name,
    )
    return adversarial_training.wrap_with_attack(train_step, _attack())

  batch = toy_network.batch(8)
  expected, expected_sums = jax.jit(make(None))(
    _state(optimizer, norm=True), batch, RNG
  )
  state, sums = parallel.train_step(make(parallel.AXIS))(
    _state(optimizer, norm=True), parallel.shard(batch), RNG
  )
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5),
    (state, sums),
    (expected, expected_sums),
  )


def test_what_cannot_be_attacked_is_refused():
  make, triplet = adversarial_training.make_attack, heads.triplet()
  wrap = adversarial_training.wrap_with_attack
  for message, call in (
    ("goal: 'logits' is unknown", lambda: _attack(goal='logits')),
    ("goal: 'loss' needs", lambda: make(None, triplet, goal='loss')),
    ('epsilon: 8 ', lambda: _attack(epsilon=8)),
    ('epsilon: nan', lambda: _attack(epsilon=np.nan)),
    ('num_steps: 0', lambda: _attack(num_steps=0)),
    ('learning_rate: 0', lambda: _attack(learning_rate=0)),
    ('learning_rate: inf', lambda: _attack(learning_rate=np.inf)),
    ('share: 0 ', lambda: wrap(None, None, 0)),
    ('share: 1.1', lambda: wrap(None, None, 1.1)),
    ('share: nan', lambda: wrap(None, None, np.nan)),
  ):
    with pytest.raises(InputError, match=f'^{message}'):
      call()
  make(None, triplet)  # features need no classes
