"""Tiny networks and pictures for the attacks' tests."""

import jax
import jax.numpy as jnp
import numpy as np

from fr_poison import attacks

EPSILON = 6 / 255


def embed_fn(params, images):
  """A strided convolution and a dense layer with tanh, [B, 8]."""
  x = jax.lax.conv_general_dilated(
    images - 0.5,
    params['kernel'],
    (2, 2),
    'SAME',
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )
  x = jnp.tanh(x).reshape(len(images), -1)
  return x @ params['dense'] + 0.1


def params(seed=0):
  """Random weights for pictures of 12x12."""
  rng = np.random.default_rng(seed)
  draw = lambda *shape: jnp.asarray(rng.standard_normal(shape), jnp.float32)
  return {'kernel': draw(3, 3, 3, 4), 'dense': draw(6 * 6 * 4, 8)}


def images(count=5, size=12, seed=0):
  """Random pictures on the 8-bit grid, the second one grey."""
  rng = np.random.default_rng(seed)
  codes = rng.integers(0, 256, (count, size, size, 3))
  codes[1:2] = codes[1:2, ..., :1]
  return codes.astype(np.float32) / np.float32(255)


TARGET = [jnp.linspace(-1.0, 1.0, 8)]

# name -> (attack on the toy network, its extra arguments)
ATTACKS = {
  'pgd': (
    attacks.pgd([embed_fn], epsilon=EPSILON, num_steps=4),
    {},
  ),
  'pgd_targeted': (
    attacks.pgd([embed_fn], epsilon=EPSILON, num_steps=4, targeted=True),
    {'targets': TARGET},
  ),
  'lowkey': (
    attacks.lowkey([embed_fn], epsilon=EPSILON, num_steps=4),
    {},
  ),
  'fawkes': (
    attacks.fawkes([embed_fn], epsilon=EPSILON, num_steps=4),
    {'targets': TARGET},
  ),
  'fawkes_untargeted': (
    attacks.fawkes([embed_fn], epsilon=EPSILON, num_steps=4, targeted=False),
    {},
  ),
}
