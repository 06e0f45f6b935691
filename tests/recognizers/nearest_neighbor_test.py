import numpy as np
import pytest

from fr_poison.data.splits import Split, split_per_person
from fr_poison.recognizers import nearest_neighbor


def test_predicts_the_nearest_and_the_first_of_equals():
  gallery = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 0.0]])
  model = nearest_neighbor.fit(gallery, np.array([7, 8, 9]))
  probes = np.array([[1.9, 0.0], [2.1, 0.0], [0.0, 1.0]])
  np.testing.assert_array_equal(
    nearest_neighbor.predict(model, probes), [7, 8, 7]
  )


def test_distances_keep_their_digits_far_from_zero():
  rng = np.random.default_rng(0)
  a = (1000 + rng.standard_normal((5, 8))).astype(np.float32)
  b = (1000 + rng.standard_normal((6, 8))).astype(np.float32)
  exact = ((a[:, None].astype(float) - b) ** 2).sum(-1)
  ours = nearest_neighbor.squared_distances(a, b)
  np.testing.assert_allclose(ours, exact, rtol=1e-4)


def test_normalised_embeddings_are_compared_by_direction():
  gallery, labels = np.array([[9.0, 0.0], [1.0, 1.0]]), np.array([0, 1])
  probe = np.array([[2.0, 0.1]])  # near (1, 1), but pointing at (9, 0)
  for normalize, expected in ((False, 1), (True, 0)):
    model = nearest_neighbor.fit(gallery, labels, normalize=normalize)
    assert nearest_neighbor.predict(model, probe)[0] == expected


@pytest.mark.parametrize('normalize', [False, True])
def test_one_pass_over_all_protected_people_equals_one_fit_each(normalize):
  rng = np.random.default_rng(1)
  labels = np.repeat(np.arange(5), 6).astype(np.int32)
  centres = rng.standard_normal((5, 4))
  clean = (centres[labels] + rng.standard_normal((30, 4))).astype(np.float32)
  cloaked = (clean + 2 * rng.standard_normal((30, 4))).astype(np.float32)
  protected = [1, 3, 4]
  splits = [split_per_person(labels, seed=seed) for seed in range(3)]
  splits.append(Split(np.arange(0, 30, 2), np.arange(1, 30, 2)))

  together = nearest_neighbor.predict_protected(
    clean, cloaked, labels, protected, splits, normalize=normalize
  )
  for (train, test), predictions in zip(splits, together, strict=True):
    assert predictions.shape == (3, len(test))
    for person, predicted in zip(protected, predictions, strict=True):
      own = labels[train] == person
      gallery = np.where(own[:, None], cloaked[train], clean[train])
      model = nearest_neighbor.fit(gallery, labels[train], normalize=normalize)
      expected = nearest_neighbor.predict(model, clean[test])
      np.testing.assert_array_equal(predicted, expected)
  # The cloaks matter here, or this test could not fail.
  bare = nearest_neighbor.predict_protected(
    clean, clean, labels, protected, splits, normalize=normalize
  )
  assert (np.concatenate(bare, 1) != np.concatenate(together, 1)).any()
