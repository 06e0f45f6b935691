import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import toy_network

from fr_poison.training import heads, step

HEAD = heads.softmax()
RNG = jax.random.key(3)


def _linear_state(optimizer, ema=False):
  """Pictures of one pixel, times 1, against two classes without weights."""
  network = {'params': {'scale': jnp.ones(3)}}
  head = {'kernel': jnp.zeros((3, 2)), 'bias': jnp.zeros(2)}
  return step.create(network, head, optimizer, ema=ema)


def _linear(variables, images):
  return images[:, 0, 0] * variables['params']['scale'], {}


def _pixels(*rgb, mask=None):
  images = np.asarray(rgb, np.float32)[:, None, None]
  count = len(images)
  return {
    'images': images,
    'labels': np.arange(count, dtype=np.int32) % 2,
    'mask': np.ones(count, np.float32) if mask is None else np.array(mask),
    'position': np.arange(count, dtype=np.int32),
  }


def _toy_state(optimizer, head=HEAD, norm=False, ema=False, num_classes=3):
  params = head.init(jax.random.key(1), 6, num_classes)
  return step.create(toy_network.init(norm), params, optimizer, ema=ema)


def _close(actual, expected, **tolerance):
  tolerance = {'rtol': 1e-5, 'atol': 1e-6} | tolerance
  assert jax.tree.structure(actual) == jax.tree.structure(expected)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, **tolerance), actual, expected
  )


def _differ(a, b):
  return any(
    not np.allclose(x, y)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
  )


@pytest.mark.parametrize('smoothing', [0.0, 0.5])
def test_one_step_by_hand(smoothing):
  optimizer = optax.sgd(0.5)
  run = step.make_train_step(
    _linear, HEAD, optimizer, label_smoothing=smoothing
  )
  batch = _pixels([0.4, 0.8, 0.0], [0.4, 0.0, 0.2])
  state, sums = run(_linear_state(optimizer), batch, RNG)
  # All logits are 0, so both classes have 1/2, and d loss / d logits is
  # (1/2, 1/2) less the label: (-1/2, 1/2) for the first picture, (1/2, -1/2)
  # for the second, half of that where half of the label is shared. The
  # kernel's gradient is the mean of x_i (-1/2) + x_j (1/2), its first column:
  # ((.4, 0, .2) - (.4, .8, 0)) / 2 / 2 = (0, -.2, .05).
  size = 1 - smoothing
  column = -0.5 * size * np.array([0, -0.2, 0.05])
  kernel = np.stack([column, -column], 1)
  np.testing.assert_allclose(
    state.params['head']['kernel'], kernel, rtol=1e-6, atol=1e-8
  )
  # The bias's gradients cancel out; the scale's are those of a zero kernel.
  np.testing.assert_allclose(state.params['head']['bias'], 0, atol=1e-8)
  np.testing.assert_array_equal(state.params['extractor']['scale'], 1)
  # Of equal logits the first is the answer: one of two is right.
  expected = {'loss': 2 * np.log(2), 'correct': 1, 'count': 2}
  _close(sums, expected)
  assert int(state.step) == 1


def test_the_average_by_hand():
  optimizer = optax.sgd(0.5)
  run = step.make_train_step(_linear, HEAD, optimizer, ema_decay=0.75)
  state, _ = run(
    _linear_state(optimizer, ema=True), _pixels([0.4, 0.8, 0.0]), RNG
  )
  # From 0 a quarter of the way to the new kernel, which is
  # -.5 * (.4, .8, 0) * (-1/2, 1/2).
  new = np.outer([0.4, 0.8, 0.0], [0.25, -0.25])
  _close(state.params['head']['kernel'], new)
  _close(state.ema['head']['kernel'], new / 4)
  # What the network's users get is the average.
  state = state.replace(ema=jax.tree.map(lambda x: x + 5, state.ema))
  assert float(step.variables(state)['params']['scale'][0]) == 6
  evaluate = step.make_eval_step(
    lambda params, images: _linear(params, images)[0], HEAD
  )
  batch = _pixels([0.4, 0.8, 0.0], [0.2, 0.0, 0.2])
  # The average's columns differ by 2 * .25 / 4 (.4, .8, 0), pixels are taken
  # times 6; its biases, which went the same way, by 2 * .25 / 4.
  gap = 0.75 * (batch['images'][:, 0, 0] @ [0.4, 0.8, 0.0]) + 0.125
  losses = np.log1p(np.exp(gap * [-1, 1]))
  _close(
    evaluate(state, batch), {'loss': losses.sum(), 'correct': 1, 'count': 2}
  )


