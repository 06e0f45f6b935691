import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from fr_poison.search import distractors
from fr_poison.types import InputError


def test_fits_ledoit_and_wolfs_covariance():
  rng = np.random.default_rng(0)
  mixing = rng.standard_normal((5, 5))
  for count in (4, 60):  # fewer pictures than dimensions, and more
    x = rng.standard_normal((count, 5)) @ mixing + 3
    expected = LedoitWolf().fit(x)
    model = distractors.fit(x)
    assert model.shrinkage == pytest.approx(expected.shrinkage_)
    np.testing.assert_allclose(model.mean, x.mean(0), rtol=1e-5)
    covariance = model.factor.T @ model.factor + model.spread**2 * np.eye(5)
    np.testing.assert_allclose(covariance, expected.covariance_, rtol=1e-3)


def test_draws_have_the_models_moments_and_a_block_its_own_numbers():
  factor = np.array([[2.0, 1.0]], np.float32)
  model = distractors.Model(np.array([3.0, -1.0], np.float32), factor, 0.5, 0.1)
  faces = distractors.draw(model, 20_000, seed=1)
  # Deviations of the mean: 2 / sqrt(20,000) = .014; of the covariance, about
  # sqrt(2) 4 / sqrt(20,000) = .04.
  np.testing.assert_allclose(faces.mean(0), model.mean, atol=0.06)
  expected = [[4.25, 2], [2, 1.25]]
  np.testing.assert_allclose(np.cov(faces.T), expected, atol=0.16)
  np.testing.assert_array_equal(distractors.draw(model, 20_000, 1), faces)
  others = [distractors.draw(model, 9, *x) for x in ((1, 1), (2, 0))]
  for other in others:
    assert not np.isin(other, faces).any()


@pytest.mark.parametrize('normalize', [False, True])
def test_one_pass_finds_the_nearest_of_the_first_n(monkeypatch, normalize):
  monkeypatch.setattr(distractors, 'BLOCK', 8)
  rng = np.random.default_rng(0)
  probes, faces = rng.standard_normal((5, 3)), rng.standard_normal((30, 3))
  counts, asked = [30, 1, 8, 9, 20], []

  def strangers(block):
    asked.append(block)
    return faces[8 * block : 8 * block + 8]

  found = distractors.nearest_distances(probes, counts, strangers, normalize)
  assert asked == [0, 1, 2, 3]
  if normalize:
    probes, faces = (
      x / np.linalg.norm(x, axis=1, keepdims=True) for x in (probes, faces)
    )
  distances = np.linalg.norm(probes[:, None] - faces, axis=-1)
  expected = [distances[:, :n].min(1) for n in counts]
  np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_the_check_tells_a_right_model_from_a_wrong_one():
  rng = np.random.default_rng(0)
  labels = np.repeat(np.arange(60), 4)
  draw = lambda *shape: rng.standard_normal(shape)
  probes = draw(200, 3)
  right = distractors.check(draw(240, 3), labels, probes)
  assert right.num_people == 30
  # 8 draws of 30 strangers each on either side, seen by the same 200 probes:
  # the two differ by a few percent; far more where all the real strangers are
  # on a sphere, and the model fills it.
  assert right.difference < 0.1
  assert right.model == pytest.approx(right.real, rel=0.1)
  sphere = draw(240, 3)
  sphere *= 4 / np.linalg.norm(sphere, axis=1, keepdims=True)
  wrong = distractors.check(sphere, labels, probes)
  assert wrong.difference > 0.3 and wrong.model < wrong.real
  # Of directions, the ball and the sphere are the same.
  same = distractors.check(sphere, labels, probes, normalize=True)
  assert same.difference < 0.1


def test_each_half_of_the_people_is_held_out_once():
  # Everybody else is at 0, so that a person at 9 is the nearest to probes at 9
  # whenever they are a real stranger: in one of the two directions.
  labels = np.arange(4)
  faces = np.where(labels == 2, 9.0, labels / 100)[:, None]
  found = distractors.check(faces, labels, np.full((5, 1), 9.0))
  assert found.real == pytest.approx(9 / 2, abs=0.05)


def test_too_few_people_and_equal_faces_are_refused():
  faces, labels = np.eye(6), np.repeat([0, 1, 2], 2)
  with pytest.raises(InputError, match='distractors: 3 people'):
    distractors.check(faces, labels, faces)
  with pytest.raises(InputError, match='distractors: 1 pictures'):
    distractors.fit(faces[:1])
  with pytest.raises(InputError, match='all embeddings are the same'):
    distractors.fit(np.ones((5, 2)))
