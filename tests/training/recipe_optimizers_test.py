import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fr_poison.training import make_optimizer


def test_cosine_steps_and_warmup_by_hand():
  rate = lambda *steps, **settings: [
    float(_updates_after(n, make_optimizer('sgd', momentum=0.0, **settings)))
    for n in steps
  ]
  common = dict(learning_rate=0.4, num_steps=100)
  assert rate(0, 99, **common) == pytest.approx([0.4, 0.4])
  # A quarter, a half of the way down the cosine's half wave.
  cosine = rate(0, 50, 100, schedule='cosine', **common)
  assert cosine == pytest.approx([0.4, 0.2, 0.0], abs=1e-7)
  steps = rate(
    49, 50, 75, schedule='step', drops=(0.5, 0.75), drop_factor=0.5, **common
  )
  assert steps == pytest.approx([0.4, 0.2, 0.1])
  # Two drops that fall on one step are both made.
  both = rate(60, schedule='step', drops=(0.5, 0.501), **common)
  assert both == pytest.approx([0.004])
  # Drops are shares of the whole training, warm-up included.
  warm = rate(
    0, 5, 10, 49, 51, schedule='step', drops=(0.5,), warmup=0.1, **common
  )
  assert warm == pytest.approx([0, 0.2, 0.4, 0.4, 0.04])


def test_adagrad_is_tensorflows():
  # Its accumulator starts at 0.1: 0.4 * 1 / sqrt(0.1 + 1).
  optimizer = make_optimizer('adagrad', learning_rate=0.4)
  update = _updates_after(0, optimizer)
  assert update == pytest.approx(0.4 / np.sqrt(1.1), rel=1e-6)


def _updates_after(count, optimizer):
  """The step for a gradient of -1 after `count` updates."""
  params = jnp.ones(())
  state = optimizer.init(params)
  state = jax.tree.map(
    lambda x: jnp.asarray(count, x.dtype) if x.dtype == jnp.int32 else x, state
  )
  return optimizer.update(-params, state, params)[0]


def test_optimizers_by_hand():
  update = lambda name, grad, **settings: float(
    make_optimizer(name, **settings).update(
      jnp.asarray(grad),
      make_optimizer(name, **settings).init(jnp.asarray(2.0)),
      jnp.asarray(2.0),
    )[0]
  )
  # Adadelta's first step, rho .95: -sqrt(eps / (.05 g^2 + eps)) g, as Keras.
  expected = -np.sqrt(1e-7 / (0.05 * 9 + 1e-7)) * 3
  assert update('adadelta', 3.0, learning_rate=1.0) == pytest.approx(
    expected, rel=1e-5
  )
  # Adam's first step is the rate; decoupled decay adds rate * decay * 2.
  assert update('adam', 3.0, learning_rate=0.1) == pytest.approx(-0.1, 1e-5)
  assert update(
    'adamw', 3.0, learning_rate=0.1, weight_decay=0.5
  ) == pytest.approx(-0.2, 1e-5)
  # 3 is cut down to 1; then .5 * 2 comes on top.
  assert update(
    'sgd', 3.0, learning_rate=0.1, weight_decay=0.5, max_norm=1.0
  ) == pytest.approx(-0.2)
