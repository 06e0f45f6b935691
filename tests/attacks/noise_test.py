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


def test_noise_with_a_window_is_as_strong_in_each_place(perturbations):
  # The change is in a square of a quarter of the picture, all its energy.
  inside = np.zeros((32, 32, 1), bool)
  inside[8:24, 4:20] = True
  change = perturbations * inside
  noise, placed = matched_noise(change), matched_noise(change, window=2.0)
  share = lambda x: (x**2 * inside).sum() / (x**2).sum()
  for one, even, own in zip(change, noise, placed, strict=True):
    assert share(even) < 0.5 and share(own) > 0.8
    values = [np.sort(x.reshape(-1, 3), 0) for x in (one, own)]
    np.testing.assert_array_equal(*values)
    spectrum, mine = (abs(np.fft.fft2(x, axes=(0, 1))) for x in (one, own))
    error = np.linalg.norm(mine - spectrum) / np.linalg.norm(spectrum)
    assert error < 0.3 and _neighbours(own) > 0.5
    # Not the cloak itself: few fields of this size fit into the square.
    assert abs(np.corrcoef(one.ravel(), own.ravel())[0, 1]) < 0.5


def test_changes_of_whole_levels_need_no_other_type():
  # 200^2 does not fit into 16 bits.
  change = np.zeros((1, 16, 16, 3), np.int16)
  change[:, :4, :4] = 200
  placed = matched_noise(change, window=1.0)
  assert placed.dtype == np.int16 and placed[:, :6, :6].sum() == change.sum()
