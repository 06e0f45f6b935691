"""Four devices against one, and pmap against its shard_map twin."""

import warnings

import jax
import numpy as np
import optax
import pytest
import toy_network
from jax.sharding import Mesh, PartitionSpec

from fr_poison.training import heads, parallel, step
from fr_poison.types import InputError

HEAD, OPTIMIZER, RNG = heads.softmax(), optax.sgd(0.5), jax.random.key(3)


def _state(norm):
  params = HEAD.init(jax.random.key(1), 6, 3)
  return step.create(toy_network.init(norm), params, OPTIMIZER, ema=True)


def _make(norm, axis_name=None):
  train_fn = toy_network.plain_train_fn
  if norm:
    train_fn = toy_network.normed_train_fn(axis_name)
  return step.make_train_step(
    train_fn, HEAD, OPTIMIZER, flip=0.5, ema_decay=0.5, axis_name=axis_name
  )


def _close(actual, expected, **tolerance):
  tolerance = {'rtol': 1e-4, 'atol': 1e-6} | tolerance
  assert jax.tree.structure(actual) == jax.tree.structure(expected)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, **tolerance), actual, expected
  )


@pytest.mark.parametrize('norm', [False, True])
def test_four_devices_do_what_one_does(norm):
  one, four = jax.jit(_make(norm)), parallel.train_step(_make(norm, 'batch'))
  # Batch norm sees fillings; without it, a batch of 5 is as good as one of 8.
  count = 8 if norm else 5
  expected, state = _state(norm), _state(norm)
  for seed in (0, 1):
    batch = toy_network.batch(count, seed=seed)
    batch['mask'][1] = 0
    expected, expected_sums = one(expected, batch, RNG)
    state, sums = four(state, parallel.shard(batch), RNG)
    _close(sums, expected_sums)
  _close(state, expected)
  assert float(sums['count']) == count - 1


def test_replicas_stay_equal_and_a_shard_map_agrees():
  run = _make(True, parallel.AXIS)
  batch, state = parallel.shard(toy_network.batch()), _state(True)
  # out_axes=0 shows each device's own result; None would show the first's.
  stacked, _ = jax.pmap(run, parallel.AXIS, in_axes=(None, 0, None))(
    state, batch, RNG
  )
  for leaf in jax.tree.leaves(stacked):
    np.testing.assert_array_equal(leaf, np.broadcast_to(leaf[:1], leaf.shape))
  mesh = Mesh(np.array(jax.devices()), (parallel.AXIS,))
  whole, split = PartitionSpec(), PartitionSpec(parallel.AXIS)

  # With check_vma, gradients of a replicated state would be summed already.
  twin = jax.shard_map(
    lambda state, batch, rng: run(
      state, jax.tree.map(lambda rows: rows[0], batch), rng
    ),
    mesh=mesh,
    in_specs=(whole, split, whole),
    out_specs=whole,
    check_vma=False,
  )
  expected, sums = jax.jit(twin)(state, batch, RNG)
  _close(jax.tree.map(lambda leaf: leaf[0], stacked), expected)
  actual, actual_sums = parallel.train_step(run)(state, batch, RNG)
  _close(actual, expected)
  _close(actual_sums, sums)


def test_replicas_differ_where_the_sum_over_devices_is_forgotten():
  # So the test above can fail.
  stacked, _ = jax.pmap(_make(False), 'batch', in_axes=(None, 0, None))(
    _state(False), parallel.shard(toy_network.batch()), RNG
  )
  kernel = np.asarray(stacked.params['head']['kernel'])
  assert not np.allclose(kernel[0], kernel[1])


def test_evaluation_on_four_devices_is_that_on_one():
  one = jax.jit(step.make_eval_step(toy_network.embed_fn, HEAD))
  four = parallel.eval_step(
    step.make_eval_step(toy_network.embed_fn, HEAD, axis_name=parallel.AXIS)
  )
  state, batch = _state(True), toy_network.batch(6)
  _close(four(state, parallel.shard(batch)), one(state, batch))


def test_the_state_is_used_up_and_lies_on_all_devices():
  run = parallel.train_step(_make(False, parallel.AXIS))
  batch = parallel.shard(toy_network.batch())
  with warnings.catch_warnings():
    warnings.simplefilter('error')  # a buffer that cannot be donated warns
    first, _ = run(_state(False), batch, RNG)
    pointers = _pointers(first)
    second, _ = run(first, batch, RNG)
  leaves = jax.tree.leaves(first)
  assert all(leaf.is_deleted() for leaf in leaves)
  assert all(leaf.sharding.is_fully_replicated for leaf in leaves)
  assert all(len(leaf.sharding.device_set) == 4 for leaf in leaves)
  # No copies from step to step: the second result lies where the first did.
  assert _pointers(second) <= pointers


def _pointers(state):
  return {
    shard.data.unsafe_buffer_pointer()
    for leaf in jax.tree.leaves(state)
    for shard in leaf.addressable_shards
  }


def test_a_batch_is_cut_into_rows_and_filled_up():
  batch = toy_network.batch(5)
  batch['mask'][2] = 0
  parts = parallel.shard(batch)
  # Two rows each on 4 devices; the last three only fill up.
  np.testing.assert_array_equal(parts['mask'], [[1, 1], [0, 1], [1, 0], [0, 0]])
  np.testing.assert_array_equal(parts['position'], np.arange(8).reshape(4, 2))
  images = parts['images'].reshape(8, *batch['images'].shape[1:])
  np.testing.assert_array_equal(images[:5], batch['images'])
  np.testing.assert_array_equal(images[5:], batch['images'][:3])
  assert parts['images'].dtype == parts['mask'].dtype == np.float32
  assert parts['position'].dtype == parts['labels'].dtype == np.int32
  with pytest.raises(InputError, match='batch: no pictures'):
    parallel.shard({k: v[:0] for k, v in batch.items()})


def test_each_process_gets_its_own_rows(monkeypatch):
  batch = toy_network.batch(7)
  monkeypatch.setattr(jax, 'device_count', lambda: 8)
  parts = []
  for process in (0, 1):
    monkeypatch.setattr(jax, 'process_index', lambda process=process: process)
    parts.append(parallel.shard(batch))
  both = jax.tree.map(lambda *rows: np.concatenate(rows), *parts)
  np.testing.assert_array_equal(both['position'].ravel(), range(8))
  np.testing.assert_array_equal(both['mask'].ravel(), [1] * 7 + [0])
  np.testing.assert_array_equal(both['labels'][:7, 0], batch['labels'])
