"""Every head against values by hand and against its formula's differences."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fr_poison.training import heads
from fr_poison.types import InputError

# Two classes at right angles; lengths must not matter.
CENTRES = {'centres': jnp.array([[2.0, 0.0], [0.0, 3.0]])}
ROOT3 = math.sqrt(3)
MARGINS = {
  'arcface': {'scale': 4.0, 'margin': 0.5},
  'cosface': {'scale': 4.0, 'margin': 0.4},
  'magface': {'scale': 4.0, 'low_norm': 0.5, 'high_norm': 3.0, 'weight': 2.0},
}


def _at(*degrees, length=1.0):
  """Embeddings [B, 2] in the plane."""
  t = np.deg2rad(degrees)
  return jnp.asarray(length * np.stack([np.cos(t), np.sin(t)], -1), jnp.float32)


def _losses(head, params, embeddings, labels, smoothing=0.0, mask=None):
  run = jax.jit(head.losses, static_argnums=3)
  return np.asarray(run(params, embeddings, labels, smoothing, mask=mask))


def _labels(*labels):
  return jnp.array(labels, jnp.int32)


def test_softmax_by_hand():
  head = heads.softmax()
  params = {'kernel': jnp.eye(2), 'bias': jnp.array([0.0, math.log(3)])}
  embeddings = jnp.array([[math.log(9), 0.0]] * 2)
  # exp(logits) = (9, 3), so the classes have 3/4 and 1/4.
  losses = _losses(head, params, embeddings, _labels(0, 1))
  np.testing.assert_allclose(losses, np.log([4 / 3, 4]), rtol=1e-6)
  # Half of the label is shared: 3/4 and 1/4 of it.
  smooth = _losses(head, params, embeddings[:1], _labels(0), 0.5)
  expected = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
  np.testing.assert_allclose(smooth, [expected], rtol=1e-6)


def test_arcface_by_hand():
  head = heads.arcface(scale=2, margin=math.pi / 6)
  losses = _losses(head, CENTRES, _at(60, 60, length=5), _labels(0, 1))
  # Class 0 is 60 degrees away, class 1 is 30. Label 0: 2 cos(90) = 0 against
  # 2 cos(30) = sqrt(3). Label 1: 2 cos(60) against 2 cos(60).
  expected = [math.log(1 + math.exp(ROOT3)), math.log(2)]
  np.testing.assert_allclose(losses, expected, rtol=1e-6)
  # The logits have no margin.
  logits = head.logits(CENTRES, _at(60))
  np.testing.assert_allclose(logits, [[1, ROOT3]], rtol=1e-6)


def test_arcface_goes_on_falling_past_180_degrees():
  head = heads.arcface(scale=2, margin=math.pi / 6)
  # 180 + 30 degrees: cos(180) - pi/6 sin(30) = -1 - pi/12 against cos(90).
  losses = _losses(head, CENTRES, _at(180), _labels(0))
  expected = math.log(1 + math.exp(2 + math.pi / 6))
  np.testing.assert_allclose(losses, [expected], rtol=1e-6)
  one = {'centres': jnp.array([[1.0, 0.0], [0.0, 0.0]])}  # the other: 0
  angles = _losses(head, one, _at(*range(0, 181, 5)), _labels(*[0] * 37))
  assert (np.diff(angles) > 0).all()


def test_cosface_by_hand():
  head = heads.cosface(scale=2, margin=0.25)
  # 2 (cos(60) - .25) = .5 against 2 cos(30).
  losses = _losses(head, CENTRES, _at(60), _labels(0))
  expected = [math.log(1 + math.exp(ROOT3 - 0.5))]
  np.testing.assert_allclose(losses, expected, rtol=1e-6)


@pytest.mark.parametrize(
  'length, expected',
  [
    # Halfway between 1 and 3, so a margin of 30 degrees as in ArcFace's
    # example, and 9 g = 9 (2 / 9 + 1 / 2).
    (2, math.log(1 + math.exp(ROOT3)) + 6.5),
    # Clipped to 3: 60 degrees, 2 cos(120) = -1, and 9 (3 / 9 + 1 / 3).
    (6, math.log(1 + math.exp(ROOT3 + 1)) + 6),
    # Clipped to 1: none, 2 cos(60) = 1, and 9 (1 / 9 + 1).
    (0.5, math.log(1 + math.exp(ROOT3 - 1)) + 10),
  ],
)
def test_magface_by_hand(length, expected):
  head = heads.magface(
    scale=2, low_margin=0, high_margin=math.pi / 3, low_norm=1, high_norm=3,
    weight=9,
  )  # fmt: skip
  losses = _losses(head, CENTRES, _at(60, length=length), _labels(0))
  np.testing.assert_allclose(losses, [expected], rtol=1e-6)


@pytest.mark.parametrize('mining, first', [('all', 2.5 / 3), ('hard', 1.5)])
def test_triplet_by_hand(mining, first):
  # Squared distances are 2 - 2 cos. From 0 degrees: 1 and 2 to its own at 60
  # and 90, 3 and 4 to the others at 120 and 180. With a margin of 2.5 the
  # four triplets cost .5, -.5 (nothing), 1.5 and .5.
  head = heads.triplet(2.5, mining)
  embeddings, labels = (
    _at(0, 60, 90, 120, 180, length=3),
    _labels(5, 5, 5, 7, 7),
  )
  losses = _losses(head, {}, embeddings, labels)
  np.testing.assert_allclose(losses[0], first, rtol=1e-5)
  # With a margin of .5 nothing is left of them.
  assert _losses(heads.triplet(0.5, mining), {}, embeddings, labels)[0] == 0
  # Nobody like it, or nobody else.
  for labels in (_labels(0, 1, 2, 3, 4), _labels(1, 1, 1, 1, 1)):
    np.testing.assert_array_equal(_losses(head, {}, embeddings, labels), 0)


def test_match_by_hand():
  # 60 and 90 degrees from their targets, of any length, which stay.
  targets = {'targets': _at(0, 120, length=5)}
  embeddings, labels = _at(60, 30, length=3), _labels(0, 1)
  losses = _losses(heads.match(), targets, embeddings, labels)
  np.testing.assert_allclose(losses, [0.5, 1], rtol=1e-5)
  total = lambda params: heads.match().losses(params, embeddings, labels).sum()
  assert not np.any(jax.grad(total)(targets)['targets'])


@pytest.mark.parametrize(
  'name, settings',
  [
    ('softmax', {}),
    ('match', {}),
    ('arcface', {'scale': 4}),
    ('magface', {'scale': 4}),
    ('triplet', {'margin': 3}),
    ('triplet', {'margin': 3, 'mining': 'hard'}),
  ],
)
def test_padding_costs_nothing_and_helps_nobody(name, settings):
  head = heads.make(name, **settings)
  params = head.init(jax.random.key(0), 2, 3)
  embeddings, labels = _at(0, 60, 120, 20, 70), _labels(0, 0, 1, 0, 1)
  mask = jnp.array([1.0, 1.0, 1.0, 0.0, 0.0])
  padded = _losses(head, params, embeddings, labels, mask=mask)
  alone = _losses(head, params, embeddings[:3], labels[:3])
  np.testing.assert_allclose(padded, [*alone, 0, 0], rtol=1e-5)
  assert (alone[:2] > 0).all()
  # It would have cost and helped.
  full = _losses(head, params, embeddings, labels)
  assert (full[3:] > 0).all()
  if name == 'triplet':
    assert (full[:2] != alone[:2]).all()


@pytest.mark.parametrize('name', ['arcface', 'cosface', 'magface'])
def test_without_a_margin_it_is_softmax_of_scaled_cosines(name):
  zero = {'margin': 0}
  if name == 'magface':
    zero = {'low_margin': 0, 'high_margin': 0, 'weight': 0}
  head = heads.make(name, scale=8, **zero)
  rng = np.random.default_rng(0)
  params = head.init(jax.random.key(1), 3, 4)
  embeddings = jnp.asarray(rng.standard_normal((5, 3)), jnp.float32)
  labels = _labels(0, 1, 2, 3, 0)
  unit = lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)
  plain = {'kernel': 8 * unit(params['centres']).T, 'bias': jnp.zeros(4)}
  for smoothing in (0.0, 0.1):
    np.testing.assert_allclose(
      _losses(head, params, embeddings, labels, smoothing),
      _losses(heads.softmax(), plain, unit(embeddings), labels, smoothing),
      rtol=1e-5,
    )


@pytest.mark.parametrize('name', MARGINS)
def test_label_smoothing_shares_the_label(name):
  head = heads.make(name, **MARGINS[name])
  embeddings, labels = _at(60, 100, 20), _labels(0, 1, 1)
  loss = lambda *smoothing: _losses(
    head, CENTRES, embeddings, labels, *smoothing
  )
  np.testing.assert_array_equal(loss(0.0), loss())
  # (1 - s) (z - z_y) + s (z - mean z) is linear in s.
  np.testing.assert_allclose(loss(0.2) - loss(), 2 * (loss(0.1) - loss()), 1e-4)
  # Its slope z_y - mean z, by hand for the first of ArcFace.
  if name == 'arcface':
    own, other = 4 * math.cos(math.pi / 3 + 0.5), 4 * math.cos(math.pi / 6)
    slope = (loss(0.2) - loss())[0] / 0.2
    np.testing.assert_allclose(slope, (own - other) / 2, rtol=1e-5)


def _written(name, settings, embedding, centres, label):
  """The formula of one picture with its angles, in float64."""
  a = np.linalg.norm(embedding)
  unit = centres / np.linalg.norm(centres, axis=1, keepdims=True)
  cosines = unit @ (embedding / a)
  margin, price = settings.get('margin'), 0
  if name == 'magface':
    low, high = settings['low_norm'], settings['high_norm']
    a = np.clip(a, low, high)
    margin = 0.45 + (0.8 - 0.45) * (a - low) / (high - low)
    price = settings['weight'] * (a / high**2 + 1 / a)
  if name == 'cosface':
    cosines[label] -= margin
  else:
    cosines[label] = np.cos(np.arccos(cosines[label]) + margin)
  logits = settings['scale'] * cosines
  return np.log(np.exp(logits).sum()) - logits[label] + price


def _differences(function, x, step=1e-6):
  """Central differences [...] of a function of one array."""
  gradient = np.zeros_like(x)
  for i in np.ndindex(x.shape):
    move = np.zeros_like(x)
    move[i] = step
    gradient[i] = (function(x + move) - function(x - move)) / (2 * step)
  return gradient


@pytest.mark.parametrize('name', MARGINS)
@pytest.mark.parametrize('angle', [None, 1e-3])
def test_gradients_are_those_of_the_written_formula(name, angle):
  settings = MARGINS[name]
  rng = np.random.default_rng(2)
  centres, embedding = rng.standard_normal((4, 3)), rng.standard_normal(3)
  label = int(np.argmax(centres @ embedding))
  if angle is not None:  # nearly at its centre, where sqrt(1 - cos^2) fails
    own = centres[label] / np.linalg.norm(centres[label])
    beside = np.cross(own, embedding)
    embedding = own + angle * beside / np.linalg.norm(beside)
  # The same numbers for both, or the angle itself would be another.
  centres, embedding = (x.astype(np.float32) for x in (centres, embedding))
  head = heads.make(name, **settings)

  def loss(embedding, centres):
    params = {'centres': centres}
    return head.losses(params, embedding[None], _labels(label))[0]

  ours, actual = jax.jit(jax.value_and_grad(loss, (0, 1)))(embedding, centres)
  centres, embedding = centres.astype(float), embedding.astype(float)
  written = lambda e, c: _written(name, settings, e, c, label)
  np.testing.assert_allclose(ours, written(embedding, centres), rtol=1e-4)
  expected = (
    _differences(lambda e: written(e, centres), embedding),
    _differences(lambda c: written(embedding, c), centres),
  )
  for a, e in zip(actual, expected, strict=True):
    np.testing.assert_allclose(a, e, rtol=2e-3, atol=2e-3 * np.abs(e).max())


@pytest.mark.parametrize('name', heads.HEADS)
def test_gradients_are_finite_where_angles_have_none(name):
  head = heads.make(name)
  params = head.init(jax.random.key(0), 2, 2)
  if 'centres' in params:
    params = CENTRES
  # At the centre, opposite to it, without a direction, and twice the same.
  embeddings = jnp.array([[9.0, 0], [-9, 0], [0, 0], [0, 0], [0, 5], [0, 5]])
  labels = _labels(0, 0, 0, 1, 1, 1)

  def loss(params, embeddings):
    return jnp.sum(head.losses(params, embeddings, labels))

  step = jax.jit(jax.value_and_grad(loss, (0, 1)))
  value, gradients = step(params, embeddings)
  for leaf in jax.tree.leaves((value, gradients)):
    assert np.isfinite(leaf).all()
  assert np.abs(gradients[1]).max() > 0


def test_names_and_settings_are_checked():
  for name in heads.HEADS:
    head = heads.make(name)
    params = head.init(jax.random.key(0), 3, 4)
    if head.logits is None:
      assert name in ('triplet', 'match')
    else:
      assert head.logits(params, jnp.ones((2, 3))).shape == (2, 4)
  assert heads.make('arcface', margin=0.1) is not None


@pytest.mark.parametrize(
  'name, settings, field',
  [
    ('sphereface', {}, 'head'),
    ('softmax', {'scale': 64}, 'scale'),
    ('arcface', {'scale': 0}, 'scale'),
    ('arcface', {'scale': math.inf}, 'scale'),
    ('arcface', {'scale': '64'}, 'scale'),
    ('arcface', {'margin': math.nan}, 'margin'),
    ('arcface', {'margin': 28.6}, 'margin'),  # degrees
    ('cosface', {'margin': -0.1}, 'margin'),
    ('magface', {'low_norm': 0}, 'low_norm'),
    ('magface', {'low_norm': 110}, 'high_norm'),
    ('magface', {'high_margin': 0.4}, 'high_margin'),
    ('magface', {'weight': -1}, 'weight'),
    ('triplet', {'margin': 5}, 'margin'),
    ('triplet', {'mining': 'easy'}, 'mining'),
  ],
)
def test_bad_settings_are_refused(name, settings, field):
  with pytest.raises(InputError, match=f'^{field}: '):
    heads.make(name, **settings)


@pytest.mark.parametrize(
  'name, smoothing',
  [('softmax', 1), ('arcface', math.nan), ('triplet', 0.1), ('match', 0.1)],
)
def test_bad_label_smoothing_is_refused(name, smoothing):
  head = heads.make(name)
  params = head.init(jax.random.key(0), 2, 2)
  with pytest.raises(InputError, match='^label_smoothing: '):
    head.losses(params, _at(0, 60), _labels(0, 1), smoothing)
