"""PGD through transforms of the picture, and past a detector."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toys

from fr_poison import attacks
from fr_poison.attacks import jpeg, objectives, transforms
from fr_poison.types import InputError


@jax.jit
def _displacement_after_jpeg(adv_images, images):
  params = toys.params()
  compress = lambda x: jpeg.jpeg(x, 75, '4:2:0')
  embed = lambda x: objectives.normalize(toys.embed_fn(params, x))
  return jnp.sum((embed(compress(adv_images)) - embed(images)) ** 2, -1)


def test_what_it_expects_to_survive_survives_better():
  images = toys.images()
  ball = {'epsilon': toys.EPSILON, 'num_steps': 6}
  results = [
    attacks.run(make([toys.embed_fn], **ball), [toys.params()], rng, images)
    for make in (attacks.pgd, attacks.eot_pgd)
    for rng in [jax.random.key(0)]
  ]
  (plain, _), (expecting, info) = results
  assert np.abs(expecting - images).max() <= toys.EPSILON + 1e-6
  assert info['improved'].all()
  moved = [_displacement_after_jpeg(x, images) for x in (plain, expecting)]
  assert moved[1].mean() > moved[0].mean()


def test_a_budget_that_is_none_is_refused():
  with pytest.raises(InputError, match='epsilon'):
    attacks.eot_pgd([toys.embed_fn], epsilon=2.0)
  with pytest.raises(InputError, match='scale: 2'):
    attacks.eot_pgd([toys.embed_fn], scale=2)


def test_it_may_expect_another_size_as_well():
  images, rng = toys.images(2), jax.random.key(0)
  smaller = transforms.resize(0.25)
  embed = lambda x: objectives.normalize(toys.embed_fn(toys.params(), x))
  distance = lambda found: embed(smaller(None, found)) - embed(images)
  distance, moved = jax.jit(distance), []
  for scale in None, 0.25:
    attack = attacks.eot_pgd(
      [toys.embed_fn], epsilon=toys.EPSILON, num_steps=6, scale=scale
    )
    found, _ = attacks.run(attack, [toys.params()], rng, images)
    moved.append(np.sum(distance(found) ** 2, -1).mean())
  assert moved[1] > moved[0]


# A detector that takes bright pictures for cloaked ones.
PARAMS = {'gain': jnp.float32(40.0)}


def _log_odds(params, images):
  return params['gain'] * (jnp.mean(images, (1, 2, 3)) - 0.5)[:, None]


def _run(weight):
  attack = attacks.evading_pgd(
    [toys.embed_fn, _log_odds],
    epsilon=toys.EPSILON,
    num_steps=6,
    weight=weight,
  )
  params, rng = [toys.params(), PARAMS], jax.random.key(0)
  return attacks.run(attack, params, rng, toys.images())


def test_the_heavier_the_detector_weighs_the_less_it_sees():
  images = toys.images()
  odds, moved = [], []
  for weight in (1e-6, 0.1, 100.0):
    adv_images, info = _run(weight)
    assert np.abs(adv_images - images).max() <= toys.EPSILON + 1e-6
    assert info['improved'].all()
    odds.append(_log_odds(PARAMS, adv_images).mean())
    shift = toys.embed_fn(toys.params(), adv_images)
    shift -= toys.embed_fn(toys.params(), images)
    moved.append(np.linalg.norm(shift, axis=-1).mean())
  assert odds[0] > odds[1] > odds[2]
  assert moved[0] > moved[2]
  # Nothing but the detector counts: every pixel goes down, as far as it may.
  darkest = np.clip(images - toys.EPSILON, 0, 1)
  np.testing.assert_allclose(_run(1e6)[0], darkest, atol=2e-3)


def test_a_weight_that_is_none_is_refused():
  with pytest.raises(InputError, match='weight: 0'):
    attacks.evading_pgd([toys.embed_fn, _log_odds], weight=0.0)
