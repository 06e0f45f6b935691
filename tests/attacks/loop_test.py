"""The loop over an attack's steps, when memory ends."""

import jax
import numpy as np
import pytest
import toys

from fr_poison import attacks

RNG = jax.random.key(3)


def test_a_batch_that_does_not_fit_is_halved_with_the_same_result():
  images, params = toys.images(5), [toys.params()]
  attack, _ = toys.ATTACKS['pgd']
  expected, info = attacks.run(attack, params, RNG, images)
  sizes = []

  def step(params, state):
    sizes.append(len(state.images))
    if len(state.images) > 1:
      raise jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: out of memory')
    return attack.step(params, state)

  halved, halved_info = attacks.run(
    attack._replace(step=step), params, RNG, images
  )
  # One alone rounds otherwise.
  assert np.mean(halved != expected) < 0.01
  np.testing.assert_allclose(halved_info['score'], info['score'], rtol=1e-3)
  assert sizes == [2, 1]


def test_memory_for_no_picture_at_all_is_an_error_with_advice():
  def step(params, state):
    raise jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: out of memory')

  attack = toys.ATTACKS['pgd'][0]._replace(step=step)
  with pytest.raises(MemoryError, match='remat'):
    attacks.run(attack, [toys.params()], RNG, toys.images(2))
  broken = attack._replace(step=lambda params, state: 1 / 0)
  with pytest.raises(ZeroDivisionError):
    attacks.run(broken, [toys.params()], RNG, toys.images(2))
