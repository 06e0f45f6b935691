import jax.numpy as jnp
import numpy as np
import pytest
import toy_network
from photos import picture

from fr_poison.data import squeeze
from fr_poison.detectors import squeezing
from fr_poison.extractors import Extractor, NetworkSpec
from fr_poison.types import InputError

SQUEEZERS = ({'name': 'bit_depth', 'bits': 1}, {'name': 'grayscale'})
# Embeds as the mean of each channel.
MEANS = Extractor(
  lambda params, images: params['scale'] * images.mean((1, 2)),
  {'scale': jnp.ones(3)},
  NetworkSpec('means', None, 0, 3),
  0,
  None,
)


def _make(network, squeezers=squeezing.SQUEEZERS, **settings):
  chosen = squeezing.Squeezing('toy', tuple(squeezers), **settings)
  return chosen.fit(_of_colour(0, 0, 0), extractor=network)


def _of_colour(*colour):
  return np.full((1, 6, 6, 3), colour, np.uint8)


def test_the_farthest_squeezer_counts():
  # (200, 100, 0) points to (2, 1, 0) / sqrt(5). One bit makes it (255, 0, 0),
  # at cos 2 / sqrt(5); grey is along (1, 1, 1), at cos 3 / sqrt(15). Unit
  # vectors are sqrt(2 - 2 cos) apart: .459 and .671.
  image = _of_colour(200, 100, 0)
  expected = {
    (0,): np.sqrt(2 - 4 / np.sqrt(5)),
    (1,): np.sqrt(2 - 6 / np.sqrt(15)),
    (0, 1): np.sqrt(2 - 6 / np.sqrt(15)),
    (1, 0): np.sqrt(2 - 6 / np.sqrt(15)),
  }
  for which, distance in expected.items():
    detector = _make(MEANS, [SQUEEZERS[i] for i in which])
    np.testing.assert_allclose(detector.score(image), distance, rtol=1e-5)


def test_what_no_squeezer_changes_scores_zero():
  # Nor does black, whose embedding has no direction.
  images = np.concatenate([_of_colour(255, 255, 255), _of_colour(0, 0, 0)])
  np.testing.assert_array_equal(_make(MEANS, SQUEEZERS).score(images), 0)


def test_a_fine_pattern_scores_above_a_smooth_picture():
  # A network that looks at single pixels: the pattern is all it sees of grey.
  network = Extractor(
    lambda params, images: images[:, ::2, ::2, 0] - images[:, 1::2, 1::2, 0],
    {},
    NetworkSpec('pattern', None, 0, 9),
    0,
    None,
  )
  flatten = network._replace(
    embed_fn=lambda params, images: (
      network.embed_fn(params, images).reshape(len(images), -1) + 0.1
    )
  )
  smooth = np.stack([picture(16, 16, seed) for seed in range(4)])
  down, right = np.mgrid[:16, :16]
  pattern = np.where((down + right) % 4 < 2, 12, -12)[..., None]
  cloaked = np.clip(smooth + pattern, 0, 255).astype(np.uint8)
  score = _make(flatten, [{'name': 'median', 'size': 3}]).score
  assert score(cloaked).min() > score(smooth).max()


def test_a_score_is_of_one_picture_alone():
  detector = _make(toy_network.extractor(), batch_size=3)
  images = toy_network.pictures(np.arange(5) % 3)
  scores = detector.score(images)
  assert scores.shape == (5,) and (0 < scores).all() and (scores < 2).all()
  alone = [detector.score(image[None])[0] for image in images[::-1]]
  np.testing.assert_allclose(alone[::-1], scores, atol=1e-6)
  assert detector.score(images[:0]).shape == (0,)
  assert (detector.name, detector.features) == ('squeezing', 'toy')


def test_the_digest_is_of_weights_and_squeezers():
  altered = MEANS._replace(params={'scale': jnp.ones(3).at[1].set(1.0000001)})
  digests = {
    _make(network, squeezers).digest
    for network in (MEANS, altered, MEANS._replace(mirrored=True))
    for squeezers in (SQUEEZERS, SQUEEZERS[:1], SQUEEZERS[::-1])
  }
  assert len(digests) == 9
  assert _make(MEANS, list(SQUEEZERS)).digest in digests


def test_the_default_is_theirs_and_jpeg():
  assert squeezing.SQUEEZERS[:3] == squeeze.XU_JOINT
  assert squeezing.SQUEEZERS[3]['name'] == 'jpeg'


@pytest.mark.parametrize(
  'squeezers, message',
  [
    ((), 'squeezers: none given'),
    (({'name': 'mean'},), "squeezer: 'mean' is unknown"),
    (({'name': 'median', 'size': 0},), 'size: 0;'),
  ],
)
def test_what_squeezes_nothing_is_refused(squeezers, message):
  with pytest.raises(InputError, match=f'^{message}'):
    squeezing.Squeezing('toy', squeezers)
