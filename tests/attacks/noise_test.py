import numpy as np
import pytest

from fr_poison.attacks.noise import matched_noise


@pytest.fixture(scope='module')
def perturbations():
  """Smooth colour fields of uneven strength; the second one is grey."""
  rng = np.random.default_rng(0)
  field = rng.standard_normal((2, 32, 32, 3))
  for axis in (1, 2):
    field = sum(np.roll(field, i, axis) for i in range(4))
  field = np.sign(field) * np.minimum(np.abs(field), 8)
  field[1] = field[1, ..., :1]
  return (field / 255).astype(np.float32)


def _neighbours(x):
  """Correlation of a pixel with its right neighbour."""
  return np.corrcoef(x[:, :-1].ravel(), x[:, 1:].ravel())[0, 1]


def test_same_values_and_smoothness_in_another_place(perturbations):
  noise = matched_noise(perturbations)
  for ours, theirs in zip(noise, perturbations, strict=True):
    for c in range(3):
      values = np.sort(ours[..., c].ravel()), np.sort(theirs[..., c].ravel())
      np.testing.assert_allclose(*values, rtol=1e-6)
    assert abs(_neighbours(ours) - _neighbours(theirs)) < 0.05
    assert _neighbours(theirs) > 0.5  # white noise would have 0
    assert abs(np.corrcoef(ours.ravel(), theirs.ravel())[0, 1]) < 0.3


def test_grey_stays_grey_and_colours_stay_mixed_alike(perturbations):
  noise = matched_noise(perturbations)
  np.testing.assert_array_equal(noise[1], noise[1][..., :1].repeat(3, -1))
  mix = lambda x: np.corrcoef(x.reshape(-1, 3).T)
  np.testing.assert_allclose(mix(noise[0]), mix(perturbations[0]), atol=0.1)


def test_depends_on_the_seed_and_the_picture_only(perturbations):
  draw = lambda seed, x: matched_noise(x, seed=seed)
  both = draw(0, perturbations)
  np.testing.assert_array_equal(both[1:], draw(0, perturbations[1:]))
  assert (both != draw(1, perturbations)).any()


def test_every_picture_has_phases_of_its_own(perturbations):
  # With one field of phases for all, the noise of a change turned around would
  # be the noise of the change turned around.
  both = np.stack([perturbations[0], -perturbations[0]])
  one, other = matched_noise(both)
  assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.3
