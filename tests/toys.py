"""Tiny networks and pictures for the attacks' tests."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import traverse_util

from fr_poison import attacks, weights
from fr_poison.attacks import alexnet, constraints, objectives, transforms

EPSILON = 6 / 255
SIZE = 32  # LPIPS takes no smaller ones
DSSIM_LIMIT = 1.1 * 0.01


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
  """Random weights for pictures of SIZE."""
  rng = np.random.default_rng(seed)
  draw = lambda *shape: jnp.asarray(rng.standard_normal(shape), jnp.float32)
  return {'kernel': draw(3, 3, 3, 4), 'dense': draw((SIZE // 2) ** 2 * 4, 8)}


def images(count=5, size=SIZE, seed=0):
  """Random pictures on the 8-bit grid, the second one grey."""
  rng = np.random.default_rng(seed)
  codes = rng.integers(0, 256, (count, size, size, 3))
  codes[1:2] = codes[1:2, ..., :1]
  return codes.astype(np.float32) / np.float32(255)


TARGET = [jnp.linspace(-1.0, 1.0, 8)]
CANDIDATES = [jnp.asarray(np.random.default_rng(9).standard_normal((3, 8)))]


def lpips_params():
  """Random weights for LPIPS, so that no test needs the real ones."""
  module = alexnet.LpipsFeatures()
  shapes = weights.expected_shapes(module, 32)
  rng = np.random.default_rng(1)
  draw = lambda shape: np.abs(rng.standard_normal(shape)).astype(np.float32)
  flat = {name: draw(shape) * 0.05 for name, shape in shapes.items()}
  return {'params': traverse_util.unflatten_dict(flat, sep='/')}


def _attacks():
  """name -> (attack on the toy network, its extra arguments)."""
  nets, ball = [embed_fn], {'epsilon': EPSILON, 'num_steps': 4}
  v1 = {'dssim_budget': 0.01, 'num_steps': 6, 'epsilon': EPSILON}
  lpips = {'lpips_params': lpips_params(), 'lpips_weight': 1e-4}
  eot = objectives.expectation(
    objectives.displacement(nets), [transforms.flip(), transforms.blur()]
  )
  targeted, candidates = {'targets': TARGET}, {'targets': CANDIDATES}
  return {
    'pgd': (attacks.pgd(nets, **ball), {}),
    'pgd_targeted': (attacks.pgd(nets, **ball, targeted=True), targeted),
    'pgd_l2': (attacks.pgd(nets, norm='l2', epsilon=0.5, num_steps=4), {}),
    'pgd_restarts': (
      attacks.pgd(nets, **ball, optimizer='adam', restarts=2),
      {},
    ),
    'pgd_momentum': (attacks.pgd(nets, **ball, optimizer='momentum'), {}),
    'lowkey': (attacks.lowkey(nets, num_steps=4, **lpips), {}),
    'lowkey_ball': (
      attacks.lowkey(nets, **ball, lpips_weight=0.0, mirrored=False),
      {},
    ),
    'fawkes': (attacks.fawkes(nets, **v1), {}),
    'fawkes_v03': (
      attacks.fawkes(nets, version='0.3', num_steps=4, learning_rate=300.0),
      targeted,
    ),
    'fawkes_plain': (attacks.fawkes(nets, version='plain', **ball), targeted),
    'feature_shift': (attacks.feature_shift(nets, alpha=EPSILON), candidates),
    'protected_set': (
      attacks.protected_set(nets, epsilon=0.1, num_steps=4),
      candidates,
    ),
    'tip_im': (attacks.tip_im(nets, **ball), candidates),
    'transforms': (
      attacks.gradient_attack(
        eot,
        constraints.linf_ball(EPSILON),
        optax.sign_sgd(EPSILON / 2),
        num_steps=4,
        start_noise=EPSILON / 4,
      ),
      {},
    ),
  }


ATTACKS = _attacks()

# name -> (which budgets its saved pixels keep, their size)
BUDGETS = dict.fromkeys(ATTACKS, ('linf', EPSILON)) | {
  'pgd_l2': ('l2', 0.5),
  'protected_set': ('l2', 0.1),
  'fawkes': ('linf and dssim', EPSILON),
  'lowkey': ('', None),
  'fawkes_v03': ('', None),
}
