"""What is said of a cloak, with networks small enough to know by heart."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from cloaker import Cloaker
from face_frame import Frame
from poison_settings import Output, Settings

from fr_poison import extractors

SETTINGS = Settings(
  surrogates=('mobileface', 'faceres'),
  input_size={},
  attack={'name': 'pgd', 'epsilon': 8 / 255, 'num_steps': 1},
  max_dssim=None,
  size=32,
  output=Output('png'),
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


def test_displacement_is_the_mean_over_networks():
  networks = [_network(0.2, 16), _network(0.7, 20)]
  image = np.full((40, 30, 3), 102, np.uint8)  # .4
  saved = np.full((40, 30, 3), 153, np.uint8)  # .6
  unrounded = np.full((40, 30, 3), 0.8, np.float32)
  (measured,) = Cloaker(SETTINGS, networks).measure(
    image, saved, [(Frame(), unrounded)]
  )
  assert measured['linf'] == pytest.approx(0.2)

  def distance(red, other):
    vectors = [np.array([[r, s] for s in (0.2, 0.7)]) for r in (red, other)]
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in vectors)
    return ((a - b) ** 2).sum() / 2

  moved = measured['feature_displacement']
  assert moved['saved'] == pytest.approx(distance(0.4, 0.6), rel=1e-4)
  assert moved['jpeg'] == pytest.approx(distance(0.4, 0.6), rel=1e-2)
  assert moved['float'] == pytest.approx(distance(0.4, 0.8), rel=1e-4)


def test_a_coloured_attack_leaves_grey_pictures_grey():
  attack = SETTINGS.attack | {'luminance_only': False}
  settings = dataclasses.replace(SETTINGS, attack=attack)
  cloaker = Cloaker(settings, [_network(0.5, 16)])
  grey = np.arange(1200).reshape(40, 30, 1).astype(np.uint8)
  (change,) = cloaker.changes([(grey, Frame())])
  assert change.levels.shape == (32, 32, 1) and change.levels.any()
  (change,) = cloaker.changes([(np.repeat(grey, 3, -1), Frame())])
  assert change.levels.shape == (32, 32, 3)
  assert (change.levels != change.levels[..., :1]).any()  # it is coloured
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
    ('output', Output('jpeg')),
    ('attack', SETTINGS.attack | {'num_steps': 2}),
  ):
    other = dataclasses.replace(SETTINGS, **{field: value})
    assert other.digest(networks) != digest
  assert SETTINGS.digest([_network(0.5, 16, sha256='1')]) != digest
