"""TIP-IM by hand: which target is taken, and how far a step goes."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fr_poison import attacks
from fr_poison.attacks import transforms
from fr_poison.types import InputError

RNG = jax.random.key(0)
# The package has a function of that name.
MODULE = importlib.import_module('fr_poison.attacks.tip_im')


def _red(params, images):
  """The red of two pixels: a linear network of two numbers."""
  return images[..., 0].reshape(len(images), -1)


def _step(targets, length, *, norm='l2', steps=1, monkeypatch):
  """The red of both pixels after steps of this length, from (.5, .5)."""
  monkeypatch.setattr(MODULE, '_VIEW', lambda rngs, images: images)
  rate = length / (6**0.5 if norm == 'l2' else 1)
  attack = attacks.tip_im(
    [_red], epsilon=0.5, num_steps=100, learning_rate=rate, norm=norm
  )
  images = jnp.full((1, 1, 2, 3), 0.5).at[..., 1].set(0.25)
  state = jax.jit(attack.init)(
    [None], RNG, images, targets=[jnp.array(targets)]
  )
  step = jax.jit(lambda state: attack.step([None], state))  # a program anew
  for _ in range(steps):
    state = step(state)
  return np.asarray(state.variable)[0, 0, :, 0]


NEAR, FAR = [0.52, 0.5], [0.5, 0.8]


def test_the_target_is_taken_whose_step_gains_most(monkeypatch):
  # A step of .05: towards NEAR it ends .03 behind it, a gain of .05 - .03;
  # towards FAR the nearest target is NEAR, sqrt(.02^2 + .05^2) = .054 away,
  # and .05 - .054 is less.
  found = _step([FAR, NEAR], 0.05, monkeypatch=monkeypatch)
  np.testing.assert_allclose(found, [0.55, 0.5], atol=1e-6)
  # A step of .3 ends on FAR, a gain of .3; towards NEAR .3 - .28.
  found = _step([FAR, NEAR], 0.3, monkeypatch=monkeypatch)
  np.testing.assert_allclose(found, [0.5, 0.8], atol=1e-6)


def test_signs_move_every_pixel_that_counts(monkeypatch):
  found = _step([[0.6, 0.7]], 0.05, norm='linf', monkeypatch=monkeypatch)
  np.testing.assert_allclose(found, [0.55, 0.55], atol=1e-6)


def test_gradients_of_the_targets_taken_are_summed(monkeypatch):
  # Steps of .1. The first ends on (.6, .5), a gain of .1; towards (.7, .6) it
  # would end at (.589, .545), .046 from the nearest target: .1 - .046. Of mean
  # absolute value 1 over the picture's six numbers the gradient is (6, 0).
  # Then the other one's, (4, 2), is added: along (10, 2) to (.698, .520), which
  # is .199 away and .080 from (.7, .6), a gain of .119; straight on .2 - .1.
  targets = [[0.6, 0.5], [0.7, 0.6]]
  found = _step(targets, 0.1, monkeypatch=monkeypatch)
  np.testing.assert_allclose(found, [0.6, 0.5], atol=1e-6)
  found = _step(targets, 0.1, steps=2, monkeypatch=monkeypatch)
  way = np.array([10, 2]) / 104**0.5
  np.testing.assert_allclose(found, [0.6, 0.5] + 0.1 * way, atol=1e-5)


def test_the_authors_step_and_what_it_gains():
  # A step is 1.5 epsilon / 100 in the root mean square.
  attack = attacks.tip_im([_red])
  images = jnp.full((1, 1, 2, 3), 0.5).at[..., 1].set(0.25)
  targets = [jnp.array([[0.9, 0.9]])]
  state = jax.jit(attack.init)([None], RNG, images, targets=targets)
  state = jax.jit(attack.step)([None], state)
  size = jnp.sqrt(jnp.mean((state.variable - images) ** 2))
  np.testing.assert_allclose(size, 1.5 * 12 / 255 / 100, rtol=1e-4)
  # At the start the own embedding is 0 away, the target .4 sqrt(2).
  np.testing.assert_allclose(state.terms['objective'], [-0.5657], rtol=1e-4)


def test_a_view_of_amount_0_is_the_picture():
  images = jnp.float32(np.random.default_rng(0).random((2, 5, 7, 3)))
  rngs = jax.random.split(RNG, 2)
  np.testing.assert_allclose(
    transforms.affine(0)(rngs, images), images, atol=1e-5
  )


def test_slips_are_named():
  with pytest.raises(InputError, match="^norm: 'l1' is unknown"):
    attacks.tip_im([_red], norm='l1')
  attack, images = attacks.tip_im([_red]), jnp.full((1, 1, 2, 3), 0.5)
  with pytest.raises(InputError, match=r'^targets\[0\]: \[2\]; \[T, 2\] exp'):
    jax.jit(attack.init)([None], RNG, images, targets=[jnp.zeros(2)])
