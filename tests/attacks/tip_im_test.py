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
  # The first step of .3 goes to FAR, with the direction (0, 1). From there
  # NEAR's candidate has the sum of (0, 1) and (1, 0), so a step along (.7,
  # .7), and FAR's goes straight on. Gains: NEAR (.712, 1.012) is cut to the
  # ball, (.712, 1): .543 away from the start, .291 from FAR: .252. FAR (.5, 1):
  # .5 - .2 = .3 is more.
  found = _step([FAR, NEAR], 0.3, steps=2, monkeypatch=monkeypatch)
  np.testing.assert_allclose(found, [0.5, 1.0], atol=1e-6)
  # With one target the sum points where each does, whatever its length.
  found = _step([[0.8, 0.9]], 0.1, steps=2, monkeypatch=monkeypatch)
  np.testing.assert_allclose(found, [0.5 + 0.12, 0.5 + 0.16], atol=1e-6)


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
