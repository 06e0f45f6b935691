"""What every attack promises, over all attacks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toys

from fr_poison import attacks
from fr_poison.attacks import loop

RNG = jax.random.key(3)


def _run(name, images, rng=RNG, seed=0):
  attack, extra = toys.ATTACKS[name]
  adv_images, info = attacks.run(
    attack, [toys.params(seed)], rng, images, **extra
  )
  return np.asarray(adv_images), {k: np.asarray(v) for k, v in info.items()}


@pytest.fixture(params=toys.ATTACKS)
def name(request):
  return request.param


def test_saved_pixels_are_inside_the_budget_and_the_range(name):
  images = toys.images()
  adv_images, info = _run(name, images)
  assert adv_images.shape == images.shape
  assert adv_images.dtype == np.float32
  codes = np.rint(adv_images * 255)
  np.testing.assert_allclose(adv_images * 255, codes, atol=1e-4)
  assert codes.min() >= 0 and codes.max() <= 255
  change = np.abs(codes - np.rint(images * 255)).max((1, 2, 3))
  assert change.max() <= round(toys.EPSILON * 255)
  np.testing.assert_allclose(info['linf'], change / 255, atol=1e-6)


def test_the_objective_grows(name):
  _, info = _run(name, toys.images())
  assert (info['score'] > info['start_score']).all()
  assert info['improved'].all()


def test_grey_stays_grey_and_colour_may_change_by_channel(name):
  adv_images, _ = _run(name, toys.images())
  change = adv_images - toys.images()
  np.testing.assert_allclose(change[1], change[1][..., :1].repeat(3, -1))
  assert (change[0] != change[0][..., :1]).any()


def test_a_picture_does_not_depend_on_its_batch(name):
  images = toys.images()
  together, info = _run(name, images)
  padded, _ = _run(name, np.concatenate([images[2:4], images[:1] * 0]))
  np.testing.assert_array_equal(padded[:2], together[2:4])
  alone, alone_info = _run(name, images[4:5])
  np.testing.assert_array_equal(alone[0], together[4])
  np.testing.assert_allclose(alone_info['score'][0], info['score'][4], 1e-4)


def test_deterministic_and_a_seed_matters_only_to_random_starts(name):
  images = toys.images()
  first, second = _run(name, images)[0], _run(name, images)[0]
  np.testing.assert_array_equal(first, second)
  other, _ = _run(name, images, jax.random.key(4))
  starts_at_random = name not in ('fawkes',)
  assert (other != first).any() == starts_at_random


def test_one_compiled_loop_and_own_steps_give_the_same(name):
  images, params = toys.images(), [toys.params()]
  attack, extra = toys.ATTACKS[name]
  expected, _ = _run(name, images)
  start = {'targets': None, 'start': None} | extra
  compiled, _ = loop._run_compiled(attack, params, RNG, images, start)
  # One grey level where sign(gradient) or rounding tips over.
  assert np.mean(np.abs(compiled - expected) > 1e-6) < 0.01
  state = attack.init(params, RNG, images, **extra)
  assert jnp.all(state.adv_images >= 0) and jnp.all(state.adv_images <= 1)
  for _ in range(attack.num_steps):
    state = attack.step(params, state)
  eager, info = attack.finish(params, state)
  assert np.mean(np.abs(eager - expected) > 1e-6) < 0.01
  assert int(state.step) == attack.num_steps


def test_the_same_on_four_devices_and_under_vmap(name):
  images, params = toys.images(4), [toys.params()]
  attack, extra = toys.ATTACKS[name]

  def whole(images):
    return loop.run(attack, params, RNG, images, **extra)[0]

  expected, _ = _run(name, images)
  pmapped = jax.pmap(whole)(images[:, None])[:, 0]
  assert np.mean(np.abs(pmapped - expected) > 1e-6) < 0.01
  mapped = jax.vmap(lambda image: whole(image[None])[0])(jnp.asarray(images))
  assert np.mean(np.abs(mapped - expected) > 1e-6) < 0.01


def test_what_cannot_improve_comes_back_unchanged_and_flagged(name):
  attack, extra = toys.ATTACKS[name]
  blind = jax.tree.map(jnp.zeros_like, toys.params())
  images = toys.images()
  adv_images, info = attacks.run(attack, [blind], RNG, images, **extra)
  np.testing.assert_array_equal(adv_images, images)
  assert not info['improved'].any()
  assert (info['linf'] == 0).all()


def test_a_network_of_nan_gives_the_original_back(name):
  attack, extra = toys.ATTACKS[name]
  broken = jax.tree.map(lambda x: x * jnp.nan, toys.params())
  images = toys.images()
  adv_images, info = attacks.run(attack, [broken], RNG, images, **extra)
  np.testing.assert_array_equal(adv_images, images)
  assert not info['improved'].any()


def test_more_batches_do_not_compile_again(name):
  attack, extra = toys.ATTACKS[name]
  traces = []

  def counted(params, state):
    traces.append(1)
    return attack.step(params, state)

  counting = attack._replace(step=counted)
  for seed in range(3):
    attacks.run(
      counting, [toys.params()], RNG, toys.images(2, seed=seed), **extra
    )
  assert len(traces) == 1


def test_a_given_start_replaces_the_random_one():
  attack, _ = toys.ATTACKS['lowkey']
  images = 0.5 + 0 * toys.images(2)
  start = np.full_like(images, 2 / 255)
  state = attack.init([toys.params()], RNG, images, start=start)
  np.testing.assert_allclose(state.adv_images, images + start, rtol=1e-6)


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
