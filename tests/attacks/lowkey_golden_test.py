"""Follows a run recorded from LowKey's own program on two small networks."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import originals
import pytest
import toys

from fr_poison import attacks

RNG = jax.random.key(0)
RATE = 1e4
NETWORKS = (originals.lowkey_a, originals.lowkey_b)


@pytest.fixture(scope='module')
def recorded(golden):
  """(arrays, params, pictures)."""
  arrays = golden('lowkey')
  params = [
    jax.tree.map(lambda x: x.astype(jnp.float32), originals.network(arrays, n))
    for n in ('net_a', 'net_b')
  ]
  return arrays, params, originals.pictures(arrays['x'])


@pytest.fixture(scope='module')
def attack():
  return attacks.lowkey(NETWORKS, luminance_only=False)


def test_the_networks_give_the_recorded_outputs(recorded):
  arrays, params, images = recorded
  for fn, p, name in zip(NETWORKS, params, 'ab', strict=True):
    np.testing.assert_allclose(
      fn(p, images), arrays[f'net_{name}_out'], atol=1e-5
    )


def _at(attack, recorded, signs):
  """The state whose iterate is x + noise + .0025 * signs, and one step on."""
  arrays, params, images = recorded
  start = arrays['noise'] + np.float32(0.0025) * signs
  state = jax.jit(attack.init)(params, RNG, images, start=start)
  return state, jax.jit(attack.step)(params, state)


@pytest.mark.parametrize('iteration, before', [(1, None), (25, 24)])
def test_terms_at_recorded_iterates(attack, recorded, iteration, before):
  arrays = recorded[0]
  signs = arrays[f'signsum_after_it{before}'] if before else 0
  _, after = _at(attack, recorded, signs)
  terms = {name: np.asarray(term) for name, term in after.terms.items()}
  distance = arrays['feat_dist'][iteration - 1].mean(-1)
  np.testing.assert_allclose(terms['feature_distance'], distance, rtol=1e-5)
  # The originals are averages over the four pictures.
  for name in ('objective', 'lpips'):
    expected = arrays[name][iteration - 1]
    np.testing.assert_allclose(terms[name].mean(), expected, atol=1e-6)
  np.testing.assert_allclose(
    terms['feature_distance'].mean() / 512,
    arrays['feat_term'][iteration - 1],
    rtol=1e-5,
  )


@pytest.mark.parametrize('iteration, before', [(1, None), (25, 24)])
def test_gradients_at_recorded_iterates(recorded, iteration, before):
  arrays, params, images = recorded
  # Read from outside, as an update: plain ascent at a rate that fills floats.
  signs = arrays[f'signsum_after_it{before}'] if before else 0
  signed = attacks.lowkey(NETWORKS, luminance_only=False)
  ascent = signed.step.__self__._replace(optimizer=optax.sgd(RATE))
  start = arrays['noise'] + np.float32(0.0025) * signs
  state = jax.jit(signed.init)(params, RNG, images, start=start)
  state = state.replace(optimizer=ascent.optimizer.init(state.variable))
  after = jax.jit(ascent.step)(params, state)
  grads = (after.variable - state.variable)[1] / RATE
  expected = arrays[f'grad_it{iteration}_img1'] * 4  # theirs: a mean of four
  error = np.linalg.norm(grads - expected)
  assert error <= 1e-3 * np.linalg.norm(expected)


def test_the_first_steps_go_where_the_original_went(attack, recorded):
  arrays, params, images = recorded
  state = jax.jit(attack.init)(params, RNG, images, start=arrays['noise'])
  step = jax.jit(attack.step)
  for i in range(1, 6):
    state = step(params, state)
    if i in (1, 2, 5):
      signs = arrays[f'signsum_after_it{i}']
      expected = images + arrays['noise'] + np.float32(0.0025) * signs
      differs = np.abs(state.variable - expected) > 1e-4
      # Where the gradient is rounding noise, its sign is.
      assert differs.mean() < {1: 1e-4, 2: 1e-3, 5: 0.06}[i]
  np.testing.assert_array_equal(state.adv_images, np.clip(state.variable, 0, 1))


def test_the_whole_run_ends_as_far_away(attack, recorded):
  arrays, params, images = recorded
  _, info = attacks.run(attack, params, RNG, images, start=arrays['noise'])
  expected = arrays['final_feat_dist'].mean(-1)
  np.testing.assert_allclose(info['feature_distance'], expected, rtol=0.01)
  assert (info['linf'] <= 0.13).all()
  assert info['improved'].all()


def test_the_released_ensemble_uses_the_last_weights_of_an_architecture():
  a, b = toys.params(0), toys.params(1)
  images = toys.images(2)
  make = lambda **settings: attacks.lowkey(
    [toys.embed_fn] * 2, lpips_weight=0.0, num_steps=2, **settings
  )
  run = lambda attack, params: attacks.run(attack, params, RNG, images)[0]
  released = make(ensemble='as_released')
  np.testing.assert_array_equal(run(released, [a, b]), run(make(), [b, b]))
  assert (run(released, [a, b]) != run(make(), [a, b])).any()
  # Networks of different architectures keep their own.
  other = lambda params, images: toys.embed_fn(params, images)
  mixed = attacks.lowkey(
    [toys.embed_fn, other],
    lpips_weight=0.0,
    num_steps=2,
    ensemble='as_released',
  )
  np.testing.assert_array_equal(run(mixed, [a, b]), run(make(), [a, b]))
