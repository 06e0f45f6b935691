import numpy as np

from fr_poison import distances


def test_distances_keep_their_digits_far_from_zero():
  rng = np.random.default_rng(0)
  a = (1000 + rng.standard_normal((5, 8))).astype(np.float32)
  b = (1000 + rng.standard_normal((6, 8))).astype(np.float32)
  exact = ((a[:, None].astype(float) - b) ** 2).sum(-1)
  ours = distances.squared_distances(a, b)
  np.testing.assert_allclose(ours, exact, rtol=1e-4)


def test_nothing_stays_nothing():
  found = distances.normalize(np.array([[0.0, 0.0], [0.0, -3.0]]))
  np.testing.assert_array_equal(found, [[0, 0], [0, -1]])
