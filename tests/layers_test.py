import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fr_poison import layers


def _random(*shape, seed=0):
  rng = np.random.default_rng([seed, *shape])
  return jnp.asarray(rng.standard_normal(shape), jnp.float32)


def _reference(x, kernel, stride, padding, groups=1):
  return jax.lax.conv_general_dilated(
    x,
    kernel,
    (stride, stride),
    padding,
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
    feature_group_count=groups,
  )


CASES = [  # rows, columns, kernel, stride, padding
  (9, 8, 3, 1, ((1, 1), (1, 1))),
  (9, 8, 3, 2, ((1, 1), (1, 1))),
  (9, 8, 3, 2, ((0, 0), (0, 0))),
  (9, 8, 3, 2, ((0, 1), (0, 1))),
  (11, 12, 5, 3, ((2, 1), (0, 2))),
  (7, 7, 1, 1, ((0, 0), (0, 0))),
  (7, 7, 1, 2, ((0, 0), (0, 0))),
  (8, 7, 2, 3, ((0, 0), (0, 0))),  # pixels that no tap reaches
  (15, 14, 7, 2, ((0, 0), (0, 0))),  # dlib's stem
  (15, 14, 7, 2, ((3, 2), (1, 3))),
  (14, 15, 4, 3, ((0, 3), (2, 0))),
  (50, 53, 3, 2, ((1, 1), (0, 1))),  # large: phase by phase
  (49, 50, 5, 3, ((2, 1), (0, 2))),
  (50, 49, 4, 2, ((0, 0), (3, 0))),
]


def _same_gradients(ours, reference, x, kernel):
  for argument in (0, 1):
    loss = lambda f: lambda *args: jnp.sum(jnp.sin(f(*args)))
    expected, actual = (
      jax.jit(jax.grad(loss(f), argument))(x, kernel) for f in (reference, ours)
    )
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('channels', [3, 5])
@pytest.mark.parametrize('h, w, k, stride, padding', CASES)
def test_conv_and_both_its_gradients_match_xla(
  h, w, k, stride, padding, channels
):
  # Scaled, lest the sine in the loss see nothing but rounding.
  x, kernel = _random(2, h, w, channels), _random(k, k, channels, 4) / k
  ours = lambda x, k: layers.conv(x, k, stride=stride, padding=padding)
  reference = lambda x, k: _reference(x, k, stride, padding)
  np.testing.assert_allclose(
    jax.jit(ours)(x, kernel), reference(x, kernel), rtol=1e-5, atol=1e-5
  )
  _same_gradients(ours, reference, x, kernel)


@pytest.mark.parametrize('h, w, k, stride, padding', CASES)
def test_depthwise_conv_matches_xla(h, w, k, stride, padding):
  x, kernel = _random(2, h, w, 3), _random(k, k, 3)
  ours = lambda x, k: layers.depthwise_conv(
    x, k, stride=stride, padding=padding
  )
  reference = lambda x, k: _reference(x, k[:, :, None], stride, padding, 3)
  np.testing.assert_allclose(
    jax.jit(ours)(x, kernel), reference(x, kernel), rtol=1e-5, atol=1e-5
  )
  _same_gradients(ours, reference, x, kernel)


@pytest.mark.parametrize(
  'size, channels, k', [(8, 2, 3), (16, 3, 7), (50, 5, 3)]
)
def test_gradients_are_the_same_inside_loops_and_under_vmap(size, channels, k):
  kernel = _random(k, k, channels, channels) / k

  def loss(x):
    y = layers.conv(x, kernel, stride=2, padding=((1, 1), (1, 1)))
    y = layers.depthwise_conv(y, kernel[:3, :3, 0], padding=((1, 1), (1, 1)))
    return jnp.sum(y**2)

  x = _random(4, size, size, channels)
  once = jax.jit(jax.grad(loss))(x)
  body = lambda _, carry: carry + jax.grad(loss)(x)
  looped = jax.lax.fori_loop(0, 3, body, jnp.zeros_like(x))
  np.testing.assert_allclose(looped, 3 * once, rtol=1e-4, atol=1e-4)
  assert np.abs(once).max() > 0.1
  mapped = jax.jit(jax.vmap(jax.grad(lambda row: loss(row[None]))))(x)
  np.testing.assert_allclose(mapped, once, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('h, w, k, stride, padding', CASES)
def test_bfloat16_stays_bfloat16(h, w, k, stride, padding):
  x, kernel = _random(2, h, w, 3), _random(k, k, 3, 4) / k
  ours = lambda x: layers.conv(
    x, kernel.astype(x.dtype), stride=stride, padding=padding
  )

  @jax.jit
  def value_and_grad(x):
    value, vjp = jax.vjp(ours, x)
    return value, *vjp(value)

  half, gradient = value_and_grad(x.astype(jnp.bfloat16))
  assert half.dtype == gradient.dtype == jnp.bfloat16
  full, expected = value_and_grad(x)
  np.testing.assert_allclose(half.astype(jnp.float32), full, 0.1, 0.1)
  error = np.abs(gradient.astype(jnp.float32) - expected).max()
  assert error < 0.05 * np.abs(expected).max()


@pytest.mark.parametrize(
  'length, kernel, stride, expected',
  [
    # TensorFlow pads max((ceil(n / s) - 1) s + k - n, 0), the odd one last.
    (8, 3, 1, (1, 1)),
    (8, 3, 2, (0, 1)),  # (4 - 1) 2 + 3 - 8 = 1
    (7, 3, 2, (1, 1)),  # (4 - 1) 2 + 3 - 7 = 2
    (8, 1, 2, (0, 0)),  # (4 - 1) 2 + 1 - 8 < 0
  ],
)
def test_same_padding_is_tensorflows(length, kernel, stride, expected):
  assert layers.same_padding((length, 4), kernel, stride)[0] == expected


def test_prelu_has_one_slope_a_channel():
  x = jnp.array([[2.0, -2.0], [-1.0, 4.0]])
  params = {'params': {'slope': jnp.array([0.5, 0.25])}}
  # Channel 0: 2 and -1 * .5; channel 1: -2 * .25 and 4.
  expected = [[2.0, -0.5], [-0.5, 4.0]]
  np.testing.assert_allclose(layers.PReLU().apply(params, x), expected)


@pytest.mark.parametrize('platform', ['cpu', 'cuda', 'tpu'])
def test_other_platforms_keep_their_own_grouped_convolution(platform):
  kernel = _random(3, 3, 2)

  def loss(x):
    padding = ((1, 1), (1, 1))
    return jnp.sum(layers.depthwise_conv(x, kernel, padding=padding) ** 2)

  exported = jax.export.export(jax.jit(jax.grad(loss)), platforms=[platform])
  text = exported(_random(1, 8, 8, 2)).mlir_module()
  assert ('stablehlo.convolution' in text) == (platform != 'cpu')
