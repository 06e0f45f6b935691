"""What is said of a cloak, with networks small enough to know by heart."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fr_poison import extractors
from fr_poison.data import align
from fr_poison.photos import Output, Settings, cloak, pixels
from fr_poison.photos.cloak import Cloaker, Part
from fr_poison.photos.view import Frame

SETTINGS = Settings(
  surrogates=('mobileface', 'faceres'),
  input_size={},
  attack={'name': 'pgd', 'epsilon': 8 / 255, 'num_steps': 1},
  max_dssim=None,
  size=32,
  output=Output(format='png'),
  batch_size=3,
  seed=0,
)


def _network(scale, input_size, sha256='0'):
  """[mean red, `scale`] of a picture that must come at the right size."""

  def embed_fn(params, images):
    red = jnp.mean(images[..., 0], (1, 2))
    return jnp.stack([red, params + 0 * red], -1)

  spec = extractors.spec('mobileface')
  params = jnp.float32(scale)
  return extractors.Extractor(embed_fn, params, spec, input_size, sha256)


def _codes(height, width, channels=3, seed=0):
  rng = np.random.default_rng(seed)
  shape = (height, width, channels)
  return rng.integers(0, 256, shape).astype(np.uint8)


def _add(image, change, max_dssim):
  change = pixels.resize(change, *image.shape[:2])
  return cloak.add(image, change, max_dssim, image)


def test_displacement_is_the_mean_over_networks():
  networks = [_network(0.2, 16), _network(0.7, 20)]
  image = np.full((40, 30, 3), 102, np.uint8)  # .4
  saved = np.full((40, 30, 3), 153, np.uint8)  # .6
  seen = {side: np.full((side, side, 3), 0.8, np.float32) for side in (16, 20)}
  cloaker = Cloaker(SETTINGS, networks)
  measured = cloaker.measure(image, saved, [Part(Frame(), seen)])
  fields = cloaker.fields(measured, cloaker.embed(measured))
  assert fields['linf'] == pytest.approx(0.2)

  def distance(red, other):
    vectors = [np.array([[r, s] for s in (0.2, 0.7)]) for r in (red, other)]
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in vectors)
    return ((a - b) ** 2).sum() / 2

  moved = fields['feature_displacement']
  assert moved['saved'] == pytest.approx(distance(0.4, 0.6), rel=1e-4)
  assert moved['jpeg'] == pytest.approx(distance(0.4, 0.6), rel=1e-2)
  assert moved['float'] == pytest.approx(distance(0.4, 0.8), rel=1e-4)


def test_a_coloured_attack_leaves_grey_pictures_grey():
  attack = SETTINGS.attack | {'luminance_only': False}
  settings = dataclasses.replace(SETTINGS, attack=attack)
  cloaker = Cloaker(settings, [_network(0.5, 16)])
  ramp = np.arange(1200).reshape(40, 30, 1).astype(np.uint8)
  grey, colour = np.repeat(ramp, 3, -1), ramp + np.uint8([0, 5, 9])
  (levels, _), (others, _) = cloaker.changes(
    [(cloaker.show(x, Frame()), Frame()) for x in (grey, colour)]
  )
  assert levels.shape == others.shape == (32, 32, 3) and levels.any()
  assert (levels == levels[..., :1]).all()
  assert (others != others[..., :1]).any()  # it is coloured
  assert cloaker.changes([]) == []


def test_digest_is_of_everything_but_the_batch_size():
  networks = [_network(0.5, 16)]
  digest = SETTINGS.digest(networks)
  same = dataclasses.replace(SETTINGS, batch_size=8)
  assert same.digest(networks) == digest
  for field, value in (
    ('seed', 1),
    ('size', 64),
    ('max_dssim', 0.1),
    ('output', Output(format='jpeg')),
    ('attack', SETTINGS.attack | {'num_steps': 2}),
  ):
    other = dataclasses.replace(SETTINGS, **{field: value})
    assert other.digest(networks) != digest
  assert SETTINGS.digest([_network(0.5, 16, sha256='1')]) != digest


def test_what_two_squares_share_is_the_first_ones():
  image = np.full((80, 80, 3), 100, np.uint8)
  first, second = (
    Frame(box, align.template_points('dlib', 40))
    for box in (np.s_[10:50, 0:40], np.s_[30:70, 20:60])
  )
  change = np.full((32, 32, 3), 8, np.int16), None
  cloaker = Cloaker(SETTINGS, [_network(0.5, 16)])
  alone, _ = cloaker.put(image, [first], [change])
  codes, parts = cloaker.put(image, [first, second], [change, change])
  assert [part.reason for part in parts] == [None, None]
  np.testing.assert_array_equal(codes[first.box], alone[first.box])
  other, _ = cloaker.put(image, [second], [change])
  assert (other[30:50, 20:40] != image[30:50, 20:40]).any()
  other[first.box] = alone[first.box]
  np.testing.assert_array_equal(codes, other)
  # Also where the first one has no cloak.
  codes, parts = cloaker.put(image, [first, second], [(None, None), change])
  assert [part.scale for part in parts] == [0, 1]
  np.testing.assert_array_equal(codes[first.box], image[first.box])


def test_add_at_the_same_size_adds_exactly():
  image = np.clip(_codes(40, 40), 10, 245)
  change = (_codes(40, 40, seed=1) % 17).astype(np.int16) - 8
  codes, scale = _add(image, change, None)
  np.testing.assert_array_equal(codes, image + change)
  assert scale == 1


def test_what_networks_see_before_8_bits():
  image = np.clip(_codes(40, 30), 10, 245)
  levels = (_codes(32, 32, seed=1) % 9).astype(np.int16) - 4
  cloaker = Cloaker(SETTINGS, [_network(0.2, 16), _network(0.7, 20)])
  _, ((_, seen, *_),) = cloaker.put(image, [Frame()], [(levels, None)])
  unrounded = (image + pixels.resize(levels, 40, 30)[:]) / np.float32(255)
  for side in (16, 20):
    expected = pixels.resize(unrounded, side, side)[:]
    np.testing.assert_array_equal(seen[side], expected)
  # The picture itself where the attack found nothing, or nothing is left.
  for levels in (None, np.zeros((32, 32, 3), np.int16)):
    _, ((_, seen, *_),) = cloaker.put(image, [Frame()], [(levels, None)])
    original = pixels.resize(image / np.float32(255), 16, 16)[:]
    np.testing.assert_array_equal(seen[16], original)


def test_no_pixel_moves_more_than_the_attack_moved_any():
  image = _codes(97, 61)  # also black and white pixels, which must not wrap
  change = np.where(_codes(40, 40, seed=1) > 127, 8, -8).astype(np.int16)
  codes, _ = _add(image, change, None)
  moved = np.abs(codes.astype(int) - image)
  assert moved.max() == 8
  up = jax.image.resize(change.astype(np.float32), image.shape, 'linear')
  expected = np.clip(image + np.asarray(up), 0, 255)
  assert np.abs(codes - expected).max() <= 0.5 + 1e-3


def test_dssim_is_kept_by_the_largest_scale_that_does():
  y = np.linspace(60, 190, 90)[:, None, None]
  image = np.broadcast_to(y, (90, 70, 3)).astype(np.uint8)
  change = np.where(_codes(40, 40, seed=1) > 127, 12, -12).astype(np.int16)
  whole = pixels.dssim(image, _add(image, change, None)[0])
  budget = whole / 3
  codes, scale = _add(image, change, budget)
  assert 0.05 < scale < 0.95
  assert 0 < pixels.dssim(image, codes) <= budget
  up = pixels.resize(change, 90, 70)[:]
  larger = np.rint(image + (scale + 0.05) * up).astype(np.uint8)
  assert pixels.dssim(image, larger) > budget
  np.testing.assert_array_equal(codes, np.rint(image + np.float32(scale) * up))


def test_nothing_left_of_a_change_is_said_so():
  image = _codes(40, 40)
  codes, scale = _add(image, np.zeros((20, 20, 3), np.int16), None)
  np.testing.assert_array_equal(codes, image)
  assert scale == 0
  one = np.zeros((20, 20, 3), np.int16)
  one[3, 3] = 1  # a quarter of a level when spread, at .95 and less: nothing
  assert _add(image, one, 1e-12)[1] == 0