@pytest.mark.parametrize('name', ['softmax', 'triplet'])
def test_masked_rows_change_nothing(name):
  head, optimizer = heads.make(name), optax.sgd(0.5)
  state = _toy_state(optimizer, head)
  run = jax.jit(
    step.make_train_step(toy_network.plain_train_fn, head, optimizer, flip=0.5)
  )
  batch = toy_network.batch(4, num_people=2)
  results = []
  for seed in (1, 2):
    fill = toy_network.batch(3, seed=seed)
    fill |= {'mask': np.zeros(3, np.float32), 'position': fill['position'] + 4}
    fill['labels'] = fill['labels'] * 0 + seed  # a wrong one, to be seen
    both = {k: np.concatenate([batch[k], fill[k]]) for k in batch}
    results.append(run(state, both, RNG))
  _close(*results, rtol=0, atol=0)
  _close(results[0], run(state, batch, RNG))
  assert _differ(state.params, results[0][0].params)


def test_mirror_images_are_drawn_by_position_and_step():
  def train_fn(variables, images):
    # What was seen comes back in place of statistics.
    scale = variables['params']['scale']
    return images[:, 0, 0] * scale, {'first_column': images[:, 0, 0, 0]}

  optimizer = optax.sgd(0.5)
  run = jax.jit(step.make_train_step(train_fn, HEAD, optimizer, flip=0.5))
  batch = _pixels(*np.zeros((64, 3)))
  # Dark on the left, bright on the right: mirrored ones begin bright.
  batch['images'] = np.tile(np.float32([[[0] * 3, [1] * 3]]), (64, 1, 1, 1))
  turned = jax.tree.map(lambda rows: np.roll(rows, 8, 0), batch)
  state = _linear_state(optimizer)
  seen = lambda state, batch, rng=RNG: np.asarray(
    run(state, batch, rng)[0].batch_stats['first_column']
  )
  first = seen(state, batch)
  assert 16 < first.sum() < 48
  np.testing.assert_array_equal(seen(state, turned), np.roll(first, 8))
  assert (seen(state.replace(step=state.step + 1), batch) != first).any()
  assert (seen(state, batch, jax.random.key(4)) != first).any()


def test_micro_batches_add_up():
  optimizer = optax.sgd(0.5, momentum=0.9)
  state, results = _toy_state(optimizer), []
  batch = toy_network.batch(5)
  batch['mask'] = np.array([1, 1, 1, 0, 1], np.float32)
  for number in (1, 2, 8):  # 2 does not divide 5, 8 would leave parts empty
    run = step.make_train_step(
      toy_network.plain_train_fn,
      HEAD,
      optimizer,
      flip=0.5,
      num_micro_batches=number,
    )
    results.append(jax.jit(run)(state, batch, RNG))
  for result in results[1:]:
    _close(result, results[0])
  assert _differ(results[0][0].params, state.params)


def test_micro_batches_save_memory():
  optimizer, memory = optax.sgd(0.5), []
  for number in (1, 4):
    run = step.make_train_step(
      toy_network.plain_train_fn, HEAD, optimizer, num_micro_batches=number
    )
    lowered = jax.jit(run).lower(
      _toy_state(optimizer), toy_network.batch(256), RNG
    )
    memory.append(lowered.compile().memory_analysis().temp_size_in_bytes)
  assert memory[1] < memory[0] / 2


def test_a_micro_batch_updates_the_statistics_of_batch_norm():
  optimizer = optax.sgd(0.0)
  state = _toy_state(optimizer, norm=True)
  whole, halved = (
    jax.jit(
      step.make_train_step(
        toy_network.normed_train_fn(), HEAD, optimizer, num_micro_batches=number
      )
    )
    for number in (1, 2)
  )
  batch = toy_network.batch(4)
  two = halved(state, batch, RNG)[0].batch_stats
  halves = (
    jax.tree.map(lambda x: x[::2], batch),
    jax.tree.map(lambda x: x[1::2], batch),
  )
  # With a momentum of 1/2: (start + first) / 2, then half-way to the second.
  start = state.batch_stats
  first, second = (whole(state, h, RNG)[0].batch_stats for h in halves)
  # Each is (start + half) / 2.
  expected = jax.tree.map(
    lambda s, a, b: a / 2 + (b - s / 2), start, first, second
  )
  _close(two, expected)
  assert _differ(two, start)


def test_a_step_copies_what_it_is_given():
  network = toy_network.init()
  optimizer = optax.adam(1e-2)
  state = step.create(network, HEAD.init(RNG, 6, 3), optimizer, ema=True)
  run = jax.jit(
    step.make_train_step(
      toy_network.normed_train_fn(), HEAD, optimizer, ema_decay=0.9
    ),
    donate_argnums=0,
  )
  after, _ = run(state, toy_network.batch(), RNG)
  leaves = jax.tree.leaves((state.params, state.ema, state.opt_state))
  assert all(leaf.is_deleted() for leaf in leaves)
  jax.tree.map(np.asarray, network)  # still there
  assert set(step.variables(after)) == {'params', 'batch_stats'}
